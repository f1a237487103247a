package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// script is a client that does as it is told.
type script struct {
	pages    []exchange.Page
	from     []string // checkpoints that it was asked to go on from
	err      error    // after the pages
	before   func(page int)
	sent     []string
	sendFail error
}

func (s *script) Pull(_ context.Context, checkpoint string) iter.Seq2[exchange.Page, error] {
	s.from = append(s.from, checkpoint)
	return func(yield func(exchange.Page, error) bool) {
		for i, page := range s.pages {
			if s.before != nil {
				s.before(i)
			}
			page.Upserts, page.Removed = slices.Clone(page.Upserts), slices.Clone(page.Removed)
			if !yield(page, nil) {
				return
			}
		}
		if s.err != nil {
			yield(exchange.Page{}, s.err)
		}
	}
}

func (s *script) Send(_ context.Context, o hashlist.Opinion) error {
	if s.sendFail != nil {
		return s.sendFail
	}
	s.sent = append(s.sent, o.Entry.ID+" "+string(o.Feedback.Verdict))
	return nil
}

// fixture is a bank "known" that the source "hotline" feeds.
type fixture struct {
	db     *db.DB
	banks  *hashlist.Banks
	client *script
	now    time.Time
}

func each(t *testing.T, f func(t *testing.T, x *fixture)) {
	t.Helper()
	dbtest.Each(t, []db.Source{hashlist.Migrations(), exchange.Migrations()}, func(t *testing.T, d *db.DB) {
		x := &fixture{db: d, client: &script{}, now: start}
		x.banks = hashlist.New(d, hashlist.Options{
			Now:       func() time.Time { return x.now },
			Canonical: func(s string) (string, error) { return s, nil },
		})
		if _, err := x.banks.Create(t.Context(), hashlist.Bank{Name: "known", Kind: hashlist.CSAM, Distance: 31, Ratio: 1}); err != nil {
			t.Fatal(err)
		}
		f(t, x)
	})
}

// exchanges are as another process would open them.
func (x *fixture) exchanges(o exchange.Options) *exchange.Exchanges {
	o.Now = func() time.Time { return x.now }
	return exchange.New(x.db, x.banks, []exchange.Source{
		{Name: "hotline", Protocol: "ncmec", Bank: "known", Every: time.Hour, Client: x.client},
	}, o)
}

func (x *fixture) sync(t *testing.T) (exchange.Counts, error) {
	t.Helper()
	return x.exchanges(exchange.Options{}).Sync(t.Context(), "hotline", exchange.SyncOptions{})
}

