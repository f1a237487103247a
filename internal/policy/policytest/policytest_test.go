package policytest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
	"github.com/breakwater-project/breakwater/policies"
)

// Every shipped rule is shown to apply and to spare, by tests that pass.
func shipped(t *testing.T) *policy.Bundle {
	t.Helper()
	b, err := policy.Load(nil, policy.Options{Shipped: policies.FS, Parts: policies.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestShippedBundles(t *testing.T) {
	b := shipped(t)
	report, err := policytest.Run(context.Background(), b, policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Failures {
		t.Error(f)
	}
	for _, g := range report.Gaps {
		t.Error(g)
	}
	for _, w := range b.Warnings() {
		t.Log(w)
	}
	t.Logf("%d tests of %d rules and %d safeguards", report.Tests, len(b.Rules()), len(b.SafeguardRules()))
}

const rules = `
counters:
  - {name: sent, events: [message.send], when: viewer.minor, of: actor, each: viewer, text: t}
  - {name: got, events: [message.send], when: viewer.minor, of: viewer, text: t}
  - {name: nobody.reads, events: [message.send], when: viewer.minor, of: viewer, text: t}
notices:
  n: {audience: actor, title: {en: Wait}, body: {en: Please.}, topics: [x]}
resources:
  - {topic: x, countries: [GB], name: Help, phone: "116"}
rules:
  - id: stranger
    events: [message.send]
    when: viewer.minor && !viewer.connected && actor.adult
    viewer: hold
    text: t
    effects: [{kind: review, queue: q, priority: 2}, {kind: strike}]
    notice: n
    jurisdictions: [GB]
  - {id: insult, events: [content.create], when: 'signal("s") > 0.5 && viewer.age_from < 13', viewer: blur, text: t}
  - {id: shadow, events: [content.create], when: 'signal("s") > 0.5', act: block, text: t, shadow: true}
  - {id: flood, events: [message.send], when: 'viewer.minor && (count("got", viewer, "1h") > 5 || count("sent", actor, "7d") > 9)', viewer: confirm, text: t}
  - {id: blocked, events: [message.send], when: viewer.blocked, viewer: block, text: t, covert: true}
  - {id: announced, events: [content.create], when: "true", act: block, text: t, status: announced}
safeguards:
  - {id: minors, under: 18, effects: {autoplay: false, dm_from_strangers: "off"}, locked: [autoplay], valid_to: 2027-01-01}
`

// run runs tests, given as the list in a test file, against rules.
func run(t *testing.T, tests string) (*policytest.Report, error) {
	t.Helper()
	fsys := fstest.MapFS{
		policy.Manifest: {Data: []byte("bundle: b\n")},
		"r.yaml":        {Data: []byte(rules)},
		"r_test.yaml":   {Data: []byte("tests:\n" + tests)},
	}
	b, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return policytest.Run(context.Background(), b, fsys)
}

const message = `event: {type: message.send, actor: {age: {band: 18+}, country: GB}, audience: {scope: direct, members: [{age: {band: 6-9}, country: GB}]}}`

func TestExpectations(t *testing.T) {
	for _, test := range []struct{ name, test, failure string }{
		{"all is well", message + `
    want: {outcome: hold, members: {m1: hold}, rules: [stranger], not_rules: [insult], effects: [{kind: review, queue: q}, {kind: strike, points: 1}],
      not_effects: [report], notice: Wait, resources: [Help], jurisdictions: [GB]}`, ""},
		{"outcome", message + "\n    want: {outcome: block}", "outcome is hold, want block"},
		{"member", message + "\n    want: {members: {m1: allow}}", "member m1 is hold, want allow"},
		{"no such member", message + "\n    want: {members: {m2: allow}}", "there is no member m2"},
		{"rules", message + "\n    want: {not_rules: [stranger]}", "rules has stranger"},
		{"no such rule", message + "\n    want: {rules: [strange]}", `there is no rule "strange"`},
		{"effect", message + "\n    want: {effects: [{kind: review, priority: 1}]}", "no effect is"},
		{"no effect", message + "\n    want: {not_effects: [strike]}", "effects have strike"},
		{"notice", message + "\n    want: {notice: \"\"}", "notice is Wait, want "},
		{"resource", message + "\n    want: {resources: [Other]}", "resources has no Other"},
		{"one rule", message + "\n    rule: insult\n    want: {outcome: allow, not_rules: [stranger]}", ""},
		{"bands", "event: {type: content.create}\n    signals: {s: 0.9}\n    want: {outcome: allow, bands: {10-12: blur, 13-15: allow}, shadow: [shadow]}", ""},
		{"counts", message + "\n    rule: flood\n    counts: {sent/actor/7d: 10}\n    want: {members: {m1: confirm}, counted: [sent, got]}", ""},
		{"counts of a member", message + "\n    rule: flood\n    members: {m1: {counts: {got/viewer/1h: 6}}}\n    want: {members: {m1: confirm}, degraded: []}", ""},
		{"counts for every member", message + "\n    rule: flood\n    counts: {got/viewer/1h: 6}\n    want: {members: {m1: confirm}, degraded: []}", ""},
		{"few", message + "\n    rule: flood\n    want: {members: {m1: allow}}", ""},
		{"no count", message + "\n    rule: flood\n    missing: [\"count:got/viewer/1h\"]\n    want: {doubt: [flood]}", ""},
		{"a count in vain", message + "\n    counts: {sent/actor/24h: 10}", "no rule for message.send reads the count sent/actor/24h, they read [got/viewer/1h sent/actor/168h]"},
		{"counted", message + "\n    want: {not_counted: [got]}", "counted has got"},
		{"counted, read by none", message + "\n    want: {counted: [nobody.reads]}", "no rule reads a counter nobody.reads, they read [got sent]"},
		{"blocked", message + "\n    rule: blocked\n    members: {m1: {blocked: true}}\n    want: {outcome: block, apparent: allow}", ""},
		{"apparent", message + "\n    members: {m1: {blocked: true}}\n    want: {apparent: allow}", "apparent outcome is hold, want allow"},
		{"missing", "event: {type: content.create}\n    missing: [\"signal:s\"]\n    want: {bands: {10-12: blur}, doubt: [insult], degraded: [\"signal:s\"]}", ""},
		{"settings", "account: {band: 6-9}\n    want: {settings: {autoplay: false, dm_from_strangers: \"off\", streaks: true}, locked: [autoplay], not_locked: [streaks], rules: [minors], valid_until: 2027-01-01}", ""},
		{"another setting", "account: {band: 18+}\n    want: {settings: {autoplay: false}}", "setting autoplay is true, want false"},
		{"another time", "at: 2027-01-01\n    account: {band: 6-9}\n    want: {rules: [minors]}", "safeguards has no minors"},
	} {
		t.Run(test.name, func(t *testing.T) {
			report, err := run(t, "  - name: it\n    "+test.test+"\n")
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case test.failure == "" && !report.OK():
				t.Errorf("fails: %v", report.Failures)
			case test.failure != "" && (len(report.Failures) != 1 || !strings.HasPrefix(report.Failures[0].Message, test.failure)):
				t.Errorf("failures %v, want %q", report.Failures, test.failure)
			}
		})
	}
}

// A test that is misspelt is an error: it would otherwise pass.
func TestFaultyTests(t *testing.T) {
	for name, test := range map[string]struct{ test, want string }{
		"unknown key":         {"  - name: a\n    account: {}\n    wants: {}\n", "r_test.yaml:4:5: field wants not found"},
		"unknown expectation": {"  - name: a\n    account: {}\n    want: {rule: x}\n", "field rule not found"},
		"no name":             {"  - account: {}\n", "r_test.yaml:2:5: a test needs a name"},
		"no event":            {"  - name: a\n", "r_test.yaml:2:5: a test needs an event, or an account"},
		"bad event":           {"  - name: a\n    event: {type: message.sent}\n", "r_test.yaml:2:5: event: type: must be one of"},
		"bad count":           {"  - name: a\n    counts: {sent/actor: 1}\n    event: {type: message.send}\n", `"sent/actor" must be a count`},
		"no such member":      {"  - name: a\n    members: {m1: {blocked: true}}\n    event: {type: message.send}\n", `the event has no member "m1"`},
		"bad field":           {"  - name: a\n    event: {type: message.send, audience: {members: [{bnad: 1}]}}\n", "audience.members[0].bnad"},
		"bad time":            {"  - name: a\n    at: tomorrow\n    account: {}\n", "at: must be a date"},
		"duplicate":           {"  - name: a\n    name: b\n    account: {}\n", `r_test.yaml:3:5: mapping key "name" already defined`},
		"not YAML":            {"  - [\n", "r_test.yaml:3:1:"},
	} {
		_, err := run(t, test.test)
		var errs policy.Errors
		if !errors.As(err, &errs) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestGaps(t *testing.T) {
	gaps := func(tests string) []string {
		report, err := run(t, tests)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, g := range report.Gaps {
			got = append(got, g.Rule+": "+g.Want)
		}
		return got
	}
	applies, spares := "that it applies", "that it does not apply"
	if d := cmp.Diff([]string{
		"stranger: " + applies, "stranger: " + spares, "insult: " + applies, "insult: " + spares,
		"flood: " + applies, "flood: " + spares, "blocked: " + applies, "blocked: " + spares, "announced: " + spares, "minors: " + applies, "minors: " + spares,
	}, gaps("  []\n")); d != "" {
		t.Errorf("without tests (-want +got):\n%s", d)
	}
	failing := "  - name: a\n    " + message + "\n    want: {outcome: allow, rules: [stranger]}\n"
	if got := gaps(failing); got[0] != "stranger: "+applies {
		t.Errorf("a test that fails shows something: %v", got)
	}
	if d := cmp.Diff([]string{"insult: " + applies, "flood: " + applies, "blocked: " + applies, "minors: " + applies}, gaps(`  - name: a
    `+message+`
    want: {rules: [stranger], not_rules: [insult, flood, blocked, announced]}
  - name: b
    rule: stranger
    event: {type: message.send, audience: {scope: direct, members: [{age: {band: 18+}}]}}
  - name: c
    account: {band: 18+}
    want: {not_rules: [minors]}
`)); d != "" {
		t.Errorf("with tests (-want +got):\n%s", d)
	}
}
