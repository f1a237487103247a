package policy_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// evalRules has one rule for each thing that Eval does.
const evalRules = `
counters:
  - {name: dm.sent, events: [message.send], when: "true", of: actor, text: "Messages that an account sent."}
lists:
  near: [GB, IE]
notices:
  held:
    audience: actor
    title: {en: "Held", de: "Angehalten"}
    body: {en: "Wait.", de: "Warte."}
    topics: [bullying]
  seen:
    audience: viewer
    title: {en: "Careful"}
    body: {en: "Look away."}
    topics: [bullying]
resources:
  - {topic: bullying, countries: ["*"], name: Anywhere, url: "https://anywhere.example/"}
  - {topic: bullying, countries: [GB], name: British, phone: "0800 1111"}
rules:
  - id: stranger
    events: [message.send]
    when: viewer.minor && !viewer.connected && actor.adult
    viewer: hold
    kind: contact.unsolicited_adult
    text: "A stranger wrote to a child."
    effects: [{kind: review, queue: contact, priority: 2}]
    notice: held
    measures: [ofcom:ICU-F1]
    jurisdictions: [GB]
  - id: insult
    events: [message.send, content.create]
    when: viewer.age_from < 13 && signal("text.insult") >= 0.5
    viewer: blur
    text: "An insult."
    effects: [{kind: review, queue: contact, priority: 1}, {kind: strike, points: 2}, {kind: label, label: rude, hours: 24}]
    notice: seen
  - id: threat
    events: [message.send, content.create]
    when: signal("text.threat") >= 0.5
    act: hold
    text: "A threat."
    effects: [{kind: strike, points: 3}, {kind: label, label: rude}, {kind: preserve}]
    on_error: block
  - id: spam
    events: [message.send, content.create]
    when: signal("text.spam") >= 0.5
    act: demote
    viewer: demote
    text: "Spam."
  - id: many
    events: [message.send]
    when: count("dm.sent", actor, "24h") > 10 && viewer.minor
    viewer: confirm
    text: "Many messages."
  - id: helpful
    events: [message.send, content.create]
    when: signal("text.self_harm_disclosure") >= 0.5
    act: inform
    text: "Somebody may need help."
    on_error: skip
  - id: european
    events: [content.create]
    when: viewer.minor
    viewer: demote
    text: "Only in the Union."
    jurisdictions: [EU]
  - id: near
    events: [content.create]
    when: has_attr("topic") && attr("topic") == "boats" && actor.country in list("near")
    viewer: inform
    text: "Boats."
  - id: shadow
    events: [message.send, content.create]
    when: viewer.minor && signal("text.toxic") >= 0.5
    viewer: block
    text: "Would be blocked."
    shadow: true
  - id: own
    events: [x.trade]
    when: viewer.self && viewer.minor
    viewer: gate
    text: "Trade is for adults."
  - id: search
    events: [search.query]
    when: viewer.minor && signal("text.sexual") >= 0.5
    viewer: block
    text: "Not for children."
`