// ids are the entries of the bank.
func (x *fixture) ids(t *testing.T) []string {
	t.Helper()
	var ids []string
	if _, err := x.banks.Each(t.Context(), "known", 0, func(e hashlist.Entry) error {
		ids = append(ids, e.ID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

func entry(n int) hashlist.Entry {
	return hashlist.Entry{ID: fmt.Sprint("e", n), Hashes: hashlist.Hashes{MD5: fmt.Sprintf("%032x", n)}}
}

func entries(from, to int) (all []hashlist.Entry) {
	for n := from; n < to; n++ {
		all = append(all, entry(n))
	}
	return all
}

func TestSyncGoesOnFromItsCheckpoint(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		x.client.pages = []exchange.Page{
			{Upserts: entries(0, 2), Checkpoint: "one", Skipped: 3},
			{Upserts: append(entries(1, 3), hashlist.Entry{ID: "bad", Hashes: hashlist.Hashes{MD5: "?"}})},
			{Removed: []string{"e0", "never there"}, Checkpoint: "two"},
		}
		counts, err := x.sync(t)
		if want := (exchange.Counts{Added: 3, Removed: 1, Unchanged: 1, Skipped: 3, Refused: 1}); err != nil || counts != want {
			t.Errorf("%v %s", err, cmp.Diff(want, counts))
		}
		x.client.pages = nil
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		if want := []string{"", "two"}; !cmp.Equal(want, x.client.from) {
			t.Error(cmp.Diff(want, x.client.from))
		}
		if want := []string{"e1", "e2"}; !cmp.Equal(want, x.ids(t)) {
			t.Error(cmp.Diff(want, x.ids(t)))
		}
	})
}

// Whatever ends a sync, at any of its steps, the next comes to the same end.
func TestInterruptedSyncsComeBackConsistent(t *testing.T) {
	pages := []exchange.Page{
		{Upserts: entries(0, 1500)}, // two steps
		{Upserts: entries(1500, 1510), Removed: []string{"e3"}, Checkpoint: "one"},
		{Upserts: entries(1510, 1520)},
		{Removed: []string{"e1515"}, Checkpoint: "two"},
	}
	each(t, func(t *testing.T, x *fixture) {
		for stop := range len(pages) + 1 {
			x.client.pages, x.client.err = pages, nil
			ctx, cancel := context.WithCancel(t.Context())
			x.client.before = func(page int) {
				if page == stop {
					cancel()
				}
			}
			if stop == len(pages) {
				x.client.err = errors.New("cut off")
			}
			_, err := x.exchanges(exchange.Options{}).Sync(ctx, "hotline", exchange.SyncOptions{})
			cancel()
			if err == nil {
				t.Fatalf("stopped before page %d: no error", stop)
			}
			cursor, err := x.banks.Cursor(t.Context(), "known", "hotline")
			want := map[bool]string{true: "one", false: ""}[stop > 1]
			if stop == len(pages) {
				want = "two"
			}
			if err != nil || cursor != want {
				t.Errorf("stopped before page %d: checkpoint %q, want %q (%v)", stop, cursor, want, err)
			}
			x.client.before, x.client.err = nil, nil
			if cursor == "one" {
				x.client.pages = pages[2:]
			}
			if _, err := x.sync(t); err != nil {
				t.Fatal(err)
			}
			if n := len(x.ids(t)); n != 1518 {
				t.Errorf("stopped before page %d: %d entries after the next sync", stop, n)
			}
			if err := x.banks.Remove(t.Context(), "known"); err != nil {
				t.Fatal(err)
			}
			if _, err := x.banks.Create(t.Context(), hashlist.Bank{Name: "known", Kind: hashlist.CSAM, Ratio: 1}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTheLastErrorIsVisible(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		status := func() exchange.Status {
			list, err := x.exchanges(exchange.Options{}).List(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatal(err)
			}
			return list[0]
		}
		if s := status(); !s.Begun.IsZero() || s.Error != "" || s.Syncing {
			t.Errorf("never synced: %+v", s)
		}
		x.client.pages, x.client.err = []exchange.Page{{Upserts: entries(0, 1), Checkpoint: "one"}}, &exchange.StatusError{Status: 503, RetryAfter: time.Hour}
		if _, err := x.sync(t); err == nil {
			t.Fatal("no error")
		}
		s := status()
		if !strings.Contains(s.Error, "503") || !s.Failed.Equal(start) || !s.Succeeded.IsZero() || s.Cursor != "one" || s.Counts.Added != 1 {
			t.Errorf("failed: %+v", s)
		}
		if !s.Due.Equal(start.Add(time.Hour)) {
			t.Errorf("asked to come back in an hour, and is due %v", s.Due)
		}
		x.client.pages, x.client.err = nil, nil
		x.now = start.Add(time.Minute)
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		if s := status(); s.Error != "" || !s.Succeeded.Equal(x.now) || !s.Failed.Equal(start) || s.Due.Before(x.now.Add(50*time.Minute)) {
			t.Errorf("succeeded: %+v", s)
		}
		if err := x.banks.Remove(t.Context(), "known"); err != nil {
			t.Fatal(err)
		}
		if _, err := x.sync(t); err == nil {
			t.Error("no bank, and no error")
		}
		if s := status(); !strings.Contains(s.Error, "no bank known") {
			t.Errorf("no bank: %q", s.Error)
		}
	})
}

// An exchange is one process's at a time, and one that died loses it.
func TestOneAtATime(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		x.client.pages = []exchange.Page{{Upserts: entries(0, 1), Checkpoint: "one"}}
		x.client.before = func(int) {
			other := x.exchanges(exchange.Options{})
			if _, err := other.Sync(t.Context(), "hotline", exchange.SyncOptions{}); !errors.Is(err, exchange.ErrTaken) {
				t.Errorf("another process syncs it too: %v", err)
			}
			x.now = x.now.Add(2 * time.Minute) // as if this one were dead
			x.client.before = nil
			if _, err := other.Sync(t.Context(), "hotline", exchange.SyncOptions{}); err != nil {
				t.Errorf("a dead process keeps it: %v", err)
			}
		}
		if _, err := x.sync(t); err != nil {
			t.Error(err)
		}
		if _, err := x.exchanges(exchange.Options{}).Sync(t.Context(), "hotline", exchange.SyncOptions{IfDue: true}); !errors.Is(err, exchange.ErrTaken) {
			t.Errorf("synced before it was due: %v", err)
		}
		if _, err := x.exchanges(exchange.Options{}).Sync(t.Context(), "other", exchange.SyncOptions{}); !errors.Is(err, exchange.ErrUnknown) {
			t.Errorf("an exchange that is not configured: %v", err)
		}
	})
}

func TestWholeLists(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		own := entry(900)
		if _, err := x.banks.Apply(t.Context(), "known", hashlist.Change{Upserts: []hashlist.Entry{own}}); err != nil {
			t.Fatal(err)
		}
		whole := func(from, to int, checkpoint string) []exchange.Page {
			half := (from + to) / 2
			return []exchange.Page{{Whole: true, Upserts: entries(from, half)}, {Whole: true, Upserts: entries(half, to), Checkpoint: checkpoint}}
		}
		x.client.pages = whole(0, 40, "one")
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		// What is not named any more goes, and what others put in stays.
		x.client.pages = whole(5, 40, "two")
		if counts, err := x.sync(t); err != nil || counts.Removed != 5 || !slices.Contains(x.ids(t), "e900") || len(x.ids(t)) != 36 {
			t.Errorf("%v, %+v, %d entries", err, counts, len(x.ids(t)))
		}
		// A list that is cut off takes nothing away.
		x.client.pages, x.client.err = whole(5, 6, "three")[:1], errors.New("cut off")
		if _, err := x.sync(t); err == nil || len(x.ids(t)) != 36 {
			t.Errorf("cut off: %v, %d entries", err, len(x.ids(t)))
		}
		// One that lost more than half is not believed, unless somebody says so.
		x.client.pages, x.client.err = whole(5, 10, "four"), nil
		_, err := x.sync(t)
		cursor, _ := x.banks.Cursor(t.Context(), "known", "hotline")
		if err == nil || !strings.Contains(err.Error(), "30 of 35") || len(x.ids(t)) != 36 || cursor != "two" {
			t.Errorf("shrunk: %v, %d entries, checkpoint %q", err, len(x.ids(t)), cursor)
		}
		if err := x.exchanges(exchange.Options{}).Ask(t.Context(), "hotline", true); err != nil {
			t.Fatal(err)
		}
		if _, err := x.sync(t); err != nil || len(x.ids(t)) != 6 {
			t.Errorf("believed: %v, %d entries", err, len(x.ids(t)))
		}
		x.client.pages = whole(100, 140, "five")
		if _, err := x.exchanges(exchange.Options{}).Sync(t.Context(), "hotline", exchange.SyncOptions{Shrink: true}); err != nil || len(x.ids(t)) != 41 {
			t.Errorf("another: %v, %d entries", err, len(x.ids(t)))
		}
		x.client.pages = whole(200, 210, "six")
		if _, err := x.sync(t); err == nil || len(x.ids(t)) != 51 {
			t.Errorf("believed once only: %v, %d entries", err, len(x.ids(t)))
		}
	})
}

// What can't be read may name anything: then nothing goes, and somebody is told.
func TestWholeListsThatCannotAllBeReadTakeNothingAway(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		x.client.pages = []exchange.Page{{Whole: true, Upserts: entries(0, 20), Skipped: 1, Checkpoint: "one"}} // of another kind
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		for _, o := range []exchange.SyncOptions{{}, {Shrink: true}} {
			x.client.pages = []exchange.Page{{Whole: true, Upserts: entries(1, 20), Skipped: 1, Unreadable: 1}, {Whole: true, Checkpoint: "two"}}
			_, err := x.exchanges(exchange.Options{}).Sync(t.Context(), "hotline", o)
			cursor, _ := x.banks.Cursor(t.Context(), "known", "hotline")
			if err == nil || !strings.Contains(err.Error(), "could not be read") || len(x.ids(t)) != 20 || cursor != "one" {
				t.Errorf("%+v: %v, %d entries, checkpoint %q", o, err, len(x.ids(t)), cursor)
			}
		}
	})
}

