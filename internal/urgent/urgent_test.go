package urgent_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
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
	"github.com/breakwater-project/breakwater/internal/urgent"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const secret = "a-secret-of-the-tests"

// receiver is a webhook on the loopback address that keeps what it is sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
	bodies []string
	header []http.Header
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answer: func(http.ResponseWriter, *http.Request) {}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.bodies, r.header = append(r.bodies, string(body)), append(r.header, q.Header)
		answer := r.answer
		r.mu.Unlock()
		answer(w, q)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) pager(t *testing.T) *urgent.Pager {
	t.Helper()
	p, err := urgent.NewPager(r.URL, secret, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pages are the numbers of the pages that came.
func (r *receiver) pages(t *testing.T) []int {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	came := []int{}
	for _, body := range r.bodies {
		var m struct{ Page int }
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatal(err)
		}
		came = append(came, m.Page)
	}
	return came
}

// rig is a lane with a clock and a queue of the test's.
type rig struct {
	*urgent.Lane
	db     *db.DB
	now    time.Time
	queued []urgent.Page
}

func newRig(d *db.DB, pager, escalation *urgent.Pager) *rig {
	r := &rig{db: d, now: noon}
	r.Lane = urgent.New(urgent.Options{
		DB: d, Pager: pager, Escalation: escalation, Now: func() time.Time { return r.now },
		Enqueue: func(_ context.Context, _ *sql.Tx, p urgent.Page) error {
			r.queued = append(r.queued, p)
			return nil
		},
	})
	return r
}

func (r *rig) open(t *testing.T, id string) {
	t.Helper()
	err := r.db.Tx(t.Context(), func(tx *sql.Tx) error {
		return r.Carry(t.Context(), tx, &decide.Consequence{
			Decision: id, At: r.now, Kind: "support.seeking_help", Account: "canary-u", Content: "canary-c",
			Effect: decision.Effect{Kind: decision.Urgent, Rule: "support.imminent"},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// work does the jobs that were asked for, and says what was wrong.
func (r *rig) work(t *testing.T) error {
	t.Helper()
	var faults []error
	for _, p := range r.queued {
		faults = append(faults, r.Page(t.Context(), p))
	}
	r.queued = nil
	return errors.Join(faults...)
}

func (r *rig) tick(t *testing.T, after time.Duration) {
	t.Helper()
	r.now = r.now.Add(after)
	if err := r.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, []db.Source{urgent.Migrations()}, f)
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

// The fault that R19 asks about: nobody acknowledges. The clock pages again and
// again, others too, and says so until a person is on it.
func TestClockPagesUntilSomebodyActs(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		first, second := newReceiver(t), newReceiver(t)
		r := newRig(d, first.pager(t), second.pager(t))
		r.open(t, "d_1")
		r.open(t, "d_1") // the transaction ran twice
		if err := r.work(t); err != nil {
			t.Fatal(err)
		}
		equal(t, "at once", []int{1}, first.pages(t))
		r.tick(t, 14*time.Minute)
		equal(t, "in time", 0, len(r.queued))

		r.tick(t, 2*time.Minute)
		r.tick(t, time.Second)
		if err := r.work(t); err != nil {
			t.Fatal(err)
		}
		equal(t, "overdue", []int{1, 2}, first.pages(t))
		equal(t, "escalated", []int{2}, second.pages(t))
		r.tick(t, time.Hour) // the program was down: one page, not twelve
		if err := r.work(t); err != nil {
			t.Fatal(err)
		}
		equal(t, "again", []int{2, 3}, second.pages(t))

		r.now = r.now.Add(5 * time.Minute)
		if err := r.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		e, err := r.Acknowledge(t.Context(), "u_1", "key-a", 0)
		if err != nil || e.State != urgent.Acknowledged || e.Acknowledger != "key-a" {
			t.Fatalf("%+v, %v", e, err)
		}
		if err := r.work(t); err != nil { // page 4 was on its way
			t.Fatal(err)
		}
		equal(t, "after acknowledging", []int{2, 3}, second.pages(t))
		r.tick(t, 3*time.Hour)
		equal(t, "somebody is on it", 0, len(r.queued))
		r.tick(t, 2*time.Hour) // and has forgotten it
		if err := r.work(t); err != nil {
			t.Fatal(err)
		}
		equal(t, "not resolved", []int{2, 3, 5}, second.pages(t))

		if _, err := r.Resolve(t.Context(), "u_1", "key-b", urgent.AuthorityTold); err != nil {
			t.Fatal(err)
		}
		r.tick(t, 100*time.Hour)
		equal(t, "resolved", 0, len(r.queued))
	})
}

// Acknowledging and resolving twice is harmless, and the first who did it stays.
func TestActsAreIdempotent(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		r := newRig(d, nil, nil)
		r.open(t, "d_1")
		for _, by := range []string{"key-a", "key-b"} {
			e, err := r.Acknowledge(t.Context(), "u_1", by, 0)
			if err != nil || e.Acknowledger != "key-a" || !e.Due.Equal(noon.Add(4*time.Hour)) {
				t.Errorf("%s: %v, %v", by, e.Acknowledger, err)
			}
		}
		for _, by := range []string{"key-a", "key-b"} {
			e, err := r.Resolve(t.Context(), "u_1", by, urgent.NoDanger)
			if err != nil || e.Resolver != "key-a" {
				t.Errorf("%s: %v, %v", by, e.Resolver, err)
			}
		}
		if _, err := r.Resolve(t.Context(), "u_1", "key-b", urgent.Mistaken); !errors.Is(err, urgent.ErrResolved) {
			t.Errorf("another outcome: %v", err)
		}
		if _, err := r.Acknowledge(t.Context(), "u_1", "key-b", 0); !errors.Is(err, urgent.ErrResolved) {
			t.Errorf("acknowledged after it was resolved: %v", err)
		}
		if _, err := r.Resolve(t.Context(), "u_9", "key-b", urgent.Mistaken); !errors.Is(err, urgent.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
	})
}

func TestListIsByDue(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		r := newRig(d, nil, nil)
		for _, id := range []string{"d_3", "d_1", "d_2"} {
			r.open(t, id)
			r.now = r.now.Add(time.Minute)
		}
		if _, err := r.Acknowledge(t.Context(), "u_3", "key", 0); err != nil { // due in four hours now
			t.Fatal(err)
		}
		ids := func(state urgent.State) []string {
			all, err := r.List(t.Context(), state)
			if err != nil {
				t.Fatal(err)
			}
			ids := []string{}
			for i := range all {
				ids = append(ids, all[i].ID)
			}
			return ids
		}
		equal(t, "all", []string{"u_1", "u_2", "u_3"}, ids(""))
		equal(t, "open", []string{"u_1", "u_2"}, ids(urgent.Open))
		equal(t, "acknowledged", []string{"u_3"}, ids(urgent.Acknowledged))
		equal(t, "resolved", []string{}, ids(urgent.Resolved))
	})
}

// A page says what to look up and by when, who sends it, and nobody's name.
func TestPageIsSignedAndNamesNobody(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), urgent.Migrations())
	got := newReceiver(t)
	r := newRig(d, got.pager(t), nil)
	r.open(t, "d_1")
	if err := r.work(t); err != nil {
		t.Fatal(err)
	}
	equal(t, "body", `{"id":"u_1","decision":"d_1","kind":"support.seeking_help","priority":1,"state":"open","page":1,`+
		`"opened":"2026-11-24T12:00:00Z","due":"2026-11-24T12:15:00Z"}`, got.bodies[0])
	stamp, sum, _ := strings.Cut(strings.TrimPrefix(got.header[0].Get(urgent.Signature), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + got.bodies[0]))
	equal(t, "signature", hex.EncodeToString(mac.Sum(nil)), sum)
	equal(t, "key", "u_1-1", got.header[0].Get("Idempotency-Key"))
	if all, err := r.List(t.Context(), ""); err != nil || all[0].Paged.IsZero() {
		t.Errorf("that it was taken is not written down: %v", err)
	}
}

