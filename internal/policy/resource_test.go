package policy_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

const helplines = `
resources:
  - {topic: images, countries: ["*"], name: Anywhere under 18, url: "https://a.example/", under: 18, languages: [en]}
  - {topic: images, countries: ["*"], name: Anywhere from 18, url: "https://b.example/", from: 18}
  - {topic: images, countries: [BE], name: In French, phone: "103", languages: [fr], source: "https://c.example/about", checked: 2026-11-24}
  - {topic: images, countries: [BE], name: In Dutch, phone: "102", languages: [nl]}
  - {topic: talk, countries: [BE], name: For all, phone: "106"}
notices:
  told:
    audience: actor
    title: {en: "Told"}
    body: {en: "Told."}
    topics: [images]
rules:
  - {id: tell, events: [message.send], when: "true", act: inform, notice: told, text: "Told.", source: "test"}
`

func helpBundle(t *testing.T, yaml string) (*policy.Bundle, error) {
	t.Helper()
	return policy.Load(fstest.MapFS{
		"bundle.yaml": {Data: []byte("bundle: help\n")}, "help.yaml": {Data: []byte(yaml)},
	}, policy.Options{})
}

// A resource is for the ages that it is for; who may be a child or an adult is
// shown what is for either.
func TestHelpByAgeAndLanguage(t *testing.T) {
	b, err := helpBundle(t, helplines)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		country, language string
		from, to          int
		want              []string
	}{
		{"BE", "nl-BE", 13, 16, []string{"In Dutch", "For all", "In French", "Anywhere under 18"}},
		{"BE", "fr", 18, 150, []string{"In French", "For all", "In Dutch", "Anywhere from 18"}},
		{"GB", "en", 10, 150, []string{"Anywhere under 18", "Anywhere from 18"}},
		{"", "", 18, 150, []string{"Anywhere from 18"}},
	} {
		var got []string
		for _, r := range b.Help([]string{"images", "talk"}, c.country, c.language, c.from, c.to) {
			got = append(got, r.Name)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%+v:\n%s", c, d)
		}
	}
	for _, c := range []struct {
		subject policy.Subject
		want    int
	}{
		{policy.Subject{Country: "GB", Band: event.Band13to15}, 1},
		{policy.Subject{Country: "GB", Band: event.Band18Plus}, 1},
		{policy.Subject{Country: "GB", From: 10, To: event.MaxAge}, 2},
	} {
		in := policy.Input{Type: event.MessageSend, Actor: c.subject, Language: "en"}
		if got := b.Eval(t.Context(), &in).Notice.Resources; len(got) != c.want {
			t.Errorf("%+v is told of %v", c.subject, got)
		}
	}
}

func TestResourceFaults(t *testing.T) {
	for _, bad := range []string{
		`{topic: a, countries: ["*"], name: A, phone: "1x1"}`,
		`{topic: a, countries: ["*"], name: A, url: "http://a.example/"}`,
		`{topic: a, countries: ["*"], name: A, phone: "103", source: "our files"}`,
		`{topic: a, countries: ["*"], name: A, phone: "103", checked: yesterday}`,
		`{topic: a, countries: ["*"], name: A, phone: "103", under: -1}`,
		`{topic: a, countries: ["*"], name: A, phone: "103", from: 18, under: 18}`,
		`{topic: a, countries: ["*"], name: A, phone: "103", languages: [klingonish]}`,
		`{topic: a, countries: ["*"], name: A}`,
	} {
		if _, err := helpBundle(t, "resources:\n  - "+bad+"\n"); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
