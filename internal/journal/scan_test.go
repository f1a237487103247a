package journal_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/journal"
)

var (
	someRules = []string{"a.one", "a.two", "b.three"}
	someKinds = []decision.Kind{"", "spam.other", "abuse.hate"}
	someTypes = []event.Type{event.ContentCreate, event.MessageSend}
)

// populate appends entries of every sort, one each ten minutes.
func populate(t *testing.T, l *journal.Log, now *time.Time, n int) []journal.Entry {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	outcome := func() decision.Outcome { return decision.Outcome(r.IntN(8) * r.IntN(2)) }
	var all []journal.Entry
	for i := range n {
		*now = now.Add(10 * time.Minute)
		e := entry(t, l, strconv.Itoa(i), func(e *journal.Entry) {
			d := &e.Decision
			d.Type, d.Outcome = someTypes[r.IntN(2)], outcome()
			for range r.IntN(3) {
				d.Reasons = append(d.Reasons, decision.Reason{
					Rule: someRules[r.IntN(3)], Kind: someKinds[r.IntN(3)], Outcome: outcome(),
					Measures: []string{}, Jurisdictions: []string{}})
			}
			if d.Type == event.MessageSend {
				for range 1 + r.IntN(3) {
					d.Members = append(d.Members, decision.Member{ID: "u-9", Band: event.Band(r.IntN(7)), Outcome: outcome(), Rules: []string{}})
				}
				return
			}
			for _, b := range event.Bands() {
				d.Bands = append(d.Bands, decision.Band{Band: b, Outcome: outcome()})
			}
		})
		one(t, l, e)
		kept := *e
		kept.Body = [32]byte{}
		all = append(all, kept)
	}
	return all
}

// matches is what a query means, said plainly.
func matches(q journal.Query, e *journal.Entry) bool {
	d := &e.Decision
	at := journal.SeqTime(e.Seq)
	band := q.Band == event.BandUnknown ||
		slices.ContainsFunc(d.Bands, func(b decision.Band) bool { return b.Band == q.Band && b.Outcome != decision.Allow }) ||
		slices.ContainsFunc(d.Members, func(m decision.Member) bool { return m.Band == q.Band && m.Outcome != decision.Allow })
	return band && e.Seq > q.After && !at.Before(q.From) && (q.To.IsZero() || at.Before(q.To)) &&
		(q.Type == "" || d.Type == q.Type) && (q.Outcome == nil || d.Outcome == *q.Outcome) &&
		(q.Rule == "" || slices.ContainsFunc(d.Reasons, func(r decision.Reason) bool { return r.Rule == q.Rule })) &&
		(q.Kind == "" || slices.ContainsFunc(d.Reasons, func(r decision.Reason) bool { return string(r.Kind) == q.Kind }))
}

func TestScanGivesWhatMatches(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		now := start
		l := open(t, d, journal.Options{Now: func() time.Time { return now }})
		all := populate(t, l, &now, 550)
		r := rand.New(rand.NewPCG(3, 4))
		for range 200 {
			var q journal.Query
			if r.IntN(2) == 0 {
				q.From = start.Add(time.Duration(r.IntN(7000)) * time.Minute)
			}
			if r.IntN(2) == 0 {
				q.To = start.Add(time.Duration(r.IntN(7000)) * time.Minute)
			}
			if r.IntN(3) == 0 {
				q.After = all[r.IntN(len(all))].Seq
			}
			if r.IntN(3) == 0 {
				q.Limit = 1 + r.IntN(600)
			}
			if r.IntN(3) == 0 {
				q.Type = someTypes[r.IntN(2)]
			}
			if r.IntN(3) == 0 {
				q.Outcome = new(decision.Outcome(r.IntN(8)))
			}
			if r.IntN(3) == 0 {
				q.Rule = someRules[r.IntN(3)]
			}
			if r.IntN(3) == 0 {
				q.Kind = string(someKinds[1+r.IntN(2)])
			}
			if r.IntN(3) == 0 {
				q.Band = event.Band(r.IntN(7))
			}
			var want, got []int64
			for i := range all {
				if matches(q, &all[i]) && (q.Limit == 0 || len(want) < q.Limit) {
					want = append(want, all[i].Seq)
				}
			}
			if err := l.Scan(t.Context(), q, func(e journal.Entry) error { got = append(got, e.Seq); return nil }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(want, got) {
				t.Fatalf("%+v: want %d entries, got %d", q, len(want), len(got))
			}
		}
	})
}

func TestScanStopsWhereItsCallerDoes(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		now := start
		l := open(t, d, journal.Options{Now: func() time.Time { return now }})
		populate(t, l, &now, 5)
		enough, n := errors.New("enough"), 0
		err := l.Scan(t.Context(), journal.Query{}, func(journal.Entry) error {
			if n++; n == 3 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) || n != 3 {
			t.Errorf("%d entries, %v", n, err)
		}
	})
}

func TestRollupsCountEveryDecision(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		now := start
		l := open(t, d, journal.Options{Now: func() time.Time { return now }})
		all := populate(t, l, &now, 300)
		one(t, l, entry(t, l, "0", func(e *journal.Entry) { e.Decision.Type = all[0].Decision.Type })) // again: counts once
		from, to := start.Add(2*time.Hour), start.Add(40*time.Hour)
		want := map[journal.Count]int64{}
		for i := range all {
			d := &all[i].Decision
			hour := d.Time.Truncate(time.Hour)
			if hour.Before(from) || !hour.Before(to) {
				continue
			}
			once := map[journal.Count]bool{{Hour: hour, Type: d.Type, Outcome: d.Outcome}: true}
			for _, b := range d.Bands {
				once[journal.Count{Hour: hour, Type: d.Type, Outcome: b.Outcome, Band: b.Band.String()}] = true
			}
			for _, m := range d.Members {
				once[journal.Count{Hour: hour, Type: d.Type, Outcome: m.Outcome, Band: m.Band.String()}] = true
			}
			for _, r := range d.Reasons {
				once[journal.Count{Hour: hour, Type: d.Type, Outcome: r.Outcome, Rule: r.Rule, Kind: r.Kind}] = true
			}
			for c := range once {
				want[c]++
			}
		}
		counts, err := l.Rollups(t.Context(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		got := map[journal.Count]int64{}
		for _, c := range counts {
			n := c.N
			c.N = 0
			got[c] += n
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if !slices.IsSortedFunc(counts, func(a, b journal.Count) int {
			return cmp.Or(a.Hour.Compare(b.Hour), strings.Compare(string(a.Type), string(b.Type)))
		}) {
			t.Error("not in order")
		}
	})
}
