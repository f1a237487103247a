package policy_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/policy"
)

// rule is one rule with the lines given, which replace its defaults.
func rule(lines ...string) string {
	text := "rules:\n  - id: r\n"
	all := strings.Join(lines, "\n")
	for _, line := range []string{`events: [message.send]`, `when: "true"`, `viewer: hold`, `text: t`} {
		key, _, _ := strings.Cut(line, ":")
		if !strings.Contains("\n"+all, "\n"+key+":") {
			text += "    " + line + "\n"
		}
	}
	for _, line := range lines {
		text += "    " + line + "\n"
	}
	return text
}

// Each fault is named where it is. Lines and columns count from 1.
func TestLoadErrors(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "rules:\n  - id: a\n    wenn: x\n", []string{
			`rules.yaml:2:9: rule a: events is required`, `rules.yaml:2:9: rule a: when is required`,
			`rules.yaml:2:9: rule a: text is required`, `rules.yaml:2:9: rule a: viewer or act is required: what happens?`,
			`rules.yaml:3:5: unknown key "wenn": want one of id, events, when, viewer, act, kind, text, effects, notice, measures, jurisdictions, valid_from, valid_to, status, source, on_error, shadow`,
		}},
		{"unknown key of the file", "ruls: []\n", []string{`rules.yaml:1:1: unknown key "ruls": want one of rules, safeguards, counters, budgets, lists, notices, resources`}},
		{"duplicate key", rule("text: t", "text: u"), []string{`rules.yaml:7:5: duplicate key "text"`}},
		{"duplicate id", rule() + rule()[len("rules:\n"):], []string{`rules.yaml:7:9: rule r is already defined at rules.yaml:2`}},
		{"null", rule("kind:"), []string{`rules.yaml:7:10: kind has no value`}},
		{"not YAML", "rules: [\n", []string{`rules.yaml:2:1: not YAML: did not find expected node content`}},
		{"not a mapping", "- a\n", []string{`rules.yaml:1:1: must be a mapping of rules, safeguards, counters, budgets, lists, notices, resources`}},
		{"anchor", "lists: {a: &x [b], c: *x}\n", []string{
			`rules.yaml:1:12: anchors and aliases are not allowed`, `rules.yaml:1:23: anchors and aliases are not allowed`}},
		{"tag", "lists: {a: !!set [b]}\n", []string{`rules.yaml:1:12: explicit tags are not allowed`}},
		{"too deep", "rules: " + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "\n", []string{`rules.yaml:1:24: nested more than 16 deep`}},
		{"two documents", "rules: []\n---\nrules: []\n", []string{`rules.yaml:2:1: a second document begins: a file has one`}},
		{"outcome", rule("viewer: deny"), []string{`rules.yaml:6:13: "deny" must be one of allow, inform, demote, blur, confirm, gate, hold, block`}},
		{"event type", rule("events: [message.sent]"), []string{`rules.yaml:6:14: "message.sent" is not an event type: want one of the known ones, x.<name>, or "*" for all`}},
		{"kind", rule("kind: bully.drect"), []string{`rules.yaml:7:11: "bully.drect" is not a kind of harm: did you mean "bully.direct"?`}},
		{"measure", rule("measures: [ICU-F1]"), []string{`rules.yaml:7:16: "ICU-F1" must be <code>:<measure>, for example ofcom:ICU-F1`}},
		{"country", rule("jurisdictions: [UK, XX, US-C A, US-CA, EU]"), []string{
			`rules.yaml:7:21: "UK": the United Kingdom is GB`,
			`rules.yaml:7:25: "XX" is not a jurisdiction: want ISO 3166 as GB or US-CA, or EU`,
			`rules.yaml:7:29: "US-C A" is not a region: want ISO 3166-2, for example US-CA`}},
		{"date", rule("valid_from: 17.3.2025"), []string{`rules.yaml:7:17: "17.3.2025" must be a date, for example 2025-07-25`}},
		{"dates in the wrong order", rule("valid_from: 2025-03-17", "valid_to: 2025-03-17"), []string{`rules.yaml:2:9: valid_to must be after valid_from`}},
		{"status", rule("status: active"), []string{`rules.yaml:7:13: "active" must be one of in_force, announced, proposed, enacted, enjoined`}},
		{"enacted without a date", rule("status: enacted"), []string{`rules.yaml:2:9: status enacted needs valid_from: the day from which it holds`}},
		{"notice", rule("notice: nobody"), []string{`rules.yaml:7:13: there is no notice "nobody"`}},
		{"shadow", rule("shadow: yes"), []string{`rules.yaml:7:13: must be true or false`}},
		{"on_error: unknown", rule("on_error: ignore"), []string{`rules.yaml:7:15: on_error must be apply, skip, or one of allow, inform, demote, blur, confirm, gate, hold, block`}},
		{"on_error: skip of a protection", rule("on_error: skip"), []string{`rules.yaml:7:15: on_error: skip would loosen the answer when an input is missing: only rules that allow or inform may skip`}},
		{"on_error: looser", rule("on_error: blur"), []string{`rules.yaml:7:15: on_error: blur is looser than the rule's own outcome hold`}},
		{"covert: whatever would tell", rule("covert: true", "notice: n", "effects: [{kind: strike}]") + "notices: {n: {audience: actor, title: {en: A}, body: {en: B}}}\n", []string{
			`rules.yaml:7:13: a covert rule has no notice: it would tell, or take the place of another`}},
		{"covert: effects", rule("covert: true", "effects: [{kind: strike}]"), []string{`rules.yaml:7:13: a covert rule has no effects but review: others would show`}},
		{"covert: act", rule("covert: true", "act: hold"), []string{`rules.yaml:7:13: a covert rule has no act: the actor sees what becomes of what they do`}},
		{"effects", rule("effects: [{kind: review}, {kind: strike, queue: x}, {queue: y}, {kind: ban}, {kind: label, label: a, hours: 0}]"), []string{
			`rules.yaml:7:15: effect review needs queue`, `rules.yaml:7:53: effect strike has no queue`,
			`rules.yaml:7:57: an effect needs a kind: one of review, label, strike, notify, preserve, report, restrict, demonetise, urgent`,
			`rules.yaml:7:76: "ban" must be one of review, label, strike, notify, preserve, report, restrict, demonetise, urgent`,
			`rules.yaml:7:113: must be a whole number from 1 to 87840`}},
		{"notices", "notices:\n  a:\n    audience: actor\n    title: {en: A, de: B}\n    body: {en: A}\n    topics: [x]\n", []string{
			`rules.yaml:3:5: notice a has a title but no body in de`, `rules.yaml:6:14: no resource has the topic "x"`}},
		{"notice without English", "notices: {a: {audience: actor, title: {de: A}, body: {de: B}}}\n", []string{
			`rules.yaml:1:39: en is required: it is what other languages fall back to`,
			`rules.yaml:1:54: en is required: it is what other languages fall back to`}},
		{"resource", "resources:\n  - {topic: x, countries: [GB, Narnia], name: A, url: \"http://a.example/\"}\n", []string{
			`rules.yaml:2:32: "Narnia" must be an ISO 3166-1 country, for example GB, or "*"`,
			`rules.yaml:2:55: "http://a.example/" must be an https address`}},
		{"safeguard", "safeguards:\n  - id: s\n    under: 0\n    effects: {autoplay: off, dm_from_strangers: maybe, wings: true, push_quiet_hours: {from: \"25:00\", to: \"07:00\"}}\n    locked: [location]\n", []string{
			`rules.yaml:3:12: must be a whole number from 1 to 150`,
			`rules.yaml:4:25: must be true or false`,
			`rules.yaml:4:49: "maybe" must be one of on, confirm, off`,
			`rules.yaml:4:56: unknown key "wings"`,
			`rules.yaml:4:87: needs from and to, as {from: "22:00", to: "07:00"}`,
			`rules.yaml:4:94: "25:00" must be a time of day, for example "22:00"`,
			`rules.yaml:5:14: locked: "location" is not among this safeguard's effects`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := policy.Load(directory(map[string]string{"rules.yaml": test.text}), policy.Options{})
			checkErrors(t, err, test.want)
		})
	}
}

