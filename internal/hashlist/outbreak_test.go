package hashlist_test

import (
	"errors"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/hashlist"
)

// flood matches entry n many times, and has that written down.
func flood(t *testing.T, l *hashlist.Lists, n, times int) (reviewed int) {
	t.Helper()
	for range times {
		r, err := l.Match(t.Context(), hashlist.Query{Hashes: hashlist.Hashes{PDQ: code(n).String()}})
		must(t, err)
		if len(r.Matches) != 1 {
			t.Fatalf("entry %d has %d matches", n, len(r.Matches))
		}
		if r.Matches[0].Review {
			reviewed++
		}
	}
	must(t, l.FlushHits(t.Context()))
	return reviewed
}

func quarantined(t *testing.T, l *hashlist.Lists, n int) bool {
	t.Helper()
	e, err := l.Entry(t.Context(), "one", numbered(n).ID)
	must(t, err)
	return !e.Quarantined.IsZero()
}

// An entry that suddenly matches far more than it used to goes into
// quarantine: it still matches, for review. One that always matched as much
// does not, nor one that a person has confirmed.
func TestOutbreak(t *testing.T) {
	dbtest.Each(t, []db.Source{hashlist.Migrations()}, func(t *testing.T, d *db.DB) {
		c := newClock()
		o := options(t, c)
		o.Outbreak = hashlist.Outbreak{Least: 20, Factor: 3}
		l := open(t, d, o)
		defer func() { shut(t, l) }()
		must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
		apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{numbered(1), numbered(2), numbered(3)}})
		must(t, second(l.Judge(t.Context(), "one", "e-3", hashlist.Feedback{Verdict: hashlist.Confirmed})))

		for range 6 { // entry 1 always matches some
			flood(t, l, 1, 12)
			c.add(time.Hour)
		}
		flood(t, l, 1, 25)
		flood(t, l, 2, 19)
		flood(t, l, 3, 50)
		for n := 1; n <= 3; n++ {
			if quarantined(t, l, n) {
				t.Errorf("entry %d is in quarantine", n)
			}
		}
		version := versionOf(t, l)
		flood(t, l, 2, 1)
		must(t, l.Refresh(t.Context())) // behind the follower, who may have been the one to write
		if !quarantined(t, l, 2) {
			t.Error("entry 2 is not in quarantine")
		}
		if got := versionOf(t, l); got != version+1 {
			t.Errorf("version %d after %d", got, version)
		}
		if n := flood(t, l, 2, 5); n != 5 {
			t.Errorf("%d of 5 matches are for review", n)
		}
		// What a person says ends it, either way.
		must(t, second(l.Judge(t.Context(), "one", "e-2", hashlist.Feedback{Verdict: hashlist.Confirmed})))
		if n := flood(t, l, 2, 30); n != 0 || quarantined(t, l, 2) {
			t.Errorf("%d matches of a confirmed entry are for review", n)
		}
		// The same source saying the same thing again does not undo a verdict.
		must(t, second(l.Judge(t.Context(), "one", "e-2", hashlist.Feedback{Verdict: hashlist.Denied})))
		changed := numbered(2)
		changed.Hashes.SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
		apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{changed}})
		apply(t, l, hashlist.Change{Removed: []string{"e-2"}})
		apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{changed}})
		r, err := l.Match(t.Context(), hashlist.Query{Hashes: changed.Hashes})
		if err != nil || len(r.Matches) != 0 {
			t.Errorf("a denied entry matches: %v %v", r, err)
		}
	})
}

func versionOf(t *testing.T, l *hashlist.Lists) int64 {
	t.Helper()
	b, err := l.Bank(t.Context(), "one")
	must(t, err)
	return b.Version
}

// What was removed is forgotten after a day, but for verdicts; the rows of a
// bank that was removed are too.
func TestPrune(t *testing.T) {
	dbtest.Each(t, []db.Source{hashlist.Migrations()}, func(t *testing.T, d *db.DB) {
		c := newClock()
		l := open(t, d, options(t, c))
		defer func() { shut(t, l) }()
		rows := func() (n int) {
			must(t, d.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM hashlist_entry`).Scan(&n))
			return n
		}
		must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
		must(t, second(l.Create(t.Context(), hashlist.NewBank("two"))))
		apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{numbered(1), numbered(2), numbered(3)}})
		must(t, second(l.Apply(t.Context(), "two", hashlist.Change{Upserts: []hashlist.Entry{numbered(4)}})))
		must(t, second(l.Judge(t.Context(), "one", "e-2", hashlist.Feedback{Verdict: hashlist.Denied})))
		apply(t, l, hashlist.Change{Removed: []string{"e-1", "e-2"}})
		must(t, l.Prune(t.Context()))
		if n := rows(); n != 4 {
			t.Errorf("%d rows at once", n)
		}
		must(t, l.Remove(t.Context(), "two"))
		c.add(25 * time.Hour)
		must(t, l.Prune(t.Context()))
		if n := rows(); n != 2 { // e-3, and the verdict on e-2
			t.Errorf("%d rows a day later", n)
		}
		known(t, l, 5, func(i int) bool { return i == 3 })
		if _, err := l.Bank(t.Context(), "two"); !errors.Is(err, fault.NotFound) {
			t.Errorf("the bank: %v", err)
		}
		must(t, second(l.Create(t.Context(), hashlist.NewBank("two")))) // its name is free
	})
}

// Videos match when enough of their frames do.
func TestVideo(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
	l := open(t, d, options(t, newClock()))
	defer func() { shut(t, l) }()
	must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
	frames := func(numbers ...int) string {
		text := `[`
		for i, n := range numbers {
			if i > 0 {
				text += `,`
			}
			text += `"` + code(n).String() + `,90,1e+0` + string(rune('0'+i%10)) + `"`
		}
		return text + `]`
	}
	film := hashlist.Entry{ID: "film", Hashes: hashlist.Hashes{VPDQ: frames(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)}}
	apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{film}})
	for _, tt := range []struct {
		frames string
		share  int
	}{
		{frames(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 100},
		{frames(4, 3), 100},
		{frames(1, 2, 3, 4, 20), 80},
		{frames(1, 1, 1, 2, 3, 4, 20), 80}, // a frame counts once
		{frames(1, 2, 3, 20), 0},
		{frames(20), 0},
	} {
		r, err := l.Match(t.Context(), hashlist.Query{Hashes: hashlist.Hashes{VPDQ: tt.frames}})
		must(t, err)
		share := 0
		if len(r.Matches) == 1 && r.Matches[0].Kind == hashlist.VPDQ {
			share = r.Matches[0].Share
		}
		if share != tt.share {
			t.Errorf("%d frames: share %d, want %d", len(tt.frames)/75, share, tt.share)
		}
	}
	e, err := l.Entry(t.Context(), "one", "film")
	must(t, err)
	if again, err := l.Apply(t.Context(), "one", hashlist.Change{Upserts: []hashlist.Entry{{ID: "film", Hashes: e.Hashes}}}); err != nil || again.Unchanged != 1 {
		t.Errorf("what was exported is another film: %+v %v", again, err)
	}
}
