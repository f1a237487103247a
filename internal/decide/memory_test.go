package decide_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/policy"
)

const counted = `  - {id: fan-out, events: [message.send], when: 'count("minors", actor, "24h") >= 3', act: hold, kind: contact.unsolicited_adult, text: "Many children.", source: test}
  - {id: pile-on, events: [message.send, content.create], when: 'count("senders", viewer, "1h") >= 2', viewer: blur, kind: bully.pile_on, text: "Many senders.", source: test}
  - {id: again, events: [message.send], when: 'count("lines", pair, "1h") >= 2', viewer: inform, text: "Again.", source: test}
  - {id: busy, events: [content.create], when: 'count("answers", content, "1h") >= 2', act: demote, text: "Busy.", source: test}
  - {id: long, events: [message.send], when: 'count("turns", conversation, "1h") >= 4', act: confirm, text: "Long.", source: test}
counters:
  - {name: minors, events: [message.send], when: viewer.named && viewer.minor, of: actor, each: viewer, text: "Children written to."}
  - {name: senders, events: [message.send], when: viewer.named, of: viewer, each: actor, text: "Who wrote."}
  - {name: lines, events: [message.send], when: viewer.named, of: pair, text: "Messages."}
  - {name: answers, events: [content.create], when: event.reply, of: content, each: actor, text: "Who answered."}
  - {name: turns, events: [message.send], when: "true", of: conversation, text: "Turns."}
`

// wrote is a message, 13-15 year olds to each other unless said otherwise.
func wrote(id, from, conversation string, to ...string) *event.Event {
	ev := &event.Event{
		ID: id, Type: event.MessageSend, Time: noon, Conversation: conversation,
		Actor: event.Actor{ID: from, Country: "GB"}, Audience: event.Audience{Scope: event.Direct},
	}
	if len(to) > 1 {
		ev.Audience.Scope = event.Group
	}
	for _, id := range to {
		ev.Audience.Members = append(ev.Audience.Members, event.Member{ID: id, Country: "GB", Age: &event.Age{Band: event.Band13to15, Basis: event.BasisDeclared}})
	}
	return ev
}

// ruled are the rules that applied, over all members.
func ruled(d *decision.Decision) []string {
	var ids []string
	for _, r := range d.Reasons {
		ids = append(ids, r.Rule)
	}
	return ids
}

// Each event counts itself and what came before it, also within a batch; an
// event that comes again counts once.
func TestEventsRememberThoseBefore(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		for _, batch := range []bool{false, true} {
			r := newRig(t, d, rules(t, counted))
			name := fmt.Sprintf("batch=%v", batch)
			var events []*event.Event
			for i := range 4 {
				ev := wrote(fmt.Sprintf("%s-%d", name, i), "adult"+name, "c"+name, fmt.Sprintf("child-%s-%d", name, i))
				events = append(events, ev, ev)
			}
			var got [][]string
			if batch {
				answers, err := r.DecideBatch(t.Context(), events)
				if err != nil {
					t.Fatal(err)
				}
				for i := range answers {
					got = append(got, ruled(&answers[i].Decision))
				}
			} else {
				for _, ev := range events {
					a := r.decide(t, ev)
					got = append(got, ruled(&a.Decision))
				}
			}
			want := [][]string{nil, nil, nil, nil, {"fan-out"}, {"fan-out"}, {"fan-out", "long"}, {"fan-out", "long"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
	})
}

// Counts of viewers and pairs are each member's own.
func TestCountsOfMembers(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, rules(t, counted))
		r.decide(t, wrote("1", "a", "", "x", "y"))
		a := r.decide(t, wrote("2", "b", "", "y", "z"))
		want := []decision.Outcome{decision.Blur, decision.Allow}
		for i, m := range a.Decision.Members {
			if m.Outcome != want[i] {
				t.Errorf("%s: %s, want %s", m.ID, m.Outcome, want[i])
			}
		}
		a = r.decide(t, wrote("3", "b", "", "z"))
		if diff := cmp.Diff([]string{"again"}, ruled(&a.Decision)); diff != "" {
			t.Error(diff)
		}
	})
}

