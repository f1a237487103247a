package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

func TestNeeds(t *testing.T) {
	b := load(t, `
counters:
  - {name: n, events: [message.send], when: 'signal("c") > 0.5', of: actor, text: t}
  - {name: unread, events: [message.send], when: 'signal("d") > 0.5', of: actor, text: t}
rules:
  - {id: a, events: [message.send], when: 'signal("b") > 0.5 && count("n", actor, "7d") > 1.0 && label(content, "x")', act: hold, text: t}
  - {id: b, events: ["*"], when: 'signal("a") > 0.5 || has_attr("k") && attr("k") == 1', act: hold, text: t}
  - {id: c, events: [message.send], when: 'signal("never") > 0.5', act: hold, text: t, status: announced}
  - {id: d, events: [message.send], when: 'signal("later") > 0.5', act: hold, text: t, valid_from: 2099-01-01}
`)
	for kind, want := range map[event.Type]policy.Needs{
		event.MessageSend: {
			Signals: []string{"a", "b", "c", "later"}, Counts: []policy.Count{{Name: "n", Of: "actor", Window: 7 * 24 * time.Hour}},
			Labels: []string{"content:x"}, Attributes: []string{"k"}},
		"x.unheard": {Signals: []string{"a"}, Counts: []policy.Count{}, Labels: []string{}, Attributes: []string{"k"}},
	} {
		if d := cmp.Diff(want, b.Needs(kind)); d != "" {
			t.Errorf("%s (-want +got):\n%s", kind, d)
		}
	}
	if key := policy.CountKey("n", "actor", 7*24*time.Hour); key != "n/actor/168h" {
		t.Errorf("key %q", key)
	}
}

func TestExplain(t *testing.T) {
	b := load(t, `
rules:
  - {id: a, events: [message.send], when: 'viewer.minor && signal("s") > 0.5', viewer: hold, text: t}
  - {id: b, events: [content.create], when: "true", act: hold, text: t}
  - {id: c, events: [message.send], when: "true", act: hold, text: t, status: proposed}
  - {id: d, events: [message.send], when: "true", act: hold, text: t, jurisdictions: [AU]}
  - {id: e, events: [message.send], when: "true", act: hold, text: t, valid_from: 2027-01-01}
`)
	in := lacking(message(member("child", event.Band6to9), member("adult", event.Band18Plus)), "signal:s")
	got := b.Explain(t.Context(), &in)
	if d := cmp.Diff("hold", got[0].Outcome.String()); d != "" || !got[0].Applied || got[0].Verdict != "missing" {
		t.Errorf("a: %+v", got[0])
	}
	wantParts := []policy.Part{{Text: `signal("s") > 0.5`, Value: "missing", Reads: []policy.Reading{{Name: `signal("s")`}}}}
	wantViewers := []policy.ViewerVerdict{
		{Viewers: []string{"child"}, Verdict: "missing", Parts: []policy.Part{
			{Text: "viewer.minor", Value: "true", Reads: []policy.Reading{{Name: "viewer.minor", Value: true}}}}},
		{Viewers: []string{"adult"}, Verdict: "false", Parts: []policy.Part{
			{Text: "viewer.minor", Value: "false", Reads: []policy.Reading{{Name: "viewer.minor", Value: false}}}}},
	}
	if d := cmp.Diff(wantParts, got[0].Parts) + cmp.Diff(wantViewers, got[0].Viewers); d != "" {
		t.Errorf("a (-want +got):\n%s", d)
	}
	for i, want := range []string{"", "not for message.send", "status proposed", "holds in AU, the event is of GB", "valid from 2027-01-01"} {
		if got[i].Off != want {
			t.Errorf("%s is off for %q, want %q", got[i].Rule, got[i].Off, want)
		}
	}
}

func TestDiff(t *testing.T) {
	before := load(t, rule("viewer: hold")+"lists: {a: [x], b: [y]}\n")
	after := load(t, rule("viewer: block", "kind: spam.other")+"  - {id: s, events: [\"*\"], when: 'true', act: hold, text: t}\nlists: {a: [x, z]}\n")
	want := []policy.Change{
		{What: "rule", ID: "r", Change: "changed", Fields: []policy.Field{
			{Key: "kind", New: `"spam.other"`}, {Key: "viewer", Old: `"hold"`, New: `"block"`}}},
		{What: "rule", ID: "s", Change: "added"},
		{What: "list", ID: "a", Change: "changed", Fields: []policy.Field{{Old: `["x"]`, New: `["x","z"]`}}},
		{What: "list", ID: "b", Change: "removed"},
	}
	if d := cmp.Diff(want, policy.Diff(before, after)); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	if changes := policy.Diff(before, before); len(changes) != 0 {
		t.Errorf("a bundle differs from itself: %v", changes)
	}
}

func TestSafeguards(t *testing.T) {
	b := load(t, `
safeguards:
  - id: all
    effects: {personalised_ads: false}
  - id: minors
    under: 18
    effects: {private_profile: true, dm_from_strangers: confirm, push_quiet_hours: {from: "22:00", to: "06:00"}, break_reminder_minutes: 60}
    locked: [private_profile]
    measures: [a:1]
  - id: young
    under: 13
    effects: {dm_from_strangers: "off", push_quiet_hours: {from: "21:00", to: "05:00"}, break_reminder_minutes: 30}
    locked: [dm_from_strangers]
  - {id: later, under: 16, effects: {account_allowed: false}, valid_from: 2027-03-01, jurisdictions: [AU]}
  - {id: over, under: 18, effects: {streaks: false}, valid_to: 2026-12-31, jurisdictions: [GB]}
  - {id: never, effects: {spending: false}, status: announced}
`)
	got := b.Safeguards(someone(event.Band10to12), noon, []string{"AU"})
	for name, want := range map[string]any{
		"personalised_ads": false, "private_profile": true, "dm_from_strangers": "off", "break_reminder_minutes": 30,
		"push_quiet_hours": policy.Interval{From: "21:00", To: "06:00"}, "account_allowed": true, "streaks": false, "spending": true,
	} {
		if d := cmp.Diff(want, got.Effects[name]); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	wantRules := []policy.SafeguardRule{
		{Effect: "break_reminder_minutes", Rule: "young", Measures: []string{}},
		{Effect: "dm_from_strangers", Rule: "young", Measures: []string{}},
		{Effect: "personalised_ads", Rule: "all", Measures: []string{}},
		{Effect: "private_profile", Rule: "minors", Measures: []string{"a:1"}},
		{Effect: "push_quiet_hours", Rule: "minors", Measures: []string{"a:1"}},
		{Effect: "streaks", Rule: "over", Measures: []string{}},
	}
	if d := cmp.Diff(wantRules, got.Rules) + cmp.Diff([]string{"dm_from_strangers", "private_profile"}, got.Locked); d != "" {
		t.Errorf("rules, locked (-want +got):\n%s", d)
	}
	if want := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC); !got.ValidUntil.Equal(want) {
		t.Errorf("valid until %v, want %v", got.ValidUntil, want)
	}
	if adult := b.Safeguards(someone(event.Band18Plus), noon, nil); len(adult.Rules) != 1 || !adult.ValidUntil.IsZero() {
		t.Errorf("an adult has %v until %v", adult.Rules, adult.ValidUntil)
	}
	nobody := b.Safeguards(policy.Subject{}, time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), nil)
	if nobody.Effects["account_allowed"] != false || nobody.Effects["dm_from_strangers"] != "off" {
		t.Errorf("someone of unknown age and place has %v", nobody.Effects)
	}
}