// checkErrors compares errors with the beginnings that are wanted.
func checkErrors(t *testing.T, err error, want []string) {
	t.Helper()
	var errs policy.Errors
	if !errors.As(err, &errs) {
		t.Fatalf("got %v, want %d errors", err, len(want))
	}
	var got []string
	for i, e := range errs {
		s := e.Error()
		if i < len(want) && strings.HasPrefix(s, want[i]) {
			s = want[i]
		}
		got = append(got, s)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

// A fault in a condition is named at its place in the YAML, whatever the
// scalar's style does to lines, indents and quotes.
func TestConditionErrors(t *testing.T) {
	for _, test := range []struct{ name, when, want string }{
		{"plain", "when: viewer.minor && nobody", "6:27"},
		{"plain over lines", "when: viewer.minor\n      && nobody", "7:10"},
		{"single quotes", "when: 'event.type == ''it s'' && nobody'", "6:38"},
		{"double quotes", `when: "event.type == \"\u0061\tb\" && nobody"`, "6:43"},
		{"double quotes, continued", "when: \"viewer.minor \\\n      && nobody\"", "7:10"},
		{"literal block", "when: |\n\n      viewer.minor\n        && nobody", "9:12"},
		{"literal block, indented", "when: |2\n        viewer.minor\n      && nobody", "8:10"},
		{"folded block", "when: >-\n      viewer.minor &&\n      event.type == 'naïve' &&\n      nobody", "9:7"},
		{"folded block, more indented", "when: >\n      viewer.minor &&\n        (actor.adult ||\n\n        nobody)", "10:9"},
		{"after wide characters", "when: event.type == \"ÄÖÜ🙂\" && nobody", "6:35"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := policy.Load(directory(map[string]string{"rules.yaml": rule(test.when)}), policy.Options{})
			checkErrors(t, err, []string{"rules.yaml:" + test.want + ": when: undeclared reference to 'nobody'"})
		})
	}
}

func TestConditionFaults(t *testing.T) {
	for _, test := range []struct{ name, when, want string }{
		{"type", `1 + 1`, "1: when: must be true or false, this is int"},
		{"overload", `viewer.minor == 1`, "14: when: found no matching overload for '_==_' applied to '(bool, int)'"},
		{"syntax", `viewer.minor &&`, "16: when: Syntax error: mismatched input '<EOF>'"},
		{"typo", `viewer.minr`, "7: when: undeclared reference to 'viewer.minr'"},
		{"signal not literal", `signal(event.type) > 0.5`, "13: when: signal needs a name here, as a literal string"},
		{"signal unknown", `signal("text.insuld") > 0.5`, `8: when: no detector gives the signal "text.insuld": did you mean "text.insult"?`},
		{"signal without a name", `signal() > 0.5`, "when: signal takes one name"},
		{"counter", `count("aa", actor, "24h") > 1`, `7: when: there is no counter "aa": did you mean "a"?`},
		{"count of no one", `count("a", member, "24h") > 1`, "12: when: count needs actor or viewer or pair or content or conversation here"},
		{"count of another", `count("a", viewer, "24h") > 1`, "12: when: the counter a is of the actor, not of the viewer"},
		{"window", `count("a", actor, "2 weeks") > 1`, "19: when: count needs a name here, as a literal string"},
		{"long window", `count("a", actor, "999d") > 1`, `19: when: "999d" must be a window from 1s to 366d, for example "10m", "24h" or "7d"`},
		{"label", `label(viewer, "x")`, "7: when: label needs actor or content here"},
		{"list", `actor.country in list("nowhere")`, `23: when: there is no list "nowhere"`},
		{"absurd", `attr("a").all(x, attr("a").all(y, attr("a").all(z, x == y && y == z)))`, "when: too expensive"},
		{"attribute in a rule", `content.text == "x"`, "8: when: undeclared reference to 'content.text'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "rules:\n  - id: r\n    events: [message.send]\n    viewer: hold\n    text: t\n    when: |\n" + test.when + "\n" +
				"counters:\n  - {name: a, events: [message.send], when: 'true', of: actor, text: t}\n"
			text = strings.Replace(text, "\n"+test.when, "\n      "+test.when, 1)
			_, err := policy.Load(directory(map[string]string{"rules.yaml": text}), policy.Options{Signals: []string{"text.insult", "text.hate"}})
			column, message, ok := strings.Cut(test.want, ": ")
			if !ok || column == "when" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %s", err, test.want)
				}
				return
			}
			at := map[string]string{"": ""}[column]
			for i := range 100 {
				if column == itoa(i) {
					at = itoa(i + 6)
				}
			}
			if test.name == "type" {
				checkErrors(t, err, []string{"rules.yaml:6:11: " + message}) // the condition as a whole
				return
			}
			checkErrors(t, err, []string{"rules.yaml:7:" + at + ": " + message})
		})
	}
}