// A pager that fails, hangs, sends elsewhere or babbles is tried again by the
// queue; no error repeats its address, which may hold a key.
func TestPagerMisbehaves(t *testing.T) {
	elsewhere := newReceiver(t)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"410": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) },
		"redirect": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow":     func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t, dbtest.SQLite(t), urgent.Migrations())
			bad, good := newReceiver(t), newReceiver(t)
			bad.answer = answer
			r := newRig(d, bad.pager(t), good.pager(t))
			r.open(t, "d_1")
			page := r.queued[0]
			patience := time.Minute
			if name == "slow" {
				patience = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := r.Page(ctx, page)
			if err == nil || strings.Contains(err.Error(), "127.0.0.1") && name != "hangs up" {
				t.Fatalf("%v", err)
			}
			bad.mu.Lock()
			bad.answer = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, strings.Repeat("thank you ", 100_000))
			}
			bad.mu.Unlock()
			if err := r.Page(t.Context(), page); err != nil {
				t.Errorf("it is well again: %v", err)
			}
			equal(t, "one key", bad.header[0].Get("Idempotency-Key"), bad.header[1].Get("Idempotency-Key"))
		})
	}
	equal(t, "elsewhere", 0, len(elsewhere.pages(t)))
}

// One pager that is away keeps the other from nothing.
func TestEscalationInSpiteOfThePager(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), urgent.Migrations())
	away, good := newReceiver(t), newReceiver(t)
	pager := away.pager(t)
	away.Close()
	r := newRig(d, pager, good.pager(t))
	r.open(t, "d_1")
	if err := r.work(t); err == nil {
		t.Error("nobody was there, and nothing is said")
	}
	r.tick(t, 16*time.Minute)
	if err := r.work(t); err == nil {
		t.Error("one was not there, and nothing is said")
	}
	equal(t, "the other", []int{2}, good.pages(t))
}

func TestPagersAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://pager.example.org/hook?token=x": true,
		"http://127.0.0.1:9/hook":                true,
		"http://[::1]:9/hook":                    true,
		"http://localhost/hook":                  true,
		"http://pager.example.org/hook":          false,
		"http://127.0.0.1.example.org/hook":      false,
		"https://name:word@pager.example.org":    false,
		"https://pager.example.org/#x":           false,
		"ftp://pager.example.org":                false,
		"pager.example.org":                      false,
		"https://":                               false,
		"http://169.254.169.254/latest":          false,
		"":                                       false,
	} {
		if _, err := urgent.NewPager(address, secret, time.Now); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := urgent.NewPager("https://pager.example.org", "short", time.Now); err == nil {
		t.Error("a secret that can be guessed")
	}
}

// Two clocks and people at the same entries never page twice for one level.
func TestTwoClocks(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		one, two := newRig(d, nil, nil), newRig(d, nil, nil)
		for _, id := range []string{"d_1", "d_2", "d_3", "d_4"} {
			one.open(t, id)
		}
		one.queued = nil
		one.now, two.now = noon.Add(20*time.Minute), noon.Add(20*time.Minute)
		var wg sync.WaitGroup
		for _, r := range []*rig{one, two} {
			wg.Go(func() {
				if err := r.Tick(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all := slices.Concat(one.queued, two.queued)
		if len(all) != 4 {
			t.Errorf("%d pages for 4 entries: %v", len(all), all)
		}
	})
}
