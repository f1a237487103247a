package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

const budgets = `
budgets:
  - {id: minors, under: 18, kinds: [ndc.*, pc.stunts], window: 24h, items: 10, percent: 20}
  - {id: children, under: 13, kinds: [ndc.body_stigma], window: 12h, items: 3}
`

func loadBudgets(t *testing.T, rules, manifest string) (*policy.Bundle, error) {
	t.Helper()
	return policy.Load(fstest.MapFS{
		policy.Manifest: {Data: []byte("bundle: test\n" + manifest)}, "rules.yaml": {Data: []byte(rules)},
	}, policy.Options{})
}

func TestBudgets(t *testing.T) {
	b, err := loadBudgets(t, budgets, "")
	if err != nil {
		t.Fatal(err)
	}
	for band, want := range map[event.Band]string{
		event.Band10to12: "children minors", event.Band16to17: "minors", event.Band18Plus: "", event.BandUnknown: "children minors",
	} {
		var got []string
		for _, budget := range b.Budgets(policy.Subject{Band: band}) {
			got = append(got, budget.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: budgets %v, want %s", band, got, want)
		}
	}
	children, minors := b.Budgets(policy.Subject{Band: event.Band10to12})[0], b.Budgets(policy.Subject{Band: event.Band16to17})[0]
	if minors.Items != 10 || minors.Percent != 20 || minors.Window != 24*time.Hour || children.Percent != 100 || children.Window != 12*time.Hour {
		t.Errorf("%+v and %+v", minors, children)
	}
	for kind, want := range map[string]bool{"ndc.depression": true, "pc.stunts": true, "pc.animal": false, "ndc": false, "": false, "xndc.y": false} {
		if minors.Covers(kind) != want {
			t.Errorf("covers %q: %t", kind, !want)
		}
	}
	off, err := loadBudgets(t, budgets, "disable: [children]\n")
	if err != nil {
		t.Fatal(err)
	}
	if left := off.Budgets(policy.Subject{Band: event.Band10to12}); len(left) != 1 || left[0].ID != "minors" {
		t.Errorf("with children disabled: %v", left)
	}
	changed, err := loadBudgets(t, strings.Replace(budgets, "items: 3", "items: 4", 1), "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := policy.Diff(b, changed); b.Digest() == changed.Digest() || len(diff) != 1 || diff[0].What != "budget" || diff[0].ID != "children" {
		t.Errorf("another budget: digest %s, %v", changed.Digest(), diff)
	}
}

func TestBudgetFaults(t *testing.T) {
	for what, text := range map[string]string{
		"needs id, under":       "budgets:\n  - {id: minors, under: 18}\n",
		"is no kind of harm":    strings.Replace(budgets, "pc.stunts", "pc.kittens", 1),
		"must be a kind":        strings.Replace(budgets, "pc.stunts", "'*'", 1),
		"already defined":       strings.Replace(budgets, "children", "minors", 1),
		"a time of at most 24h": strings.Replace(budgets, "12h", "48h", 1),
		"from 1 to 100":         strings.Replace(budgets, "percent: 20", "percent: 0", 1),
		"unknown key":           strings.Replace(budgets, "percent", "share", 1),
	} {
		if _, err := loadBudgets(t, text, ""); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "rules.yaml:") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
