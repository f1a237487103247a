package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/detect"
)

// clock is a time that only a test moves.
type clock struct{ micros atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.set(at)
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) set(at time.Time)        { c.micros.Store(at.UnixMicro()) }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// storm sends events from several sides while something breaks, and keeps
// what was acknowledged.
type storm struct {
	server *server
	key    string

	next  atomic.Int64
	mu    sync.Mutex
	acked map[string][]byte // answers, by event
	lost  []string          // events that were refused
}

// send sends events from four connections until enough says so.
func (s *storm) send(t *testing.T, enough func(acked, refused int) bool) {
	t.Helper()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !t.Failed() && !enough(s.count()) {
				s.one(t, fmt.Sprintf("e-%d", s.next.Add(1)))
			}
		})
	}
	wg.Wait()
}

func (s *storm) count() (acked, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acked), len(s.lost)
}

// one sends one event: it is decided, or refused for now and says so.
func (s *storm) one(t *testing.T, id string) {
	a := s.server.call(t, request{method: "POST", path: "/v1/decisions", key: s.key, body: post(id, strings.Repeat("word ", 20))})
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.status == http.StatusOK {
		s.acked[id] = a.body
		return
	}
	a.problem(t, http.StatusServiceUnavailable)
	s.lost = append(s.lost, id)
}

// settle sends again what was refused, which now is decided, and checks that
// all that was ever acknowledged is there, once, as it was answered.
func (s *storm) settle(t *testing.T) {
	t.Helper()
	for _, id := range s.lost {
		a := s.server.call(t, request{method: "POST", path: "/v1/decisions", key: s.key, body: post(id, strings.Repeat("word ", 20))})
		if a.status != http.StatusOK {
			t.Fatalf("%s sent again: %d %s", id, a.status, a.body)
		}
		s.acked[id] = a.body
	}
	s.lost = nil
	ids := map[string]bool{}
	for ev, want := range s.acked {
		again := s.server.call(t, request{method: "POST", path: "/v1/decisions", key: s.key, body: post(ev, strings.Repeat("word ", 20))})
		if !bytes.Equal(again.body, want) {
			t.Errorf("%s: %d %s\nwas acknowledged as %s", ev, again.status, again.body, want)
			continue
		}
		ids[again.object(t)["id"].(string)] = true
	}
	if len(ids) != len(s.acked) {
		t.Errorf("%d events have %d decisions", len(s.acked), len(ids))
	}
	if n := s.server.number(t, `SELECT count(*) FROM journal_entry`); n != len(s.acked) {
		t.Errorf("the journal has %d decisions, %d were acknowledged", n, len(s.acked))
	}
}

// refusesWrites checks that whatever must be durable is refused for now.
func (s *server) refusesWrites(t *testing.T, key string) {
	t.Helper()
	for name, body := range bodies {
		switch name {
		case "POST /v1/feeds/filter", "POST /v1/match", "POST /v1/moderations", "POST /v1alpha1/comments:analyze", "POST /v1alpha1/comments:suggestscore",
			"POST /v1/usage/push", "POST /v1/restraint/{rule}":
			continue // writes nothing
		}
		if slices.Contains(unfounded, name) {
			continue // refused before it would write
		}
		method, path, _ := strings.Cut(name, " ")
		body = strings.NewReplacer("p-1", "broken-1", "p-2", "broken-2").Replace(body)
		s.call(t, request{method: method, path: strings.NewReplacer("{id}", "u-5", "{name}", "broken", "{account}", "u-5", "{purpose}", "service", "{other}", "u-9").Replace(path), key: key, body: body}).problem(t, http.StatusServiceUnavailable)
	}
	s.call(t, request{method: "DELETE", path: "/v1/accounts/u-6", key: key}).problem(t, http.StatusServiceUnavailable)
	s.call(t, request{method: "GET", path: "/readyz"}).problem(t, http.StatusServiceUnavailable, "database")
	if a := s.call(t, request{method: "GET", path: "/healthz"}); a.status != 200 {
		t.Errorf("/healthz: %d", a.status)
	}
}

// smallDisk is a folder on a disk of 32 MiB, and a way to fill it and to make
// room again. Without the right to mount one, it is a limit to the size of
// files, which SQLite meets as a failing write.
func smallDisk(t *testing.T) (dir string, fill, free func()) {
	t.Helper()
	dir = t.TempDir()
	if err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", dir).Run(); err == nil {
		t.Cleanup(func() {
			if err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", dir).Run(); err != nil {
				t.Error(err)
			}
		})
		ballast := filepath.Join(dir, "ballast")
		fill = func() {
			if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o600); err == nil {
				t.Error("the disk does not fill up")
			}
		}
		return dir, fill, func() {
			if err := os.Remove(ballast); err != nil {
				t.Error(err)
			}
		}
	}
	t.Log("no disk can be mounted here: the size of files is limited instead")
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(bytes uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
	}
	free = func() { limit(before.Cur) }
	t.Cleanup(free)
	return dir, func() { limit(4096) }, free
}