// Answers count for the content that they answer.
func TestCountsOfContent(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, rules(t, counted))
		answer := func(i int, parent string) decision.Outcome {
			ev := post(i)
			ev.Actor.ID, ev.Parent = fmt.Sprintf("fan-%d", i), parent
			return r.decide(t, ev).Decision.Outcome
		}
		got := []decision.Outcome{answer(1, "p"), answer(2, "q"), answer(3, "p")}
		if diff := cmp.Diff([]decision.Outcome{decision.Allow, decision.Allow, decision.Demote}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// What was counted before a crash is counted after it, once: the journal is
// read back over what was known already, and over nothing.
func TestRemember(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, rules(t, counted))
		for i := range 2 {
			r.decide(t, wrote(fmt.Sprint(i), "adult", "c", fmt.Sprintf("child-%d", i)))
		}
		known := r.Counters.(*counter.Memory)
		empty, err := counter.OpenMemory(counter.MemoryOptions{Bytes: counter.LeastBytes, Now: r.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		defer empty.Close()
		for _, counters := range []*counter.Memory{known, empty} {
			if err := r.Remember(t.Context(), noon.Add(-r.Rules.Longest()), counters); err != nil {
				t.Fatal(err)
			}
			got, err := counters.Count(t.Context(), nil, []counter.Read{
				{Counter: "minors", Owner: "adult", Window: 24 * time.Hour, At: noon},
				{Counter: "lines", Owner: "adult\x00child-1", Window: time.Hour, At: noon},
			})
			if diff := cmp.Diff([]float64{2, 1}, got); err != nil || diff != "" {
				t.Errorf("%v:\n%s", err, diff)
			}
		}
		r.Counters = empty
		a := r.decide(t, wrote("last", "adult", "c", "child-2"))
		if diff := cmp.Diff([]string{"fan-out"}, ruled(&a.Decision)); diff != "" {
			t.Error(diff)
		}
	})
}

// One entry that is damaged keeps nobody from starting, and costs only itself.
func TestRememberBesideDamage(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, rules(t, counted))
		for i := range 3 {
			r.decide(t, wrote(fmt.Sprint(i), "adult", "c", fmt.Sprintf("child-%d", i)))
		}
		r.exec(t, `UPDATE journal_entry SET input = '{"type":1}' WHERE seq = (SELECT min(seq) FROM journal_entry)`)
		var log strings.Builder
		r.Log = slog.New(slog.NewTextHandler(&log, nil))
		m, err := counter.OpenMemory(counter.MemoryOptions{Bytes: counter.LeastBytes, Now: r.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := r.Remember(t.Context(), noon.Add(-r.Rules.Longest()), m); err != nil {
			t.Fatal(err)
		}
		n, err := m.Count(t.Context(), nil, []counter.Read{{Counter: "minors", Owner: "adult", Window: 24 * time.Hour, At: noon}})
		if err != nil || n[0] != 2 || !strings.Contains(log.String(), "decisions=1") {
			t.Errorf("%v children, %v, log %s", n, err, log.String())
		}
	})
}

// away is a store that does not answer.
type away struct{ counter.Store }

func (away) Count(context.Context, []counter.Add, []counter.Read) ([]float64, error) {
	return nil, errors.New("away")
}

// Without counters, rules that read them are answered by their on_error, and the
// decision says so.
func TestCountersAway(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, rules(t, counted))
		r.Counters = away{r.Counters}
		a := r.decide(t, wrote("1", "adult", "c", "child"))
		if a.Decision.Outcome != decision.Hold {
			t.Errorf("outcome %s", a.Decision.Outcome)
		}
		var inputs []string
		for _, g := range a.Decision.Degraded {
			inputs = append(inputs, g.Input)
		}
		want := []string{
			"count:" + policy.CountKey("lines", "pair", time.Hour), "count:" + policy.CountKey("minors", "actor", 24*time.Hour),
			"count:" + policy.CountKey("senders", "viewer", time.Hour), "count:" + policy.CountKey("turns", "conversation", time.Hour),
		}
		if diff := cmp.Diff(want, inputs); diff != "" {
			t.Error(diff)
		}
	})
}
