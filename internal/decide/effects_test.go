package decide_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/sanction"
)

// striking is a rule that blocks and strikes everybody.
const striking = `
- id: wild
  events: [message.send]
  when: event.private
  act: block
  text: "It strikes everybody."
  effects: [{kind: strike, points: 1}, {kind: review, queue: conduct, priority: 5}]
`

// restrained is an engine whose rules may sanction so many accounts a day.
func restrained(t *testing.T, d *db.DB, least int) (*rig, *sanction.Sanctions) {
	t.Helper()
	r := newRig(t, d, rules(t, striking))
	ledger, err := sanction.New(t.Context(), sanction.Options{
		DB: d, Labels: r.Labels, Ladders: sanction.Shipped(), Now: r.clock.now, Quota: sanction.Quota{Least: least},
		Enqueue: func(context.Context, *sql.Tx, string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Restraint, r.Carriers = ledger, map[decision.EffectKind]decide.Carrier{decision.Strike: ledger}
	return r, ledger
}

func struck(i int, text string) *event.Event {
	return &event.Event{
		ID: fmt.Sprintf("m-%d", i), Type: event.MessageSend, Time: noon, Private: true,
		Actor:    event.Actor{ID: fmt.Sprintf("u-%d", i)},
		Audience: event.Audience{Scope: event.Direct, Members: []event.Member{{ID: "u-x"}}},
		Content:  event.Content{Text: text},
	}
}

// A batch is decided before it is committed, and passes no quota. What waits
// says so in the answer; outcome and review stay. The same events again have
// the same answers and nothing twice.
func TestBatchKeepsToTheQuota(t *testing.T) {
	dbtest.Each(t, append(sources(), sanction.Migrations()), func(t *testing.T, d *db.DB) {
		r, ledger := restrained(t, d, 3)
		events := make([]*event.Event, 10)
		for i := range events {
			events[i] = struck(i, "hello")
		}
		first, err := r.DecideBatch(t.Context(), events)
		if err != nil {
			t.Fatal(err)
		}
		waits := 0
		for i, a := range first {
			if a.Err != nil || a.Decision.Outcome != decision.Block || len(a.Decision.Effects) != 2 {
				t.Fatalf("%d: %v, %v, %v", i, a.Err, a.Decision.Outcome, a.Decision.Effects)
			}
			for _, e := range a.Decision.Effects {
				if e.Waits != "" {
					waits++
					if e.Kind != decision.Strike {
						t.Errorf("%s waits", e.Kind)
					}
				}
			}
		}
		if waits != 7 {
			t.Errorf("%d of 10 strikes wait, want 7", waits)
		}
		again, err := r.DecideBatch(t.Context(), events)
		if err != nil {
			t.Fatal(err)
		}
		strikes := 0
		for i := range events {
			if string(again[i].Encoded) != string(first[i].Encoded) {
				t.Errorf("%d has another answer", i)
			}
			all, err := ledger.Of(t.Context(), events[i].Actor.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				if e.Kind == sanction.Strike {
					strikes++
				}
			}
		}
		if strikes != 3 {
			t.Errorf("%d strikes in the ledger, want 3", strikes)
		}
		radius, err := ledger.Count(t.Context(), &sanction.Action{Rule: "wild", Act: sanction.Release})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sanction.Radius{Accounts: 7, Decisions: 7, Effects: map[string]int64{"strike": 7}}, radius); diff != "" {
			t.Error(diff)
		}
	})
}

// What is not decided does not count: a conflict, and a commit that fails.
func TestWhatIsNotDecidedDoesNotCount(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), append(sources(), sanction.Migrations())...)
	r, _ := restrained(t, d, 2)
	waits := func(a decide.Answer) bool {
		return a.Decision.Effects[0].Waits != "" || a.Decision.Effects[1].Waits != ""
	}
	if waits(r.decide(t, struck(1, "hello"))) {
		t.Fatal("the first waits")
	}
	for i := range 5 {
		other := struck(1, "another body")
		other.Actor.ID = fmt.Sprintf("other-%d", i)
		if _, err := r.Decide(t.Context(), other); !errors.Is(err, decide.ErrConflict) {
			t.Fatalf("%v", err)
		}
	}
	carriers := r.Carriers
	r.Carriers = map[decision.EffectKind]decide.Carrier{decision.Strike: failing{}}
	for i := range 5 {
		if _, err := r.Decide(t.Context(), struck(10+i, "hello")); err == nil {
			t.Fatal("it is decided though its strike is not written")
		}
	}
	r.Carriers = carriers
	if waits(r.decide(t, struck(2, "hello"))) {
		t.Error("what was not decided has counted")
	}
	if !waits(r.decide(t, struck(3, "hello"))) {
		t.Error("the quota is passed")
	}
}

// failing carries nothing out, as a process that is killed in between.
type failing struct{}

func (failing) Carry(context.Context, *sql.Tx, *decide.Consequence) error {
	return errors.New("killed")
}

// A replay says what the rules ask for, whether it waited or not.
func TestReplayOfWhatWaited(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), append(sources(), sanction.Migrations())...)
	r, _ := restrained(t, d, 1)
	r.decide(t, struck(1, "hello"))
	was := r.decide(t, struck(2, "hello")).Decision
	entry, err := r.Journal.Get(t.Context(), was.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, again, err := decide.Replay(t.Context(), &entry, r.Rules.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	waited := false
	for i := range was.Effects {
		waited = waited || was.Effects[i].Waits != ""
		was.Effects[i].Waits = ""
	}
	if diff := cmp.Diff(was.Effects, again.Effects); diff != "" || !waited {
		t.Errorf("waited: %t\n%s", waited, diff)
	}
	if again.Outcome != was.Outcome {
		t.Errorf("%s, was %s", again.Outcome, was.Outcome)
	}
}