// What doubt about an age would turn off is refused, with what to write instead.
func TestDoubtfulConditions(t *testing.T) {
	for when, want := range map[string]string{
		`!viewer.minor`:                                 "use viewer.proven_adult",
		`!(actor.adult || event.private)`:               "use actor.proven_adult",
		`actor.proven_adult && viewer.minor`:            "use actor.adult",
		`viewer.band == "13-15"`:                        "compare viewer.age_from or age_to",
		`viewer.band in ["13-15", "16-17"]`:             "compare viewer.age_from or age_to",
		`viewer.band != "unknown"`:                      `leave "unknown" out`,
		`!(viewer.basis in ["none"])`:                   `leave "none" out`,
		`viewer.age_from >= 16`:                         "use viewer.age_to",
		`viewer.age_to <= 16`:                           "use viewer.age_from",
		`actor.age_from - viewer.age_to > 5`:            "use actor.age_to",
		`(viewer.minor ? 1 : 2) > 1`:                    "is not clear",
		`viewer.age_from == 13`:                         "",
		`viewer.minor`:                                  "fine",
		`!viewer.proven_adult`:                          "fine",
		`viewer.age_from < 13 || actor.age_to > 20`:     "fine",
		`actor.age_to - viewer.age_from > 5`:            "fine",
		`viewer.band != "18+"`:                          "fine",
		`viewer.band in ["13-15", "unknown"]`:           "fine",
		`!(viewer.basis in ["verified", "estimated"])`:  "fine",
		`event.private ? viewer.minor : actor.adult`:    "fine",
		`!(viewer.country == "GB") && actor.age_to > 9`: "fine",
	} {
		t.Run(when, func(t *testing.T) {
			_, err := policy.Load(directory(map[string]string{"rules.yaml": rule("when: " + quote(when))}), policy.Options{})
			switch {
			case want == "fine" && err != nil:
				t.Errorf("refused: %v", err)
			case want != "fine" && err == nil:
				t.Error("is not refused")
			case want != "fine" && !strings.Contains(err.Error(), want):
				t.Errorf("got %v, want it to say %q", err, want)
			}
		})
	}
	if _, err := policy.Load(directory(map[string]string{"rules.yaml": rule(`when: "!viewer.minor"`, "viewer: inform")}), policy.Options{}); err != nil {
		t.Errorf("a rule that informs may leave people out: %v", err)
	}
}

