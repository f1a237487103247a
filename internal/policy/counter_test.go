package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

const day = 24 * time.Hour

// counting has one counter of each shape, and rules that read them.
const counting = `
counters:
  - name: new_minors
    events: [message.send, contact.request]
    when: viewer.named && viewer.minor && actor.adult && !viewer.connected
    of: actor
    each: viewer
    text: "Children whom an account that may be an adult wrote to."
  - {name: received, events: [message.send], when: viewer.minor, of: viewer, each: actor, text: "Who wrote to a child."}
  - {name: written, events: [message.send], when: 'signal("s") > 0.5', of: pair, text: "How often somebody wrote so to somebody."}
  - {name: voices, events: [message.send, content.create], when: "true", of: conversation, each: actor, text: "Who speaks in a conversation."}
  - {name: shown, events: [content.create], when: viewer.minor, of: content, text: "What children could see."}
  - {name: posts, events: ["*"], when: "true", of: actor, each: content, text: "What an account made."}
  - {name: unread, events: ["*"], when: 'signal("unread") > 0.5', of: actor, text: "What no rule asks for."}
  - {name: announced, events: ["*"], when: "true", of: actor, text: "What no rule asks for yet."}
rules:
  - {id: fan-out, events: [message.send], when: 'count("new_minors", actor, "24h") > 4 && viewer.minor', viewer: hold, text: t}
  - {id: fan-out-slow, events: [message.send], when: 'count("new_minors", actor, "30d") > 20', act: hold, text: t, shadow: true}
  - {id: pile-on, events: [message.send], when: 'count("received", viewer, "10m") >= 10', viewer: confirm, text: t}
  - {id: insists, events: [message.send, content.create, search.query], when: 'count("written", pair, "7d") > 3', viewer: block, text: t}
  - {id: crowd, events: [message.send], when: 'count("voices", conversation, "1h") > 30', act: demote, text: t}
  - {id: seen, events: [content.create], when: 'count("shown", content, "1h") > 30', act: demote, text: t}
  - {id: prolific, events: ["*"], when: 'count("posts", actor, "1h") > 100', act: demote, text: t}
  - {id: later, events: ["*"], when: 'count("announced", actor, "1h") > 100', act: demote, text: t, status: announced}
`

// blocking is a rule that looks at whom the viewer blocked.
const blocking = `
  - {id: blocked, events: ["*"], when: viewer.blocked, viewer: block, text: t, covert: true}
  - {id: few, events: [message.send], when: '!viewer.blocked && count("received", viewer, "10m") < 3 && viewer.minor', viewer: blur, text: t, covert: true}
`

// covert are rules as they should be for blocks: the actor learns nothing.
const covert = `
  - {id: blocked, events: ["*"], when: viewer.blocked, viewer: block, text: t, covert: true}
  - {id: muted, events: ["*"], when: viewer.muted, viewer: confirm, text: t, covert: true}
`

func TestCountersKept(t *testing.T) {
	b := load(t, counting)
	keep := map[string]time.Duration{}
	for _, c := range b.Counters() {
		keep[c.Name] = c.Keep
	}
	want := map[string]time.Duration{
		"new_minors": 30 * day, "received": 10 * time.Minute, "written": 7 * day,
		"voices": time.Hour, "shown": time.Hour, "posts": time.Hour,
	}
	if d := cmp.Diff(want, keep); d != "" {
		t.Errorf("kept (-want +got):\n%s", d)
	}
	if only := b.Only("crowd").Counters(); len(only) != 1 || only[0].Name != "voices" || only[0].Of != "conversation" || only[0].Each != "actor" {
		t.Errorf("the counters of one rule are %+v", only)
	}
	if again := b.Counters(); len(again) != len(want) {
		t.Errorf("looking at one rule changed the bundle: %+v", again)
	}
	if signals := b.Needs(event.MessageSend).Signals; !cmp.Equal(signals, []string{"s"}) {
		t.Errorf("signals %v: those of the counters that are kept", signals)
	}
}

