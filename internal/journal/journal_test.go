package journal_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/journal"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// each runs f on both engines.
func each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, []db.Source{journal.Migrations()}, f)
}

func open(t testing.TB, d *db.DB, opt journal.Options) *journal.Log {
	t.Helper()
	l, err := journal.Open(t.Context(), d, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// entry is a plain allow of the event with that id, changed by change.
func entry(t testing.TB, l *journal.Log, id string, change ...func(*journal.Entry)) *journal.Entry {
	t.Helper()
	seq := l.NextSeq()
	e := &journal.Entry{
		Seq: seq,
		Decision: decision.Decision{
			ID: journal.ID(seq), Event: id, Type: event.ContentCreate, Time: journal.SeqTime(seq),
			Reasons: []decision.Reason{}, Effects: []decision.Effect{}, Signals: []decision.Signal{},
			Degraded: []decision.Degraded{}, Policy: decision.Policy{Bundle: "default", Digest: "sha256:00"},
			Jurisdictions: []string{"GB"},
		},
		Input: json.RawMessage(`{"type":"content.create"}`), Body: [32]byte{1},
		Actor: "u-7", Content: id,
	}
	for _, c := range change {
		c(e)
	}
	var err error
	if e.Encoded, err = json.Marshal(&e.Decision); err != nil {
		t.Fatal(err)
	}
	return e
}

func body(b byte) func(*journal.Entry) { return func(e *journal.Entry) { e.Body = [32]byte{b} } }

// one appends one entry and gives its answer.
func one(t testing.TB, l *journal.Log, e *journal.Entry) journal.Appended {
	t.Helper()
	results, err := l.Append(t.Context(), []*journal.Entry{e}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func TestAppendAnswersEachEntry(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		first := entry(t, l, "m-1")
		results, err := l.Append(t.Context(), []*journal.Entry{
			first, entry(t, l, "m-2"), entry(t, l, "m-1"), entry(t, l, "m-1", body(2)),
			entry(t, l, "m-1", func(e *journal.Entry) { e.Decision.Type = event.MessageSend }),
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []journal.Status
		for _, r := range results {
			got = append(got, r.Status)
		}
		want := []journal.Status{journal.Fresh, journal.Fresh, journal.Duplicate, journal.Conflict, journal.Fresh}
		if !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
		if d := results[2].Entry; d.Seq != first.Seq || string(d.Encoded) != string(first.Encoded) {
			t.Error("the duplicate is not answered with the first decision's bytes")
		}
		if r := one(t, l, entry(t, l, "m-2")); r.Status != journal.Duplicate || r.Entry.Decision.Event != "m-2" {
			t.Errorf("repeated in a later call: %+v", r)
		}
		if r := one(t, l, entry(t, l, "m-2", body(9))); r.Status != journal.Conflict {
			t.Errorf("another body in a later call: %+v", r)
		}
	})
}

// Ids of any length are told apart, also where only their ends differ.
func TestLongIDs(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		for _, n := range []int{63, 64, 65, 256} {
			id := strings.Repeat("x", n-1)
			for _, end := range []string{"a", "b"} {
				if r := one(t, l, entry(t, l, id+end)); r.Status != journal.Fresh {
					t.Errorf("id of %d bytes that ends in %s: status %d", n, end, r.Status)
				}
				if r := one(t, l, entry(t, l, id+end)); r.Status != journal.Duplicate {
					t.Errorf("id of %d bytes again: status %d", n, r.Status)
				}
				if e, err := l.ByEvent(t.Context(), event.ContentCreate, id+end); err != nil || e.Decision.Event != id+end {
					t.Errorf("id of %d bytes is not found: %v", n, err)
				}
			}
		}
	})
}

func TestReadGivesWhatWasWritten(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		want := entry(t, l, "m-1", func(e *journal.Entry) {
			e.Decision.Outcome = decision.Hold
			e.Decision.Reasons = []decision.Reason{{Rule: "a.b", Kind: "spam.other", Outcome: decision.Hold, Measures: []string{}, Jurisdictions: []string{}}}
			e.ContentDigest = []byte{0, 1, 255}
			e.Shadow = []decision.Reason{{Rule: "c.d", Outcome: decision.Block, Measures: []string{"dsa:28"}, Jurisdictions: []string{"EU"}}}
			e.Input = json.RawMessage(`{"type":"content.create","attributes":{"note":"\u0000 ☂"}}`)
		})
		one(t, l, want)
		byID, err := l.Get(t.Context(), want.Decision.ID)
		if err != nil {
			t.Fatal(err)
		}
		byEvent, err := l.ByEvent(t.Context(), event.ContentCreate, "m-1")
		if err != nil {
			t.Fatal(err)
		}
		kept := *want
		kept.Body = [32]byte{}
		for _, got := range []journal.Entry{byID, byEvent} {
			if diff := cmp.Diff(kept, got); diff != "" {
				t.Error(diff)
			}
		}
		for _, id := range []string{"", "d_", "m-1", journal.ID(l.NextSeq())} {
			if _, err := l.Get(t.Context(), id); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("Get(%q): %v, want ErrNotFound", id, err)
			}
		}
		if _, err := l.ByEvent(t.Context(), event.MessageSend, "m-1"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("ByEvent of another type: %v, want ErrNotFound", err)
		}
	})
}