func TestCountryWarning(t *testing.T) {
	b := load(t, rule(`when: viewer.country == "GB"`))
	if w := b.Warnings(); len(w) != 1 || !strings.Contains(w[0].Message, "use the rule's jurisdictions") {
		t.Errorf("warnings: %v", w)
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}

// All faults of all files come at once, in order.
func TestLoadReportsEverything(t *testing.T) {
	_, err := policy.Load(directory(map[string]string{
		"b.yaml":     rule("viewer: deny", "when: nobody"),
		"a/one.yaml": "nonsense: 1\n",
		"a/two.yml":  "rules: []\n",
	}), policy.Options{})
	checkErrors(t, err, []string{
		`a/one.yaml:1:1: unknown key "nonsense"`,
		`a/two.yml: rule files end in .yaml: this one would be ignored`,
		`b.yaml:5:13: "deny" must be one of`,
		`b.yaml:6:11: when: undeclared reference to 'nobody'`,
	})
}

func TestManifest(t *testing.T) {
	parts := fstest.MapFS{
		"base/rules.yaml": {Data: []byte(rule())},
		"uk/rules.yaml":   {Data: []byte(strings.Replace(rule(), "id: r", "id: uk.r", 1))},
		"uk/r_test.yaml":  {Data: []byte("not a rule file")},
	}
	o := policy.Options{Shipped: parts, Parts: []string{"base", "uk"}}
	for _, test := range []struct {
		name, manifest string
		rules          []string
		errs           []string
	}{
		{"extends", "bundle: mine\nextends: [uk]\n", []string{"own", "uk.r"}, nil},
		{"disable", "bundle: mine\nextends: [base, uk]\ndisable: [r]\n", []string{"own", "r disabled", "uk.r"}, nil},
		{"unknown part", "bundle: mine\nextends: [fr]\n", nil, []string{`bundle.yaml:2:11: "fr" is not a shipped part: want one of base, uk`}},
		{"unknown rule", "bundle: mine\ndisable: [r]\n", nil, []string{`bundle.yaml:2:11: there is no rule "r" to disable`}},
		{"no name", "extends: [uk]\n", nil, []string{`bundle.yaml:1:1: bundle: <name> is required`}},
		{"empty", "", nil, []string{`bundle.yaml: needs at least bundle: <name>`}},
		{"unknown key", "bundle: mine\nextend: [uk]\n", nil, []string{`bundle.yaml:2:1: unknown key "extend"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			own := strings.Replace(rule(), "id: r", "id: own", 1)
			b, err := policy.Load(directory(map[string]string{policy.Manifest: test.manifest, "own.yaml": own}), o)
			if test.errs != nil {
				checkErrors(t, err, test.errs)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range b.Rules() {
				if r.Disabled {
					r.ID += " disabled"
				}
				got = append(got, r.ID)
			}
			if d := cmp.Diff(test.rules, got); d != "" || b.Name() != "mine" {
				t.Errorf("bundle %s, rules (-want +got):\n%s", b.Name(), d)
			}
		})
	}
	if _, err := policy.Load(fstest.MapFS{}, o); err == nil {
		t.Error("a directory without a manifest is a bundle")
	}
	b, err := policy.Load(nil, o)
	if err != nil || b.Name() != "default" || len(b.Rules()) != 2 {
		t.Errorf("the default bundle is %v, %v", b, err)
	}
}

func TestLoadLimits(t *testing.T) {
	many := "rules:\n"
	for range policy.MaxRules + 1 {
		many += "  - {}\n"
	}
	files := map[string]string{}
	for i := range policy.MaxFiles + 1 {
		files["f"+itoa(i)+".yaml"] = ""
	}
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"file":      {map[string]string{"a.yaml": strings.Repeat("#", policy.MaxFileSize+1)}, "a.yaml: larger than 1048576 bytes"},
		"rules":     {map[string]string{"a.yaml": many}, "more than 5000"},
		"files":     {files, "more than 1000 files"},
		"condition": {map[string]string{"a.yaml": rule("when: " + strings.Repeat("true || ", 2000) + "true")}, "longer than 8192 bytes"},
		"nesting":   {map[string]string{"a.yaml": rule("when: " + strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000))}, "recursion limit"},
	} {
		_, err := policy.Load(directory(test.files), policy.Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %.300v, want %s", name, err, test.want)
		}
	}
}

// The digest follows what decides, and nothing else.
func TestDigest(t *testing.T) {
	base := load(t, rule("effects: [{kind: review, queue: q}]"))
	for name, same := range map[string]string{
		"comments and order": "# a comment\n" + rule("effects:", "- queue: q", "  kind: review"),
		"a default said":     rule("effects: [{kind: review, queue: q, priority: 3}]", "status: in_force", "on_error: apply"),
	} {
		if b := load(t, same); b.Digest() != base.Digest() {
			t.Errorf("%s changes the digest", name)
		}
	}
	for name, other := range map[string]string{
		"outcome":   rule("effects: [{kind: review, queue: q}]", "viewer: block"),
		"condition": rule("effects: [{kind: review, queue: q}]", "when: viewer.minor"),
		"list":      rule("effects: [{kind: review, queue: q}]") + "lists: {a: [b]}\n",
		"date":      rule("effects: [{kind: review, queue: q}]", "valid_to: 2030-01-01"),
	} {
		if b := load(t, other); b.Digest() == base.Digest() {
			t.Errorf("%s does not change the digest", name)
		}
	}
	if !strings.HasPrefix(base.Digest(), "sha256:") || len(base.Digest()) != 71 {
		t.Errorf("digest %q", base.Digest())
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(rule("effects: [{kind: review, queue: q}]", "jurisdictions: [GB]", "valid_from: 2025-01-01"))
	f.Add("safeguards:\n  - {id: s, under: 18, effects: {autoplay: false, push_quiet_hours: {from: \"22:00\", to: \"07:00\"}}}\n")
	f.Add("notices: {n: {audience: actor, title: {en: a}, body: {en: b}, topics: [t]}}\nresources: [{topic: t, countries: [\"*\"], name: n, phone: \"1\"}]\n")
	f.Add("lists: {a: [b, c]}\n" + rule("when: actor.country in list(\"a\") && signal(\"x\") > 0.5"))
	f.Add("a: &a [*a]\n")
	f.Add("rules: \"\\x00\\xff\"\n? [a]\n: |2\n   x\n")
	f.Add(strings.Repeat("- ", 500))
	f.Fuzz(func(t *testing.T, text string) {
		b, err := policy.Load(directory(map[string]string{"rules.yaml": text}), policy.Options{})
		if (b == nil) == (err == nil) {
			t.Fatalf("bundle %v, error %v", b, err)
		}
		if err != nil {
			var errs policy.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("the error is a %T", err)
			}
			for _, e := range errs {
				if lines := strings.Count(text, "\n") + 2; e.Message == "" || e.Line > lines {
					t.Errorf("error at line %d of %d: %q", e.Line, lines, e.Message)
				}
			}
			return
		}
		in := post()
		b.Eval(t.Context(), &in)
		b.Safeguards(someone(0), noon, nil)
		b.Explain(t.Context(), &in)
	})
}