// A disk that is full: nothing is acknowledged that is not durable, everybody
// is told to come again, and when there is room again all goes on by itself.
func TestFullDisk(t *testing.T) {
	dir, fill, free := smallDisk(t)
	clock := newClock(inNovember())
	in := &installation{dir: filepath.Join(dir, "data"), admin: "an-admin-key-of-the-tests", now: clock.now}
	s, stop := in.run(t)
	load := &storm{server: s, key: in.admin, acked: map[string][]byte{}}
	load.send(t, func(acked, _ int) bool { return acked >= 50 })
	if a := s.call(t, request{method: "GET", path: "/readyz"}); a.status != 200 {
		t.Errorf("/readyz with room: %d", a.status)
	}
	for range 2 {
		fill()
		clock.advance(2 * time.Second)
		before, _ := load.count()
		load.send(t, func(_, refused int) bool { return refused >= 40 })
		acked, _ := load.count()
		if n := s.number(t, `SELECT count(*) FROM journal_entry`); n != acked {
			t.Errorf("on the full disk there are %d decisions, %d were acknowledged (%d with room)", n, acked, before)
		}
		s.refusesWrites(t, in.admin)
		for _, want := range load.acked { // reading goes on
			a := s.call(t, request{method: "GET", path: "/v1/decisions/" + answer{body: want}.object(t)["id"].(string), key: in.admin})
			if !bytes.Equal(a.body, want) {
				t.Errorf("on the full disk: %d %s, want %s", a.status, a.body, want)
			}
			break
		}
		free()
		clock.advance(2 * time.Second)
		load.settle(t)
		if a := s.call(t, request{method: "GET", path: "/readyz"}); a.status != 200 {
			t.Errorf("/readyz with room again: %d %s", a.status, a.body)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	load.server, stop = in.run(t)
	load.settle(t)
	var check string
	if err := load.server.DB().Read.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
		t.Errorf("integrity: %s, %v", check, err)
	}
	if err := stop(); err != nil { // before the disk goes
		t.Error(err)
	}
}

// SQLite's own limit says "full" on every machine, for what needs new pages.
func TestFullDatabase(t *testing.T) {
	s := start(t, nil, app.Options{})
	limit := func(pages int) {
		if _, err := s.DB().Write.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
			t.Fatal(err)
		}
	}
	load := &storm{server: s, key: s.AdminKey, acked: map[string][]byte{}}
	load.send(t, func(acked, _ int) bool { return acked >= 20 })
	limit(s.number(t, `PRAGMA page_count`) + 5)
	load.send(t, func(_, refused int) bool { return refused >= 40 })
	batch := s.call(t, request{method: "POST", path: "/v1/decisions/batch", key: s.AdminKey, body: `{"events":[` + post("b-1", "one") + "," + post("b-2", "two") + `]}`})
	if batch.status != 200 { // a small one may still fit
		batch.problem(t, http.StatusServiceUnavailable)
		if n := s.number(t, `SELECT count(*) FROM journal_entry`); n != len(load.acked) {
			t.Errorf("%d decisions, %d were acknowledged", n, len(load.acked))
		}
	}
	limit(1 << 20)
	if batch.status == 200 {
		for _, id := range []string{"b-1", "b-2"} {
			load.acked[id] = s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: post(id, map[string]string{"b-1": "one", "b-2": "two"}[id])}).body
		}
	}
	load.settle(t)
}

// PostgreSQL goes away under load and comes back: what was acknowledged is
// there, what was refused is decided when it comes again, without a restart.
func TestPostgresGoesAway(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL is left out with -short")
	}
	pg := dbtest.Start(t)
	clock := newClock(inNovember())
	s := start(t, func(c *config.Config) { c.DB = config.Secret(pg.DSN) }, app.Options{Now: clock.now})
	load := &storm{server: s, key: s.AdminKey, acked: map[string][]byte{}}
	for round := range 2 {
		var crash sync.WaitGroup
		var crashed atomic.Bool
		crashOnce := sync.OnceFunc(func() { crash.Go(func() { pg.Crash(t); crashed.Store(true) }) })
		load.send(t, func(acked, refused int) bool { // a slow machine refuses some before
			if acked >= (round+1)*100 {
				crashOnce()
			}
			return crashed.Load() && refused >= 30
		})
		crash.Wait()
		clock.advance(2 * time.Second)
		s.refusesWrites(t, s.AdminKey)
		for _, path := range []string{"/v1/decisions/d_0000000000000", "/v1/accounts/u-1", "/v1/accounts/u-77/safeguards"} {
			s.call(t, request{method: "GET", path: path, key: s.AdminKey}).problem(t, http.StatusServiceUnavailable)
		}
		s.call(t, request{method: "POST", path: "/v1/feeds/filter", key: s.AdminKey, body: bodies["POST /v1/feeds/filter"]}).problem(t, http.StatusServiceUnavailable)
		pg.Restart(t)
		clock.advance(2 * time.Second)
		load.settle(t)
		if a := s.call(t, request{method: "GET", path: "/readyz"}); a.status != 200 {
			t.Errorf("/readyz after the database came back: %d %s", a.status, a.body)
		}
	}
}