func TestCounted(t *testing.T) {
	b := load(t, counting)
	friend := member("friend", event.Band10to12)
	friend.Connected = true
	in := message(member("child", event.Band10to12), friend, member("adult", event.Band18Plus), member("twin", event.Band10to12))
	in.Conversation, in.Thread, in.Content.ID = "0123456789abcdef", "1", "c"
	check := func(what string, in policy.Input, want ...policy.Counted) {
		t.Helper()
		if d := cmp.Diff(want, b.Counted(&in)); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	posts, voices := policy.Counted{Counter: "posts", Member: -1}, policy.Counted{Counter: "voices", Member: -1}
	check("a message", in,
		policy.Counted{Counter: "new_minors", Member: 0}, policy.Counted{Counter: "new_minors", Member: 3}, posts,
		policy.Counted{Counter: "received", Member: 0}, policy.Counted{Counter: "received", Member: 1}, policy.Counted{Counter: "received", Member: 3}, voices)
	in.Conversation, in.Thread, in.Content.ID = "", "", ""
	check("without what is counted", in,
		policy.Counted{Counter: "new_minors", Member: 0}, policy.Counted{Counter: "new_minors", Member: 3},
		policy.Counted{Counter: "received", Member: 0}, policy.Counted{Counter: "received", Member: 1}, policy.Counted{Counter: "received", Member: 3})
	in = saw(message(member("child", event.Band18Plus)), "s", 0.9)
	check("for a signal", in, policy.Counted{Counter: "written", Member: 0})
	check("in doubt", lacking(in, "signal:s"))

	published := post()
	published.Content.ID = "c"
	check("what is published", published, posts)
	published.Thread = "1"
	check("what is published, and has a thread", published, posts, policy.Counted{Counter: "shown", Member: -1})
	check("a type that no counter names", policy.Input{Type: "x.trade", Time: noon, Content: policy.Content{ID: "c"}}, posts)
}

// Viewers of whom different things are counted get different answers, and
// nobody learns from another's.
func TestCountsOfViewers(t *testing.T) {
	b := load(t, counting)
	var members []policy.Member
	for i := range 40 {
		m := member(fmt.Sprint("m", i), event.Band10to12)
		m.Connected = true
		m.Counts = map[string]float64{"received/viewer/10m": float64(i % 20), "written/pair/168h": float64(i % 5)}
		members = append(members, m)
	}
	in := message(members...)
	in.Counts = map[string]float64{"new_minors/actor/24h": 0, "new_minors/actor/720h": 0, "posts/actor/1h": 0}
	result := eval(b, in)
	for i, m := range result.Members {
		want := "allow"
		switch {
		case i%5 > 3:
			want = "block"
		case i%20 >= 10:
			want = "confirm"
		}
		if m.Outcome.String() != want {
			t.Errorf("member %d is %v by %v, want %s", i, m.Outcome, m.Rules, want)
		}
	}
	if len(result.Degraded) != 0 {
		t.Errorf("degraded: %+v", result.Degraded)
	}
	in.Members[3].Counts = nil
	result = eval(b, in)
	if m := result.Members[3]; m.Outcome.String() != "block" || !cmp.Equal(m.Rules, []string{"insists", "pile-on"}) {
		t.Errorf("a member of whom no count is known is %v by %v", m.Outcome, m.Rules)
	}
	if m := result.Members[2]; m.Outcome.String() != "allow" {
		t.Errorf("another member is %v", m.Outcome)
	}
	result = eval(b, lacking(in, "count:written/pair/168h"))
	if m := result.Members[2]; m.Outcome.String() != "block" {
		t.Errorf("a member is %v when a count could not be read", m.Outcome)
	}
	if result.Degraded[0].Input != "count:received/viewer/10m" && result.Degraded[1].Input != "count:written/pair/168h" {
		t.Errorf("degraded: %+v", result.Degraded)
	}
}

// Nobody in particular meets what is published, so nothing is counted of them.
func TestCountsOfNobody(t *testing.T) {
	b := load(t, counting).Only("insists")
	for _, in := range []policy.Input{
		post(),
		{Type: event.SearchQuery, Time: noon, Actor: someone(event.Band10to12)},
	} {
		if result := eval(b, in); len(result.Reasons) != 0 || len(result.Degraded) != 0 {
			t.Errorf("%s: %+v, %+v", in.Type, result.Reasons, result.Degraded)
		}
	}
	if result := eval(load(t, counting).Only("crowd"), message(member("child", event.Band10to12))); len(result.Reasons) != 0 {
		t.Errorf("without a conversation: %+v", result.Reasons)
	}
}

func TestBlockedViewers(t *testing.T) {
	b := load(t, "rules:\n  - {id: r, events: [message.send], when: viewer.blocked, viewer: block, text: t, covert: true}\n")
	blocks, other := member("blocks", event.Band10to12), member("other", event.Band10to12)
	blocks.Blocked = true
	in := message(blocks, other)
	result := eval(b, in)
	if result.Members[0].Outcome.String() != "block" || result.Members[1].Outcome.String() != "allow" {
		t.Errorf("members: %+v", result.Members)
	}
	result = eval(b, lacking(in, "blocks:viewer"))
	if result.Members[1].Outcome.String() != "block" || len(result.Degraded) != 1 {
		t.Errorf("when it could not be read: %+v, %+v", result.Members, result.Degraded)
	}
}

func TestCounterErrors(t *testing.T) {
	const good = "  - {name: a, events: [message.send], when: 'true', of: actor, text: t}\n"
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"keys", "counters:\n  - {name: a, evnts: [x]}\n", []string{
			`rules.yaml:2:12: counter a: events is required`, `rules.yaml:2:12: counter a: when is required`,
			`rules.yaml:2:12: counter a: of is required`, `rules.yaml:2:12: counter a: text is required`,
			`rules.yaml:2:15: unknown key "evnts": want one of name, events, when, of, each, text`}},
		{"no name", "counters:\n  - {events: [message.send], when: 'true', of: actor, text: t}\n", []string{`rules.yaml:2:5: counter at line 2: name is required`}},
		{"name", "counters:\n  - {name: A B, events: [message.send], when: 'true', of: actor, text: t}\n", []string{
			`rules.yaml:2:12: "A B" must be lower-case letters`}},
		{"of", "counters:\n  - {name: a, events: [message.send], when: 'true', of: host, text: t}\n", []string{
			`rules.yaml:2:57: "host" must be one of actor, viewer, pair, content, conversation`}},
		{"each", "counters:\n  - {name: a, events: [message.send], when: 'true', of: actor, each: pair, text: t}\n", []string{
			`rules.yaml:2:70: "pair" must be one of event, actor, viewer, content, conversation`}},
		{"event", "counters:\n  - {name: a, events: [message.sent], when: 'true', of: actor, text: t}\n", []string{
			`rules.yaml:2:24: "message.sent" is not an event type`}},
		{"twice", "counters:\n" + good + good, []string{`rules.yaml:3:12: counter a is already defined at rules.yaml:2`}},
		{"condition", "counters:\n  - {name: a, events: [message.send], when: 'viewer.minr', of: actor, text: t}\n", []string{
			`rules.yaml:2:52: when: undeclared reference to 'viewer.minr'`}},
		{"a count of counts", "counters:\n" + good + "  - {name: b, events: [message.send], when: 'count(\"a\", actor, \"1h\") > 1', of: actor, text: t}\n", []string{
			`rules.yaml:3:52: when: a counter's condition can't read counts`}},
		{"doubt", "counters:\n  - {name: a, events: [message.send], when: '!viewer.adult', of: actor, text: t}\n", []string{
			`rules.yaml:2:53: when: viewer.adult means "may be"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := policy.Load(directory(map[string]string{"rules.yaml": test.text}), policy.Options{})
			checkErrors(t, err, test.want)
		})
	}
}

// Only a covert rule may read whom somebody blocked: others would tell.
func TestBlocksAreForCovertRules(t *testing.T) {
	const open = "rules:\n  - {id: r, events: [message.send], when: 'CONDITION', viewer: hold, text: t}\n" +
		"counters:\n  - {name: a, events: [message.send], when: viewer.muted, of: actor, text: t}\n"
	for _, condition := range []string{"viewer.minor && viewer.blocked", "viewer.minor || !viewer.muted", `count("a", actor, "1h") > 3`} {
		text := strings.Replace(open, "CONDITION", condition, 1)
		_, err := policy.Load(directory(map[string]string{"rules.yaml": text}), policy.Options{})
		checkErrors(t, err, []string{"rules.yaml:2:43: when: whom the viewer blocked or muted is nobody else's business"})
		load(t, strings.Replace(text, "viewer: hold", "viewer: hold, covert: true", 1))
	}
}

// A bundle that extends a shipped part can't change the part's counters under
// its rules; one that does not extend it may use the names.
func TestCounterInheritance(t *testing.T) {
	const own = "counters:\n  - {name: a, events: [message.send], when: 'false', of: actor, text: t}\n"
	o := policy.Options{Parts: []string{"part"}, Shipped: directory(map[string]string{"part/a.yaml": strings.Replace(own, "false", "true", 1)})}
	manifest := func(extends string) map[string]string {
		return map[string]string{policy.Manifest: "bundle: b\nextends: [" + extends + "]\n", "rules.yaml": own}
	}
	_, err := policy.Load(directory(manifest("part")), o)
	checkErrors(t, err, []string{"rules.yaml:2:12: counter a is already defined at part/a.yaml:2"})
	if _, err := policy.Load(directory(manifest("")), o); err != nil {
		t.Error(err)
	}
}

func TestCounterDigestAndDiff(t *testing.T) {
	before, after := load(t, counting), load(t, strings.Replace(counting, "of: pair", "each: content, of: pair", 1))
	if before.Digest() == after.Digest() {
		t.Error("counting something else does not change the digest")
	}
	want := []policy.Change{{What: "counter", ID: "written", Change: "changed", Fields: []policy.Field{{Key: "each", Old: `"event"`, New: `"content"`}}}}
	if d := cmp.Diff(want, policy.Diff(before, after)); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}

func TestExplainCounts(t *testing.T) {
	b := load(t, counting)
	m := member("child", event.Band10to12)
	m.Counts = map[string]float64{"received/viewer/10m": 12}
	in := message(m)
	for _, e := range b.Explain(t.Context(), &in) {
		if e.Rule != "pile-on" {
			continue
		}
		want := []policy.Reading{{Name: `count("received", viewer, "10m")`, Value: 12.0}}
		if d := cmp.Diff(want, e.Viewers[0].Parts[0].Reads); d != "" {
			t.Errorf("reads (-want +got):\n%s", d)
		}
	}
}

func TestParseCount(t *testing.T) {
	c, err := policy.ParseCount("dm.sent/actor/7d")
	if err != nil || c.Key() != "dm.sent/actor/168h" || c.PerViewer() {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", "dm.sent", "dm.sent/actor", "dm.sent/host/7d", "dm.sent/actor/7 days", "A/actor/7d", "a/actor/7d/x"} {
		if _, err := policy.ParseCount(bad); err == nil {
			t.Errorf("%q is no count", bad)
		}
	}
}
