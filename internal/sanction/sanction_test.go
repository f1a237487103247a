package sanction_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/sanction"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// rig is a ledger over a database, with a clock of the test's.
type rig struct {
	*sanction.Sanctions
	db     *db.DB
	labels *label.Labels
	now    time.Time
	queued []string
}

func newRig(t *testing.T, d *db.DB, q sanction.Quota) *rig {
	t.Helper()
	r := &rig{db: d, now: noon}
	clock := func() time.Time { return r.now }
	r.labels = label.New(d, clock)
	var err error
	r.Sanctions, err = sanction.New(t.Context(), sanction.Options{
		DB: d, Labels: r.labels, Ladders: sanction.Shipped(), Quota: q, Now: clock,
		Enqueue: func(_ context.Context, _ *sql.Tx, action string) error {
			r.queued = append(r.queued, action)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sources() []db.Source { return []db.Source{label.Migrations(), sanction.Migrations()} }

// decide makes a decision with one effect as the engine does: restrained,
// carried out in a transaction, settled.
func (r *rig) decide(t *testing.T, id, account string, youngest int, e decision.Effect) decision.Effect {
	t.Helper()
	to := youngest + 3
	if youngest >= 18 {
		to = 150
	}
	p := &decide.Proposed{At: r.now, Account: account, Actor: policy.Subject{From: youngest, To: to}, Effects: []decision.Effect{e}}
	p.Effects = r.Hold(t.Context(), p)
	err := r.db.Tx(t.Context(), func(tx *sql.Tx) error {
		return r.Carry(t.Context(), tx, &decide.Consequence{
			Decision: id, At: r.now, Effect: p.Effects[0], Account: account, Youngest: youngest,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Settle(p, true)
	return p.Effects[0]
}

// ledger says each entry of an account in a word.
func (r *rig) ledger(t *testing.T, account string) []string {
	t.Helper()
	all, err := r.Of(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	said := []string{}
	for i := len(all) - 1; i >= 0; i-- {
		said = append(said, strings.TrimSuffix(fmt.Sprintf("%s %s %s", all[i].Kind, all[i].State(r.now), all[i].Feature), " "))
	}
	return said
}

func (r *rig) labelled(t *testing.T, account string) []string {
	t.Helper()
	of, err := r.labels.Of(t.Context(), account, "")
	if err != nil {
		t.Fatal(err)
	}
	return of
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

// A restriction stands as a label for its time, once however often its
// decision comes, and is gone when it is undone.
func TestRestriction(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, sanction.Quota{})
		e := decision.Effect{Kind: decision.Restrict, Rule: "grooming.clear", Target: "actor", Feature: "contact_minors", Hours: 72}
		r.decide(t, "d_1", "adult", 18, e)
		r.decide(t, "d_1", "adult", 18, e)
		equal(t, "ledger", []string{"restriction in_force contact_minors"}, r.ledger(t, "adult"))
		equal(t, "labels", []string{"actor:restricted.contact_minors"}, r.labelled(t, "adult"))
		equal(t, "others", []string{}, r.ledger(t, "other"))

		entries, err := r.Of(t.Context(), "adult")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Undo(t.Context(), "other", entries[0].ID, "key", "not theirs"); err == nil {
			t.Error("undone by another account's name")
		}
		for range 2 {
			if _, err := r.Undo(t.Context(), "adult", entries[0].ID, "key", "mistaken"); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, "ledger", []string{"restriction undone contact_minors"}, r.ledger(t, "adult"))
		equal(t, "labels", 0, len(r.labelled(t, "adult")))

		r.now = r.now.Add(time.Minute)
		r.decide(t, "d_2", "adult", 18, e)
		r.now = r.now.Add(73 * time.Hour)
		equal(t, "after its end", []string{"restriction undone contact_minors", "restriction ended contact_minors"}, r.ledger(t, "adult"))
		equal(t, "labels", 0, len(r.labelled(t, "adult")))
	})
}

// Strikes climb the ladder, softer for a child, fade by themselves, and one
// that is undone takes with it what it led to.
func TestLadder(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, sanction.Quota{})
		strike := func(account string, youngest, n int) {
			for i := range n {
				e := decision.Effect{Kind: decision.Strike, Rule: fmt.Sprintf("rule-%d", i), Points: 3}
				r.decide(t, fmt.Sprintf("d_%s-%d", account, i), account, youngest, e)
				r.now = r.now.Add(time.Minute)
			}
		}
		strike("adult", 18, 2)
		strike("teen", 13, 2)
		strike("kid", 10, 2)
		climbed := []string{"friction in_force", "notice in_force", "restriction in_force message_strangers", "strike in_force", "strike in_force"}
		equal(t, "adult", climbed, slices.Sorted(slices.Values(r.ledger(t, "adult"))))
		equal(t, "teen", climbed, slices.Sorted(slices.Values(r.ledger(t, "teen"))))
		equal(t, "kid", []string{"notice in_force", "strike in_force", "strike in_force"}, slices.Sorted(slices.Values(r.ledger(t, "kid"))))
		equal(t, "kid's labels", 0, len(r.labelled(t, "kid")))

		all, err := r.Of(t.Context(), "adult")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e.Kind == sanction.Strike && e.Rule == "rule-1" {
				if _, err := r.Undo(t.Context(), "adult", e.ID, "key", "mistaken"); err != nil {
					t.Fatal(err)
				}
			}
		}
		equal(t, "adult after undo", []string{"actor:friction"}, r.labelled(t, "adult"))
		r.now = r.now.Add(91 * 24 * time.Hour)
		equal(t, "labels in the end", 0, len(r.labelled(t, "adult")))
	})
}

// A rule that suddenly fires far above its day has its sanctions wait; a
// person sees whom it would touch, and releases, drops or undoes them.
func TestBreaker(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, sanction.Quota{Least: 3})
		e := decision.Effect{Kind: decision.Restrict, Rule: "wild", Target: "actor", Feature: "post_public", Hours: 24}
		var waits int
		for i := range 10 {
			if r.decide(t, fmt.Sprintf("d_%d", i), fmt.Sprintf("u-%d", i), 18, e).Waits != "" {
				waits++
			}
		}
		if waits != 7 {
			t.Errorf("%d of 10 wait, want 7", waits)
		}
		equal(t, "who waits is not restricted", []string{}, r.ledger(t, "u-9"))
		other := e
		other.Rule = "calm"
		if r.decide(t, "d_calm", "u-9", 18, other).Waits != "" {
			t.Error("another rule waits too")
		}
		review := decision.Effect{Kind: decision.Review, Rule: "wild", Queue: "q"}
		if r.Hold(t.Context(), &decide.Proposed{At: r.now, Account: "u-10", Effects: []decision.Effect{review}})[0].Waits != "" {
			t.Error("a review waits")
		}

		act := &sanction.Action{Rule: "wild", Act: sanction.Release, Person: "key", Why: "they are spammers"}
		if err := r.Begin(t.Context(), act, 3); err == nil {
			t.Error("it touches more than it may, and begins")
		}
		if err := r.Begin(t.Context(), act, 7); err != nil {
			t.Fatal(err)
		}
		if act.Radius.Accounts != 7 {
			t.Errorf("counted %d accounts", act.Radius.Accounts)
		}
		for _, id := range r.queued {
			if err := r.Work(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, "released", []string{"actor:restricted.post_public"}, r.labelled(t, "u-8"))

		undo := &sanction.Action{Rule: "wild", Act: sanction.Undo, Since: noon.Add(-time.Hour), Person: "key", Why: "they were not"}
		if err := r.Begin(t.Context(), undo, 100); err != nil {
			t.Fatal(err)
		}
		if err := r.Work(t.Context(), undo.ID); err != nil {
			t.Fatal(err)
		}
		for i := range 9 {
			equal(t, "undone", 0, len(r.labelled(t, fmt.Sprintf("u-%d", i))))
		}
		equal(t, "the other rule's stands", []string{"actor:restricted.post_public"}, r.labelled(t, "u-9"))
	})
}

// A program that starts anew, or another beside it, knows what was sanctioned
// today, and that a rule holds.
func TestBreakerOutlivesTheProgram(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		q := sanction.Quota{Least: 2}
		e := decision.Effect{Kind: decision.Restrict, Rule: "wild", Target: "actor", Feature: "post_public", Hours: 24}
		first := newRig(t, d, q)
		for i := range 3 {
			first.decide(t, fmt.Sprintf("d_%d", i), fmt.Sprintf("u-%d", i), 18, e)
		}
		second := newRig(t, d, q)
		if second.decide(t, "d_9", "u-9", 18, e).Waits == "" {
			t.Error("it does not hold any more")
		}
		second.now = noon.Add(24 * time.Hour)
		if second.decide(t, "d_10", "u-10", 18, e).Waits == "" {
			t.Error("it goes on by itself on the next day")
		}
	})
}