// What a whole list names stands, also where its hash can't be read.
func TestNamedIsNotGone(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		x.client.pages = []exchange.Page{{Whole: true, Upserts: entries(0, 20), Checkpoint: "one"}}
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		x.client.pages = []exchange.Page{{Whole: true, Upserts: entries(2, 20), Kept: []string{"e0"}, Skipped: 1, Checkpoint: "two"}}
		if _, err := x.sync(t); err != nil || len(x.ids(t)) != 19 || !slices.Contains(x.ids(t), "e0") {
			t.Errorf("%v, %v", err, x.ids(t))
		}
	})
}

func TestSmallListsThatShrinkAreNotBelieved(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		x.client.pages = []exchange.Page{{Whole: true, Upserts: entries(0, 3), Checkpoint: "one"}}
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		x.client.pages = []exchange.Page{{Whole: true, Upserts: entries(0, 1), Checkpoint: "two"}}
		if _, err := x.sync(t); err == nil || len(x.ids(t)) != 3 {
			t.Errorf("%v, %d entries", err, len(x.ids(t)))
		}
	})
}

// Addresses stand in no name of an entry, and are still found to be removed.
func TestAddressesAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		const address = "https://listed.example/page"
		id := exchange.Name(hashlist.URL, address)
		x.client.pages = []exchange.Page{{Upserts: []hashlist.Entry{{ID: id, Hashes: hashlist.Hashes{URL: address}}}, Checkpoint: "one"}}
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		if ids := x.ids(t); len(ids) != 1 || strings.Contains(ids[0], "listed") {
			t.Errorf("%v", ids)
		}
		x.client.pages = []exchange.Page{{Removed: []string{id}, Checkpoint: "two"}}
		if counts, err := x.sync(t); err != nil || counts.Removed != 1 {
			t.Errorf("%v %+v", err, counts)
		}
	})
}