// A rule that costs too much for some events is, for these, a missing input:
// it applies in doubt, the decision says so, and others are decided as ever.
func TestExpensivePolicy(t *testing.T) {
	const expensive = `
  - id: pairs
    events: [content.create]
    when: 'attr("numbers").exists(a, attr("numbers").exists(b, a + b == -1))'
    act: hold
    text: Two numbers cancel out.
`
	s := start(t, func(c *config.Config) { c.Policy.Dir = bundle(t, expensive) }, app.Options{})
	event := func(id string, numbers int) string {
		return strings.Replace(post(id, "one"), `"content":`, `"attributes":{"numbers":[1`+strings.Repeat(",1", numbers-1)+`]},"content":`, 1)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 3 {
				d := s.ok(t, "POST", "/v1/decisions", event(fmt.Sprintf("large-%d-%d", n, i), 3000))
				if d["outcome"] != "hold" || len(d["degraded"].([]any)) != 1 {
					t.Errorf("outcome %v, degraded %v", d["outcome"], d["degraded"])
				}
				reason := d["reasons"].([]any)[0].(map[string]any)
				if reason["rule"] != "pairs" || reason["doubt"] != true {
					t.Errorf("reason %v", reason)
				}
				d = s.ok(t, "POST", "/v1/decisions", event(fmt.Sprintf("small-%d-%d", n, i), 3))
				if d["outcome"] != "allow" || len(d["degraded"].([]any)) != 0 {
					t.Errorf("outcome %v, degraded %v", d["outcome"], d["degraded"])
				}
			}
		})
	}
	wg.Wait()

	// What costs too much for every event does not even compile.
	for what, when := range map[string]string{
		"three loops": `attr("n").exists(a, attr("n").exists(b, attr("n").exists(c, a + b == c)))`,
		"long list":   strings.Repeat(`[1,2,3,4,5,6,7,8,9,10].all(a, `, 7) + "true" + strings.Repeat(")", 7),
	} {
		_, err := app.LoadRules(bundle(t, strings.Replace(expensive, `attr("numbers").exists(a, attr("numbers").exists(b, a + b == -1))`, when, 1)), nil, detect.Options{})
		if err == nil || !strings.Contains(err.Error(), "too expensive") || !strings.Contains(err.Error(), "rules.yaml:") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A clock that jumps: decisions go on, their ids stay different and in order,
// and an event that comes again has the answer that it had.
func TestClockJumps(t *testing.T) {
	clock := newClock(inNovember())
	in := &installation{dir: t.TempDir(), admin: "an-admin-key-of-the-tests", now: clock.now}
	s, stop := in.run(t)
	last, first := "", ""
	n := 0
	decide := func(what string) {
		t.Helper()
		for range 3 {
			n++
			a := s.call(t, request{method: "POST", path: "/v1/decisions", key: in.admin, body: post(fmt.Sprintf("p-%d", n), "one")})
			if a.status != 200 {
				t.Fatalf("%s: %d %s", what, a.status, a.body)
			}
			id := a.object(t)["id"].(string)
			if id <= last {
				t.Errorf("%s: id %s after %s", what, id, last)
			}
			if last = id; first == "" {
				first = string(a.body)
			}
			if got := s.call(t, request{method: "GET", path: "/v1/decisions/" + id, key: in.admin}); !bytes.Equal(got.body, a.body) {
				t.Errorf("%s: by its id %s, want %s", what, got.body, a.body)
			}
		}
		if again := s.call(t, request{method: "POST", path: "/v1/decisions", key: in.admin, body: post("p-1", "one")}); string(again.body) != first {
			t.Errorf("%s: p-1 again: %d %s\nfirst %s", what, again.status, again.body, first)
		}
		feed := s.ok(t, "POST", "/v1/feeds/filter", `{"viewer":{"band":"18+","country":"GB"},"items":["p-1"]}`)
		if o := feed["items"].([]any)[0].(map[string]any)["outcome"]; o != "allow" {
			t.Errorf("%s: the feed says %v", what, o)
		}
	}
	decide("at first")
	for _, jump := range []struct {
		what string
		by   int // hours
	}{{"an hour ahead", 1}, {"a day back", -24}, {"ten years ahead", 87_600}, {"twelve years back", -105_120}, {"and forth", 17_520}} {
		clock.advance(time.Duration(jump.by) * time.Hour)
		decide(jump.what)
	}
	clock.advance(-time.Hour)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s, _ = in.run(t)
	decide("started an hour before the last decision")
	if entries := s.number(t, `SELECT count(*) FROM journal_entry`); entries != n {
		t.Errorf("%d decisions on %d events", entries, n)
	}
}