func TestEvalDirectMessage(t *testing.T) {
	b := load(t, evalRules)
	friend := member("friend", event.Band10to12)
	friend.Connected = true
	in := message(member("child", event.Band10to12), friend, member("adult", event.Band18Plus), member("twin", event.Band10to12))
	in.Language = "de-AT"
	in.Counts = map[string]float64{"dm.sent/actor/24h": 3}
	got := eval(b, saw(in, "text.insult", 0.9))
	want := policy.Result{
		Outcome: decision.Hold,
		Members: []decision.Member{
			{ID: "child", Band: event.Band10to12, Outcome: decision.Hold, Rules: []string{"stranger", "insult"}},
			{ID: "friend", Band: event.Band10to12, Outcome: decision.Blur, Rules: []string{"insult"}},
			{ID: "adult", Band: event.Band18Plus, Outcome: decision.Allow, Rules: []string{}},
			{ID: "twin", Band: event.Band10to12, Outcome: decision.Hold, Rules: []string{"stranger", "insult"}},
		},
		Reasons: []decision.Reason{
			{Rule: "stranger", Kind: "contact.unsolicited_adult", Outcome: decision.Hold, Text: "A stranger wrote to a child.",
				Measures: []string{"ofcom:ICU-F1"}, Jurisdictions: []string{"GB"}},
			{Rule: "insult", Outcome: decision.Blur, Text: "An insult.", Measures: []string{}, Jurisdictions: []string{}},
		},
		Effects: []decision.Effect{
			{Kind: decision.Review, Rule: "stranger", Queue: "contact", Priority: 1},
			{Kind: decision.Strike, Rule: "insult", Target: "actor", Points: 2},
			{Kind: decision.Label, Rule: "insult", Label: "rude", Target: "content", Hours: 24},
		},
		Notice: &decision.Notice{Audience: "actor", Title: "Angehalten", Body: "Warte.", Language: "de",
			Resources: []decision.Resource{{Name: "British", Phone: "0800 1111"}, {Name: "Anywhere", URL: "https://anywhere.example/"}}},
		Degraded:      []decision.Degraded{},
		Jurisdictions: []string{"GB"},
		Shadow:        []decision.Reason{},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
}

func TestEvalPublished(t *testing.T) {
	b := load(t, evalRules)
	got := eval(b, saw(saw(post(), "text.insult", 0.9), "text.spam", 0.9))
	want := map[string]string{"0-5": "blur", "6-9": "blur", "10-12": "blur", "13-15": "demote", "16-17": "demote", "18+": "demote"}
	if d := cmp.Diff(want, bandOutcomes(got)); d != "" {
		t.Errorf("bands (-want +got):\n%s", d)
	}
	if got.Outcome != decision.Demote {
		t.Errorf("outcome is %v: for published content it is the act's", got.Outcome)
	}
	if got.Members != nil {
		t.Errorf("members %v", got.Members)
	}
	if d := cmp.Diff([]string{"insult", "spam"}, reasonIDs(got.Reasons)); d != "" {
		t.Errorf("reasons, strictest first (-want +got):\n%s", d)
	}
}

// An act that is held is held for everyone, and everyone is told why.
func TestEvalActHoldsForAll(t *testing.T) {
	b := load(t, evalRules)
	got := eval(b, saw(post(), "text.threat", 0.9))
	for band, outcome := range bandOutcomes(got) {
		if outcome != "hold" {
			t.Errorf("band %s gets %s", band, outcome)
		}
	}
	in := message(member("adult", event.Band18Plus))
	in.Counts = map[string]float64{"dm.sent/actor/24h": 0}
	got = eval(b, saw(in, "text.threat", 0.9))
	if d := cmp.Diff([]decision.Member{{ID: "adult", Band: event.Band18Plus, Outcome: decision.Hold, Rules: []string{"threat"}}}, got.Members); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
	// A milder act is not the viewers' business.
	got = eval(load(t, rule("act: demote", "viewer: allow")), message(member("m", event.Band18Plus)))
	if got.Outcome != decision.Demote || got.Members[0].Outcome != decision.Allow {
		t.Errorf("outcome %v, member %v", got.Outcome, got.Members[0].Outcome)
	}
}

// Equal effects become one: the most urgent, the most points, the longest.
func TestEvalMergesEffects(t *testing.T) {
	b := load(t, evalRules)
	got := eval(b, saw(saw(post(), "text.insult", 0.9), "text.threat", 0.9))
	want := []decision.Effect{
		{Kind: decision.Strike, Rule: "threat", Target: "actor", Points: 3},
		{Kind: decision.Label, Rule: "threat", Label: "rude", Target: "content"}, // until lifted beats 24 hours
		{Kind: decision.Preserve, Rule: "threat"},
		{Kind: decision.Review, Rule: "insult", Queue: "contact", Priority: 1},
	}
	if d := cmp.Diff(want, got.Effects); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
}

// Who the viewers are follows from the audience and the type.
func TestEvalViewers(t *testing.T) {
	b := load(t, evalRules)
	child := someone(event.Band13to15)
	for _, test := range []struct {
		name           string
		in             policy.Input
		outcome        decision.Outcome
		bands, members int
	}{
		{"search", saw(policy.Input{Type: event.SearchQuery, Time: noon, Actor: child}, "text.sexual", 1), decision.Block, 0, 0},
		{"own type, no audience", policy.Input{Type: "x.trade", Time: noon, Actor: child}, decision.Gate, 0, 0},
		{"own type, published", policy.Input{Type: "x.trade", Time: noon, Actor: child, Scope: event.Public}, decision.Allow, 6, 0},
		{"unknown type", policy.Input{Type: "x.other", Time: noon, Actor: child}, decision.Allow, 0, 0},
		{"group without members", policy.Input{Type: event.ContentCreate, Time: noon, Actor: child, Scope: event.Group}, decision.Allow, 6, 0},
		{"no audience at all", policy.Input{Type: event.ContentCreate, Time: noon, Actor: child}, decision.Allow, 6, 0},
		{"group with members", policy.Input{Type: event.ContentCreate, Time: noon, Actor: child, Scope: event.Group,
			Members: []policy.Member{member("m", event.Band6to9)}}, decision.Allow, 0, 1},
		{"public, and somebody is mentioned", saw(policy.Input{Type: event.ContentCreate, Time: noon, Actor: child, Scope: event.Public,
			Members: []policy.Member{member("m", event.Band6to9)}}, "text.insult", 1), decision.Allow, 6, 1},
	} {
		got := eval(b, test.in)
		if got.Outcome != test.outcome || len(got.Bands) != test.bands || len(got.Members) != test.members {
			t.Errorf("%s: outcome %v, %d bands, %d members; want %v, %d, %d",
				test.name, got.Outcome, len(got.Bands), len(got.Members), test.outcome, test.bands, test.members)
		}
	}
}

// More members than a scan would bear are told apart as well.
func TestEvalManyMembers(t *testing.T) {
	b := load(t, rule("when: viewer.mutuals >= 500 && viewer.minor"))
	var members []policy.Member
	for i := range 1000 {
		m := member("m"+itoa(i), event.Band6to9)
		m.Mutuals = i
		members = append(members, m, member("a"+itoa(i), event.Band18Plus))
	}
	for i, m := range eval(b, message(members...)).Members {
		want := decision.Allow
		if i%2 == 0 && i/2 >= 500 {
			want = decision.Hold
		}
		if m.Outcome != want {
			t.Fatalf("member %d gets %v, want %v", i, m.Outcome, want)
		}
	}
}

func TestEvalJurisdictions(t *testing.T) {
	b := load(t, evalRules)
	in := func(countries ...string) policy.Input {
		in := post()
		in.Actor.Country = countries[0]
		for _, c := range countries[1:] {
			m := member(c, event.Band18Plus)
			m.Country = c
			in.Members = append(in.Members, m)
		}
		return in
	}
	market := in("GB")
	market.Markets = []string{"EU"}
	country := in("GB")
	country.Markets = []string{"DE", "US-CA"}
	region := in("US")
	region.Actor.Region = "US-CA"
	for _, test := range []struct {
		name     string
		in       policy.Input
		european bool
		want     []string
	}{
		{"elsewhere", in("GB"), false, []string{"GB"}},
		{"a member state", in("DE"), true, []string{"DE", "EU"}},
		{"somebody there", in("GB", "GB", "FR"), true, []string{"EU", "FR", "GB"}},
		{"a market", market, true, []string{"EU", "GB"}},
		{"a member state as market", country, true, []string{"DE", "EU", "GB", "US", "US-CA"}},
		{"a region", region, false, []string{"US", "US-CA"}},
		{"unknown", in(""), true, []string{"EU", "GB"}},
		{"one unknown of several", in("GB", "GB", ""), true, []string{"EU", "GB"}},
		{"a code of no country", in("QQ"), false, []string{"QQ"}},
	} {
		got := eval(b, test.in)
		applied := bandOutcomes(got)["13-15"] == "demote"
		if applied != test.european || !cmp.Equal(got.Jurisdictions, test.want) {
			t.Errorf("%s: applied %v, jurisdictions %v; want %v, %v", test.name, applied, got.Jurisdictions, test.european, test.want)
		}
	}
}

// One line extends a country's protections to the world.
func TestEverywhere(t *testing.T) {
	files := map[string]string{"r.yaml": rule("jurisdictions: [GB]")}
	in := message(member("m", event.Band18Plus))
	in.Actor.Country, in.Members[0].Country = "NZ", "NZ"
	for manifest, want := range map[string]decision.Outcome{"bundle: b\n": decision.Allow, "bundle: b\neverywhere: [GB]\n": decision.Hold} {
		files[policy.Manifest] = manifest
		b, err := policy.Load(directory(files), policy.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := eval(b, in); got.Outcome != want {
			t.Errorf("%q: %v, want %v", manifest, got.Outcome, want)
		}
	}
}

func TestEvalMissing(t *testing.T) {
	b := load(t, evalRules)
	in := message(member("child", event.Band6to9))
	in.Members[0].Connected = true
	in.Counts = map[string]float64{"dm.sent/actor/24h": 3}
	for _, test := range []struct {
		name     string
		in       policy.Input
		outcome  decision.Outcome
		rules    []string
		doubt    []bool
		effects  []decision.EffectKind
		degraded []decision.Degraded
	}{
		{"a signal: the rule applies, nobody is sanctioned", lacking(in, "signal:text.insult"), decision.Blur,
			[]string{"insult"}, []bool{true}, []decision.EffectKind{decision.Review},
			[]decision.Degraded{{Input: "signal:text.insult", Why: "timeout", Rules: []string{"insult"}}}},
		{"on_error: an outcome", lacking(in, "signal:text.threat"), decision.Block,
			[]string{"threat"}, []bool{true}, nil, // it preserves what is seen only
			[]decision.Degraded{{Input: "signal:text.threat", Why: "timeout", Rules: []string{"threat"}}}},
		{"on_error: skip", lacking(in, "signal:text.self_harm_disclosure"), decision.Allow, []string{}, nil, nil,
			[]decision.Degraded{{Input: "signal:text.self_harm_disclosure", Why: "timeout"}}},
		{"a shadow rule's", lacking(in, "signal:text.toxic"), decision.Allow, []string{}, nil, nil,
			[]decision.Degraded{{Input: "signal:text.toxic", Why: "timeout"}}},
		{"nobody reads it", lacking(in, "age:actor"), decision.Allow, []string{}, nil, nil,
			[]decision.Degraded{{Input: "age:actor", Why: "timeout"}}},
		{"a score that is none", saw(in, "text.insult", math.NaN()), decision.Blur,
			[]string{"insult"}, []bool{true}, []decision.EffectKind{decision.Review},
			[]decision.Degraded{{Input: "signal:text.insult", Why: "absent", Rules: []string{"insult"}}}},
		{"a score out of range beside a good one", saw(saw(in, "text.insult", 7), "text.insult", 0.1), decision.Blur,
			[]string{"insult"}, []bool{true}, []decision.EffectKind{decision.Review},
			[]decision.Degraded{{Input: "signal:text.insult", Why: "absent", Rules: []string{"insult"}}}},
	} {
		got := eval(b, test.in)
		var doubt []bool
		for _, r := range got.Reasons {
			doubt = append(doubt, r.Doubt)
		}
		var effects []decision.EffectKind
		for _, e := range got.Effects {
			effects = append(effects, e.Kind)
		}
		for what, d := range map[string]string{
			"outcome": cmp.Diff(test.outcome, got.Outcome), "rules": cmp.Diff(test.rules, reasonIDs(got.Reasons)),
			"doubt": cmp.Diff(test.doubt, doubt), "effects": cmp.Diff(test.effects, effects), "degraded": cmp.Diff(test.degraded, got.Degraded),
		} {
			if d != "" {
				t.Errorf("%s: %s (-want +got):\n%s", test.name, what, d)
			}
		}
	}
}

// A count that nobody gave is missing; what settles a condition without it absorbs it.
func TestEvalAbsorbsMissing(t *testing.T) {
	b := load(t, evalRules)
	got := eval(b, message(member("adult", event.Band18Plus)))
	if len(got.Reasons) != 0 || len(got.Degraded) != 0 {
		t.Errorf("viewer.minor is false, the count does not matter: %v %v", got.Reasons, got.Degraded)
	}
	in := message(member("child", event.Band6to9))
	in.Members[0].Connected = true
	if got = eval(b, in); got.Outcome != decision.Confirm || !got.Reasons[0].Doubt {
		t.Errorf("outcome %v, reasons %v", got.Outcome, got.Reasons)
	}
	either := load(t, rule(`when: signal("a") > 0.5 || signal("b") > 0.5`, "effects: [{kind: strike}]"))
	got = eval(either, lacking(saw(in, "a", 1), "signal:b"))
	if got.Reasons[0].Doubt || len(got.Effects) != 1 {
		t.Errorf("one side is seen, there is no doubt: %+v", got)
	}
}

func TestEvalShadow(t *testing.T) {
	b := load(t, evalRules)
	got := eval(b, saw(post(), "text.toxic", 0.9))
	if got.Outcome != decision.Allow || len(got.Reasons) != 0 || bandOutcomes(got)["0-5"] != "allow" {
		t.Errorf("a shadow rule is applied: %+v", got)
	}
	if d := cmp.Diff([]string{"shadow"}, reasonIDs(got.Shadow)); d != "" {
		t.Errorf("shadow (-want +got):\n%s", d)
	}
}

func TestEvalAttributes(t *testing.T) {
	b := load(t, evalRules)
	in := post()
	in.Attributes = map[string]any{"topic": "boats"}
	if got := eval(b, in); !cmp.Equal(reasonIDs(got.Reasons), []string{"near"}) || got.Reasons[0].Doubt {
		t.Errorf("reasons %v", got.Reasons)
	}
	in.Attributes["topic"] = []any{"boats"}
	if got := eval(b, in); len(got.Reasons) != 0 {
		t.Errorf("a list is not a word: %v", got.Reasons)
	}
	b = load(t, rule(`when: has_attr("n") && attr("n") > 3`))
	in = message(member("m", event.Band18Plus))
	in.Attributes = map[string]any{"n": "many"}
	got := eval(b, in)
	want := []decision.Degraded{{Input: "rule:r", Why: "could not be evaluated", Rules: []string{"r"}}}
	if d := cmp.Diff(want, got.Degraded); d != "" || got.Outcome != decision.Hold {
		t.Errorf("outcome %v, degraded (-want +got):\n%s", got.Outcome, d)
	}
}

// A condition over a long attribute is metered: what costs too much, or is cut
// off by the deadline, counts as missing.
func TestEvalCost(t *testing.T) {
	b := load(t, rule(`when: attr("a").exists(x, attr("a").exists(y, x != y))`))
	in := message(member("m", event.Band18Plus))
	list := make([]any, 2000)
	for i := range list {
		list[i] = 1.0
	}
	in.Attributes = map[string]any{"a": list[:5]}
	if got := eval(b, in); len(got.Reasons) != 0 {
		t.Errorf("a short list is evaluated: %v", got.Reasons)
	}
	in.Attributes["a"] = list
	got := eval(b, in)
	if got.Outcome != decision.Hold || !got.Reasons[0].Doubt || len(got.Degraded) != 1 {
		t.Errorf("a list that costs too much: %+v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in.Attributes["a"] = list[:100]
	if got := b.Eval(ctx, &in); !got.Reasons[0].Doubt {
		t.Errorf("a cancelled evaluation: %+v", got)
	}
}

// The same input gives the same result, also when evaluated at once by many.
func TestEvalIsPure(t *testing.T) {
	b := load(t, evalRules)
	inputs := []policy.Input{
		saw(message(member("child", event.Band10to12), member("adult", event.Band18Plus)), "text.insult", 0.7),
		saw(post(), "text.threat", 1), lacking(post(), "signal:text.spam", "label:actor"),
		{Type: event.SearchQuery, Actor: someone(event.BandUnknown)},
	}
	var want []string
	for _, in := range inputs {
		before := toJSON(t, in)
		want = append(want, toJSON(t, eval(b, in)))
		if after := toJSON(t, in); before != after {
			t.Errorf("Eval changed its input: %s", after)
		}
	}
	done := make(chan string)
	for range 4 {
		go func() {
			for round := range 200 {
				i := round % len(inputs)
				if got, err := json.Marshal(eval(b, inputs[i])); err != nil || string(got) != want[i] {
					done <- string(got)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if got := <-done; got != "" {
			t.Errorf("another result: %s", got)
		}
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What the journal keeps decides as what was decided first.
func TestInputSurvivesJSON(t *testing.T) {
	b := load(t, evalRules)
	in := lacking(saw(message(member("child", event.BandUnknown)), "text.insult", 0.7), "signal:text.spam")
	in.Attributes = map[string]any{"topic": "boats", "n": 3.0}
	in.Labels = []string{"actor:trusted"}
	var again policy.Input
	if err := json.Unmarshal([]byte(toJSON(t, in)), &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(eval(b, in), eval(b, again)); d != "" {
		t.Errorf("after JSON (-before +after):\n%s", d)
	}
}

func TestInputOf(t *testing.T) {
	ev, err := event.Decode([]byte(`{"id":"e","type":"message.send","time":"2026-11-24T12:00:00Z","parent":"p","private":true,"surface":"dm",
		"actor":{"id":"a","country":"GB","created":"2026-11-01T13:00:00Z"},
		"audience":{"scope":"direct","members":[{"id":"m","country":"FR","connected":true,"mutuals":3,"age":{"band":"6-9"}}]},
		"content":{"id":"c","text":"äöü 🙂","language":"de","links":["https://a.example/"],
			"media":[{"kind":"image"},{"kind":"video"},{"kind":"audio"},{"kind":"image"}]},
		"attributes":{"k":1}}`), noon)
	if err != nil {
		t.Fatal(err)
	}
	days := 22
	want := policy.Input{
		Type: event.MessageSend, Time: noon, Surface: event.SurfaceDM, Scope: event.Direct, Private: true, Reply: true,
		Actor:      policy.Subject{Country: "GB", AccountDays: &days},
		Members:    []policy.Member{{ID: "m", Subject: policy.Subject{Country: "FR"}, Connected: true, Mutuals: 3}},
		Content:    policy.Content{ID: "c", Length: 5, Language: "de", Images: 2, Videos: 1, Links: 1},
		Attributes: ev.Attributes,
	}
	if d := cmp.Diff(want, policy.InputOf(&ev)); d != "" {
		t.Errorf("input (-want +got):\n%s", d)
	}
}

// Without an interval of ages, the band's is taken, and for an unknown band
// everyone from the protective band up: nobody is an adult for want of a number.
func TestIntervalDefaults(t *testing.T) {
	b := load(t, rule("when: viewer.minor && viewer.adult && viewer.age_from == 10 && viewer.age_to == 150", "viewer: inform"))
	in := message(policy.Member{ID: "m"})
	in.Protective = event.Band10to12
	if got := eval(b, in); got.Outcome != decision.Inform {
		t.Errorf("outcome %v", got.Outcome)
	}
}