// The database alone must not confirm a guess at what an event said.
func TestBodyIsKeptKeyed(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{Key: [32]byte{42}})
		e := entry(t, l, "m-1")
		one(t, l, e)
		var stored []byte
		if err := d.Read.QueryRow(`SELECT body FROM journal_entry`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if len(stored) != 16 || string(stored) == string(e.Body[:16]) {
			t.Errorf("stored digest %x of %x", stored, e.Body)
		}
	})
}

func TestDuplicateStorm(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		const events, times = 40, 16
		var mu sync.Mutex
		seen := map[string]map[journal.Status]int{}
		ids := map[string]map[string]bool{}
		var wg sync.WaitGroup
		for w := range times {
			wg.Go(func() {
				for i := range events {
					id := strconv.Itoa((i + w) % events)
					e := entry(t, l, id)
					applied := 0
					results, err := l.Append(context.Background(), []*journal.Entry{e}, func(*sql.Tx, []*journal.Entry) error { applied++; return nil })
					if err != nil {
						t.Error(err)
						return
					}
					r := results[0]
					if (r.Status == journal.Fresh) != (applied > 0) {
						t.Errorf("status %d, applied %d times", r.Status, applied)
					}
					mu.Lock()
					if seen[id] == nil {
						seen[id], ids[id] = map[journal.Status]int{}, map[string]bool{}
					}
					seen[id][r.Status]++
					ids[id][r.Entry.Decision.ID] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for id := range seen {
			if seen[id][journal.Fresh] != 1 || seen[id][journal.Duplicate] != times-1 || len(ids[id]) != 1 {
				t.Errorf("event %s: %v fresh and duplicate, %d decisions", id, seen[id], len(ids[id]))
			}
		}
		if n := count(t, d, "journal_entry"); n != events {
			t.Errorf("%d entries of %d events", n, events)
		}
	})
}

func count(t testing.TB, d *db.DB, table string) (n int) {
	t.Helper()
	if err := d.Read.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// block makes l's committer wait, so that what is appended next is one batch.
// The function it gives lets it go on.
func block(t *testing.T, l *journal.Log) (release func()) {
	t.Helper()
	entered, wait := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	e := entry(t, l, "blocker")
	go func() {
		_, err := l.Append(context.Background(), []*journal.Entry{e}, func(*sql.Tx, []*journal.Entry) error {
			close(entered)
			<-wait
			return nil
		})
		done <- err
	}()
	<-entered
	return func() {
		close(wait)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// notes is a table of a caller's own.
func notes(t *testing.T, d *db.DB) func(tx *sql.Tx, fresh []*journal.Entry) error {
	t.Helper()
	err := d.Tx(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`CREATE TABLE note (event TEXT PRIMARY KEY)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(tx *sql.Tx, fresh []*journal.Entry) error {
		for _, e := range fresh {
			if _, err := tx.Exec(`INSERT INTO note (event) VALUES ($1)`, e.Decision.Event); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestFaultyApplyFailsItsOwnCallOnly(t *testing.T) {
	faults := map[string]func() error{
		"error": func() error { return errors.New("out of ideas") },
		"panic": func() error { panic("out of ideas") },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d *db.DB) {
				l := open(t, d, journal.Options{})
				note := notes(t, d)
				release := block(t, l)
				const calls = 20
				errs := make([]error, calls)
				var wg sync.WaitGroup
				for i := range calls {
					e := entry(t, l, strconv.Itoa(i))
					wg.Go(func() {
						_, errs[i] = l.Append(context.Background(), []*journal.Entry{e}, func(tx *sql.Tx, fresh []*journal.Entry) error {
							if err := note(tx, fresh); err != nil || i != 7 && i != 8 {
								return err
							}
							return fault()
						})
					})
				}
				release()
				wg.Wait()
				for i, err := range errs {
					if (err != nil) != (i == 7 || i == 8) {
						t.Errorf("call %d: %v", i, err)
					}
					_, err := l.ByEvent(t.Context(), event.ContentCreate, strconv.Itoa(i))
					if errors.Is(err, journal.ErrNotFound) != (i == 7 || i == 8) {
						t.Errorf("entry %d: %v", i, err)
					}
				}
				if n := count(t, d, "note"); n != calls-2 {
					t.Errorf("%d notes, want %d", n, calls-2)
				}
			})
		})
	}
}

func TestCallIsAtomic(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		note := notes(t, d)
		reason := func(e *journal.Entry) {
			e.Decision.Reasons = []decision.Reason{{Rule: "a.b", Outcome: decision.Hold}}
		}
		_, err := l.Append(t.Context(), []*journal.Entry{entry(t, l, "1", reason), entry(t, l, "2", reason)}, func(tx *sql.Tx, fresh []*journal.Entry) error {
			if err := note(tx, fresh); err != nil {
				return err
			}
			return errors.New("no")
		})
		if err == nil {
			t.Error("no error")
		}
		for _, table := range []string{"journal_entry", "journal_tag", "journal_rollup", "note"} {
			if n := count(t, d, table); n != 0 {
				t.Errorf("%d rows left in %s", n, table)
			}
		}
	})
}

func TestTooManyWaitingIsBusy(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{MaxQueue: 2})
		release := block(t, l)
		var wg sync.WaitGroup
		var busy, written int
		var mu sync.Mutex
		for i := range 5 {
			e := entry(t, l, strconv.Itoa(i))
			wg.Go(func() {
				_, err := l.Append(context.Background(), []*journal.Entry{e}, nil)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, journal.ErrBusy):
					if busy++; busy == 3 {
						release()
					}
				case err == nil:
					written++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if busy != 3 || written != 2 || count(t, d, "journal_entry") != 3 {
			t.Errorf("%d busy, %d written", busy, written)
		}
		one(t, l, entry(t, l, "later"))
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		release := block(t, l)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("gone"))
		_, err := l.Append(ctx, []*journal.Entry{entry(t, l, "m-1")}, nil)
		if err == nil {
			t.Error("a cancelled call succeeded while nothing was written")
		}
		release()
		// What was left behind is written, or it is not there; either way the
		// event has one decision, and everybody gets it.
		again := one(t, l, entry(t, l, "m-1"))
		got, err := l.ByEvent(t.Context(), event.ContentCreate, "m-1")
		if err != nil || got.Decision.ID != again.Entry.Decision.ID {
			t.Errorf("stored %s, answered %s: %v", got.Decision.ID, again.Entry.Decision.ID, err)
		}
	})
}

func TestHugeCall(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{MaxBatch: 100, MaxQueue: 100})
		entries := make([]*journal.Entry, 2003)
		for i := range entries {
			entries[i] = entry(t, l, strconv.Itoa(i%2000))
		}
		results, err := l.Append(t.Context(), entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if (r.Status == journal.Fresh) != (i < 2000) || r.Entry.Decision.Event != strconv.Itoa(i%2000) {
				t.Fatalf("entry %d: status %d, event %s", i, r.Status, r.Entry.Decision.Event)
			}
		}
	})
}

func TestCloseWritesWhatWaits(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		release := block(t, l)
		errs := make(chan error)
		const calls = 5
		queued := make(chan struct{}, calls)
		for i := range calls {
			e := entry(t, l, strconv.Itoa(i))
			go func() {
				queued <- struct{}{}
				_, err := l.Append(context.Background(), []*journal.Entry{e}, nil)
				errs <- err
			}()
		}
		for range calls {
			<-queued
		}
		closed := make(chan struct{})
		go func() { l.Close(); close(closed) }()
		release()
		written := 0
		for range calls {
			switch err := <-errs; {
			case err == nil:
				written++
			case !errors.Is(err, journal.ErrClosed):
				t.Error(err)
			}
		}
		<-closed
		if n := count(t, d, "journal_entry"); n != written+1 {
			t.Errorf("%d acknowledged, %d there", written+1, n)
		}
		if _, err := l.Append(t.Context(), []*journal.Entry{entry(t, l, "late")}, nil); !errors.Is(err, journal.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestIncompleteEntriesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		for name, spoil := range map[string]func(*journal.Entry){
			"no encoding": func(e *journal.Entry) { e.Encoded = nil },
			"no input":    func(e *journal.Entry) { e.Input = nil },
			"foreign id":  func(e *journal.Entry) { e.Decision.ID = journal.ID(1) },
		} {
			e := entry(t, l, "m-1")
			spoil(e)
			if _, err := l.Append(t.Context(), []*journal.Entry{e}, nil); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}

// An entry that was made long ago is not written any more: a reader that
// follows the log may have passed its place.
func TestStaleEntriesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		now := start
		l := open(t, d, journal.Options{Now: func() time.Time { return now }})
		old := entry(t, l, "m-1")
		now = now.Add(journal.Settle)
		if _, err := l.Append(t.Context(), []*journal.Entry{old}, nil); !errors.Is(err, journal.ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		one(t, l, entry(t, l, "m-1"))
	})
}

func TestClockJumps(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		now := start
		opt := journal.Options{Now: func() time.Time { return now }}
		l := open(t, d, opt)
		var seqs []int64
		appendOne := func() {
			e := entry(t, l, strconv.Itoa(len(seqs)))
			one(t, l, e)
			seqs = append(seqs, e.Seq)
		}
		for _, jump := range []time.Duration{0, -time.Hour, 0, 1000 * time.Hour, -2000 * time.Hour, 0} {
			now = now.Add(jump)
			appendOne()
		}
		l.Close()
		now = start.Add(-10_000 * time.Hour) // set back while the program is down
		l = open(t, d, opt)
		appendOne()
		if !slices.IsSorted(seqs) || len(slices.Compact(slices.Clone(seqs))) != len(seqs) {
			t.Errorf("not in order: %v", seqs)
		}
		var scanned []int64
		if err := l.Scan(t.Context(), journal.Query{}, func(e journal.Entry) error {
			scanned = append(scanned, e.Seq)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(seqs, scanned) {
			t.Error(cmp.Diff(seqs, scanned))
		}
	})
}

func TestSeqIsUniqueInParallel(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{Now: func() time.Time { return start }})
		const workers, times = 8, 10_000 // more than one millisecond's counter holds
		made := make([][]int64, workers)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for range times {
					made[w] = append(made[w], l.NextSeq())
				}
			})
		}
		wg.Wait()
		for _, m := range made {
			if !slices.IsSorted(m) {
				t.Error("one caller's numbers go down")
			}
		}
		all := slices.Concat(made...)
		slices.Sort(all)
		if len(slices.Compact(all)) != workers*times {
			t.Error("a number was given twice")
		}
	})
}

func TestTwoLogsOnOneDatabase(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		still := journal.Options{Now: func() time.Time { return start }}
		a, b := open(t, d, still), open(t, d, still)
		var wg sync.WaitGroup
		statuses := make([][2]journal.Status, 200)
		for i := range statuses {
			for j, l := range []*journal.Log{a, b} {
				wg.Go(func() {
					r, err := l.Append(context.Background(), []*journal.Entry{entry(t, l, strconv.Itoa(i))}, nil)
					if err != nil {
						t.Error(err)
						return
					}
					statuses[i][j] = r[0].Status
				})
			}
		}
		wg.Wait()
		for i, s := range statuses {
			if s != [2]journal.Status{journal.Fresh, journal.Duplicate} && s != [2]journal.Status{journal.Duplicate, journal.Fresh} {
				t.Errorf("event %d: %v", i, s)
			}
		}
		counts, err := a.Rollups(t.Context(), start.Add(-time.Hour), start.Add(time.Hour))
		if err != nil || len(counts) != 1 || counts[0].N != int64(len(statuses)) {
			t.Errorf("rollups %+v: %v", counts, err)
		}
	})
}

func FuzzSeq(f *testing.F) {
	f.Add("d_0000000000000")
	f.Add("d_7zzzzzzzzzzzz")
	f.Add("d_8000000000000")
	f.Add("d_0123456789ABC")
	f.Add("x")
	f.Fuzz(func(t *testing.T, id string) {
		seq, ok := journal.Seq(id)
		if !ok {
			return
		}
		if seq < 0 || journal.ID(seq) != id {
			t.Errorf("Seq(%q) = %d, whose ID is %q", id, seq, journal.ID(seq))
		}
	})
}

func ExampleID() {
	id := journal.ID(941_234_567_890_123_456)
	seq, ok := journal.Seq(id)
	fmt.Println(id, seq, ok)
	fmt.Println(journal.SeqTime(seq).Format(time.RFC3339))
	// Output:
	// d_0t3zfv92phep0 941234567890123456 true
	// 2027-02-10T07:30:08Z
}
