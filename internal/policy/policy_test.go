package policy_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/fstest"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

func bundleFS(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	if _, ok := files["bundle.yaml"]; !ok {
		fsys["bundle.yaml"] = &fstest.MapFile{Data: []byte("bundle: test\n")}
	}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// load compiles rules given as one file's text.
func load(t testing.TB, rules string) *policy.Bundle {
	t.Helper()
	b, err := policy.Load(bundleFS(map[string]string{"rules.yaml": rules}), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFirst(t *testing.T) {
	b := load(t, `
notices:
  held:
    audience: actor
    title: {en: "Held", de: "Angehalten"}
    body: {en: "b", de: "c"}
    topics: [bullying]
resources:
  - {topic: bullying, countries: [GB], name: Childline, url: "https://www.childline.org.uk/"}
rules:
  - id: contact.stranger
    events: [message.send]
    when: viewer.minor && !viewer.connected && actor.adult
    viewer: hold
    kind: contact.unsolicited_adult
    text: "An adult may have written to a child."
    effects: [{kind: review, queue: contact, priority: 2}, {kind: strike}]
    notice: held
    measures: [ofcom:ICU-F1]
    jurisdictions: [GB]
  - id: bully
    events: [message.send]
    when: >-
      viewer.age_from < 13
      && signal("text.insult") >= 0.5 && [1,2].exists(x, x == 2)
    viewer: blur
    text: "Insult."
`)
	in := policy.Input{Type: event.MessageSend, Time: time.Now(), Scope: event.Direct,
		Actor:   policy.Subject{Band: event.Band18Plus, From: 18, To: 150, Country: "GB"},
		Members: []policy.Member{{ID: "u", Subject: policy.Subject{Band: event.Band10to12, From: 10, To: 13, Country: "GB"}}},
		Signals: []decision.Signal{{Name: "text.insult", Score: .9}},
	}
	r := b.Eval(context.Background(), &in)
	out, _ := json.MarshalIndent(r, "", " ")
	t.Logf("%s", out)
	in.Signals = nil
	in.Missing = []policy.Missing{{Input: "signal:text.insult", Why: "timeout"}}
	in.Actor = policy.Subject{}
	r = b.Eval(context.Background(), &in)
	out, _ = json.MarshalIndent(r, "", " ")
	t.Logf("%s", out)
}
