package decide_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/simulate"
)

// What Eval saw went through JSON into the journal. Evaluated again under the
// same bundle, it gives what was answered, whatever has become of accounts,
// labels and detectors since.
func TestReplay(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newShipped(t, d)
		world, err := simulate.New(simulate.Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		for i := range world.Accounts {
			a := &world.Accounts[i]
			s := age.Statement{Created: a.Created, Country: a.Country, Region: a.Region, Locale: a.Language, Age: a.Age}
			if _, err := r.Accounts.Put(t.Context(), a.ID, s, true); err != nil {
				t.Fatal(err)
			}
		}
		events := simulated(t, 400)
		if _, err := r.DecideBatch(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		r.exec(t, `DELETE FROM age_signal`)
		r.exec(t, `DELETE FROM age_account`)
		r.exec(t, `DELETE FROM label_label`)
		bundle := r.Rules.Bundle()
		replayed, outcomes := 0, map[decision.Outcome]int{}
		err = r.Journal.Scan(t.Context(), journal.Query{}, func(e journal.Entry) error {
			_, result, err := decide.Replay(t.Context(), &e, bundle)
			if err != nil {
				return err
			}
			was := e.Decision
			again := decision.Decision{
				ID: was.ID, Event: was.Event, Type: was.Type, Time: was.Time, Signals: was.Signals, Policy: was.Policy,
				Outcome: result.Outcome, Bands: result.Bands, Members: result.Members, Reasons: result.Reasons,
				Effects: result.Effects, Notice: result.Notice, Degraded: result.Degraded, Jurisdictions: result.Jurisdictions,
			}
			if diff := cmp.Diff(was, again, plain, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s %s replayed (-was +again):\n%s", e.Decision.Type, e.Decision.Event, diff)
			}
			if diff := cmp.Diff(e.Shadow, result.Shadow, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: shadow (-was +again):\n%s", e.Decision.Event, diff)
			}
			replayed++
			outcomes[e.Decision.Outcome]++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if replayed != len(events) || len(outcomes) < 3 {
			t.Errorf("%d of %d replayed, with outcomes %v", replayed, len(events), outcomes)
		}
	})
}

// A doubt is kept too: what was missing then is missing in a replay.
func TestReplayOfDoubt(t *testing.T) {
	bundle, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), bundle) // no detector at all
	for _, ev := range simulated(t, 60) {
		was := r.decide(t, ev).Decision
		entry, err := r.Journal.Get(t.Context(), was.ID)
		if err != nil {
			t.Fatal(err)
		}
		in, again, err := decide.Replay(t.Context(), &entry, bundle)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range bundle.Needs(ev.Type).Signals {
			if !slices.ContainsFunc(in.Missing, func(m policy.Missing) bool { return m.Input == "signal:"+name }) {
				t.Errorf("%s: %s is not missing", ev.ID, name)
			}
		}
		if diff := cmp.Diff(was.Degraded, again.Degraded, cmpopts.EquateEmpty()); diff != "" || was.Outcome != again.Outcome {
			t.Errorf("%s was %s, again %s, degraded (-was +again):\n%s", ev.ID, was.Outcome, again.Outcome, diff)
		}
	}
}

func TestReplayOfNonsense(t *testing.T) {
	bundle, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range []string{``, `{`, `[]`, `{"type":1}`, `{"time":"yesterday"}`} {
		_, result, err := decide.Replay(t.Context(), &journal.Entry{Input: []byte(input)}, bundle)
		if err == nil || result.Reasons != nil {
			t.Errorf("%s: %v, %v", input, result, err)
		}
	}
}