func TestFeedbackIsSentBackOnce(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		x.client.pages = []exchange.Page{{Upserts: entries(0, 3), Checkpoint: "one"}}
		if _, err := x.sync(t); err != nil {
			t.Fatal(err)
		}
		if _, err := x.banks.Apply(t.Context(), "known", hashlist.Change{Upserts: []hashlist.Entry{entry(900)}}); err != nil {
			t.Fatal(err)
		}
		judge := func(id string, verdict hashlist.Verdict) {
			if _, err := x.banks.Judge(t.Context(), "known", id, hashlist.Feedback{Verdict: verdict}); err != nil {
				t.Fatal(err)
			}
		}
		judge("e0", hashlist.Confirmed)
		judge("e1", hashlist.Denied)
		judge("e2", hashlist.Unseen)
		judge("e900", hashlist.Denied)
		x.client.pages, x.client.sendFail = nil, &exchange.StatusError{Status: 503}
		if _, err := x.sync(t); err == nil || !strings.Contains(err.Error(), "feedback") {
			t.Errorf("not sent: %v", err)
		}
		x.client.sendFail = nil
		counts, err := x.sync(t)
		if want := []string{"e0 confirmed", "e1 denied"}; err != nil || counts.Sent != 2 || !cmp.Equal(want, x.client.sent) {
			t.Errorf("%v %+v %s", err, counts, cmp.Diff(want, x.client.sent))
		}
		judge("e0", hashlist.Denied)
		x.client.sendFail = fmt.Errorf("x: %w", exchange.ErrNotTaken)
		if _, err := x.sync(t); err != nil {
			t.Errorf("what is never taken ends a sync: %v", err)
		}
		if left, err := x.banks.Unsent(t.Context(), "known", 0, 10); err != nil || len(left) != 0 {
			t.Errorf("%d opinions left, %v", len(left), err)
		}
	})
}

// A source that takes nothing for long does not keep another's feedback back.
func TestFeedbackOfOneSourceDoesNotWaitForAnothers(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		theirs := entries(0, 100)
		for i := range theirs {
			theirs[i].Source = "other"
		}
		ours := entry(100)
		ours.Source = "hotline"
		if _, err := x.banks.Apply(t.Context(), "known", hashlist.Change{Upserts: append(theirs, ours)}); err != nil {
			t.Fatal(err)
		}
		for n := range 101 {
			if _, err := x.banks.Judge(t.Context(), "known", fmt.Sprint("e", n), hashlist.Feedback{Verdict: hashlist.Confirmed}); err != nil {
				t.Fatal(err)
			}
		}
		two := exchange.New(x.db, x.banks, []exchange.Source{
			{Name: "hotline", Protocol: "ncmec", Bank: "known", Every: time.Hour, Client: x.client},
			{Name: "other", Protocol: "ncmec", Bank: "known", Every: time.Hour, Client: &script{}},
		}, exchange.Options{Now: func() time.Time { return x.now }})
		counts, err := two.Sync(t.Context(), "hotline", exchange.SyncOptions{})
		if err != nil || counts.Sent != 1 || !cmp.Equal([]string{"e100 confirmed"}, x.client.sent) {
			t.Errorf("%v, %+v, sent %v", err, counts, x.client.sent)
		}
	})
}

func TestRunSyncsWhatIsDue(t *testing.T) {
	each(t, func(t *testing.T, x *fixture) {
		x.client.pages = []exchange.Page{{Upserts: entries(0, 1), Checkpoint: "one"}}
		var begun []time.Duration
		x.client.before = func(int) { begun = append(begun, x.now.Sub(start)) }
		var running *exchange.Exchanges
		running = x.exchanges(exchange.Options{Sleep: func(ctx context.Context, d time.Duration) error {
			if x.now = x.now.Add(d); x.now.After(start.Add(150 * time.Minute)) {
				return context.Canceled
			}
			if len(begun) == 2 {
				return running.Ask(ctx, "hotline", false)
			}
			return nil
		}})
		running.Run(t.Context())
		hour := func(d time.Duration) bool { return d > 56*time.Minute && d < 64*time.Minute }
		if len(begun) < 3 || begun[0] != 0 || !hour(begun[1]) || begun[2]-begun[1] > time.Minute {
			t.Errorf("begun after %v: want at once, after an hour, and when asked", begun)
		}
		if err := running.Ask(t.Context(), "other", false); !errors.Is(err, exchange.ErrUnknown) {
			t.Errorf("asked for another: %v", err)
		}
	})
}