// Who asks for help bears nothing, and no child is reported by a machine.
func TestNeverAlone(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, sanction.Quota{})
		strike := decision.Effect{Kind: decision.Strike, Rule: "x", Points: 1}
		seeks := []decision.Reason{{Rule: "help", Kind: "support.seeking_help"}}
		if got := r.Hold(t.Context(), &decide.Proposed{At: r.now, Account: "u", Reasons: seeks, Effects: []decision.Effect{strike}}); len(got) != 0 {
			t.Errorf("a strike for asking: %v", got)
		}
		report := decision.Effect{Kind: decision.Report, Rule: "x", To: "ncmec"}
		if r.decide(t, "d_1", "child", 13, report).Waits == "" {
			t.Error("a child is reported without a person")
		}
		if r.decide(t, "d_2", "adult", 18, report).Waits != "" {
			t.Error("an adult's report waits")
		}
	})
}

// Many decisions at once never pass the quota.
func TestQuotaInParallel(t *testing.T) {
	dbtest.Each(t, sources(), func(t *testing.T, d *db.DB) {
		r := newRig(t, d, sanction.Quota{Least: 20})
		var wg sync.WaitGroup
		var mu sync.Mutex
		passed := 0
		for i := range 200 {
			wg.Go(func() {
				p := &decide.Proposed{At: noon, Account: fmt.Sprint(i), Effects: []decision.Effect{{Kind: decision.Strike, Rule: "wild", Points: 1}}}
				p.Effects = r.Hold(t.Context(), p)
				if p.Effects[0].Waits == "" {
					mu.Lock()
					passed++
					mu.Unlock()
				}
				r.Settle(p, true)
			})
		}
		wg.Wait()
		if passed != 20 {
			t.Errorf("%d passed, want 20", passed)
		}
	})
}
