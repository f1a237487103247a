package queue_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/queue"
)

type greeting struct{ Name string }

// open opens a queue, stopped when the test ends.
func open(t *testing.T, d *db.DB, o queue.Options) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
	return q
}

func start(t *testing.T, q *queue.Queue) {
	t.Helper()
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, q *queue.Queue) {
	t.Helper()
	if err := q.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func insert(t *testing.T, d *db.DB, q *queue.Queue, name string, o queue.InsertOpts) {
	t.Helper()
	if err := d.Tx(t.Context(), func(tx *sql.Tx) error {
		return q.Insert(t.Context(), tx, "test.greet", greeting{name}, o)
	}); err != nil {
		t.Fatal(err)
	}
}

// next is the next name that was greeted.
func next(t *testing.T, greeted <-chan string) string {
	t.Helper()
	select {
	case name := <-greeted:
		return name
	case <-time.After(time.Minute):
		t.Fatal("no job ran")
		return ""
	}
}

// send is a job that says whom it greeted.
func send(greeted chan<- string) func(context.Context, greeting) error {
	return func(_ context.Context, g greeting) error {
		greeted <- g.Name
		return nil
	}
}

func TestTransaction(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		q := open(t, d, queue.Options{Workers: 1})
		greeted := make(chan string, 100)
		queue.Add(q, "test.greet", send(greeted), queue.KindOpts{})

		undone := errors.New("undone")
		err := d.Tx(t.Context(), func(tx *sql.Tx) error {
			if err := q.Insert(t.Context(), tx, "test.greet", greeting{"rolled back"}, queue.InsertOpts{}); err != nil {
				t.Error(err)
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		insert(t, d, q, "later", queue.InsertOpts{Priority: 4})
		insert(t, d, q, "once", queue.InsertOpts{UniqueKey: "k"})
		insert(t, d, q, "twice", queue.InsertOpts{UniqueKey: "k"})
		insert(t, d, q, "other key", queue.InsertOpts{UniqueKey: "l"})
		start(t, q)
		var got []string
		for range 3 {
			got = append(got, next(t, greeted))
		}
		insert(t, d, q, "after it ran", queue.InsertOpts{UniqueKey: "k"})
		insert(t, d, q, "last", queue.InsertOpts{})
		got = append(got, next(t, greeted))
		stop(t, q)
		close(greeted)
		for name := range greeted {
			got = append(got, name)
		}
		if diff := cmp.Diff([]string{"once", "other key", "later", "last"}, got); diff != "" {
			t.Errorf("greeted (-want +got):\n%s", diff)
		}
	})
}

// lines is a log that jobs write to side by side.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestFailure(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		var log lines
		q := open(t, d, queue.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		greeted := make(chan string, 10)
		work := func(fail func(g greeting) error) func(context.Context, greeting) error {
			var tries atomic.Int32
			return func(_ context.Context, g greeting) error {
				if tries.Add(1) == 1 {
					return fail(g)
				}
				greeted <- g.Name
				return nil
			}
		}
		queue.Add(q, "test.greet", work(func(greeting) error { return errors.New("the other side is away") }), queue.KindOpts{})
		queue.Add(q, "test.panic", work(func(g greeting) error { panic("about " + g.Name) }), queue.KindOpts{})
		gaveUp := make(chan string, 10)
		queue.Add(q, "test.give-up", func(_ context.Context, g greeting) error {
			gaveUp <- g.Name
			return errors.New("never")
		}, queue.KindOpts{Attempts: 1})
		queue.Add(q, "test.number", func(context.Context, int) error { return nil }, queue.KindOpts{Attempts: 1})

		insert(t, d, q, "private", queue.InsertOpts{})
		if err := d.Tx(t.Context(), func(tx *sql.Tx) error {
			return errors.Join(
				q.Insert(t.Context(), tx, "test.panic", greeting{"private"}, queue.InsertOpts{}),
				q.Insert(t.Context(), tx, "test.give-up", greeting{"private"}, queue.InsertOpts{}),
				q.Insert(t.Context(), tx, "test.number", "private", queue.InsertOpts{}),
			)
		}); err != nil {
			t.Fatal(err)
		}
		start(t, q)
		for range 2 {
			if got := next(t, greeted); got != "private" {
				t.Errorf("greeted %q", got)
			}
		}
		next(t, gaveUp)
		stop(t, q)
		if n := len(gaveUp); n != 0 {
			t.Errorf("a job with one attempt was tried %d times more", n)
		}
		for _, want := range []string{
			"level=WARN", "kind=test.greet", `error="the other side is away"`, `error="panic with a string"`, "queue_test.go",
			"level=ERROR", "kind=test.give-up", "no longer fit",
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %q", want)
			}
		}
		if strings.Contains(log.String(), "private") {
			t.Errorf("arguments are in the log:\n%s", &log)
		}
	})
}

// TestMain runs the tests, or, in a process of TestKilled, a queue until that
// is killed.
func TestMain(m *testing.M) {
	if dsn := os.Getenv("QUEUE_TEST_DSN"); dsn != "" {
		fmt.Fprintln(os.Stderr, workForever(context.Background(), dsn))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// workForever says "begun" when it works on the first of two jobs, and never
// ends that.
func workForever(ctx context.Context, dsn string) error {
	d, err := db.Open(ctx, db.Options{DSN: dsn})
	if err != nil {
		return err
	}
	q, err := queue.Open(ctx, d, queue.Options{Workers: 1})
	if err != nil {
		return err
	}
	queue.Add(q, "test.greet", func(context.Context, greeting) error {
		fmt.Fprintln(os.Stdout, "begun")
		select {}
	}, queue.KindOpts{})
	if err := d.Tx(ctx, func(tx *sql.Tx) error {
		return errors.Join(
			q.Insert(ctx, tx, "test.greet", greeting{"dies with its process"}, queue.InsertOpts{}),
			q.Insert(ctx, tx, "test.greet", greeting{"waits"}, queue.InsertOpts{Priority: 2}),
		)
	}); err != nil {
		return err
	}
	if err := q.Start(ctx); err != nil {
		return err
	}
	select {}
}

// killed is the DSN of a database whose process was killed at work.
func killed(t *testing.T, dsn string) string {
	t.Helper()
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), "QUEUE_TEST_DSN="+dsn)
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	if !said.Scan() || said.Text() != "begun" {
		t.Errorf("the process says %q", said.Text())
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait() // it was killed
	return dsn
}

// The jobs of a process that was killed run in the next one, and so do those
// that waited when it stopped in order.
func TestKilled(t *testing.T) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			if name == "postgres" && testing.Short() {
				t.Skip("PostgreSQL is left out with -short")
			}
			at := killed(t, dsn(t))
			greeted := make(chan string, 10)
			run := func() (*db.DB, *queue.Queue) {
				d := dbtest.Open(t, at)
				if d.Engine == db.Postgres { // an hour passes, and the killed process counts as dead
					if _, err := d.Write.ExecContext(t.Context(), `UPDATE river_job SET attempted_at = attempted_at - interval '1 hour'`); err != nil {
						t.Fatal(err)
					}
				}
				q := open(t, d, queue.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
				queue.Add(q, "test.greet", send(greeted), queue.KindOpts{})
				start(t, q)
				return d, q
			}
			d, q := run()
			got := map[string]bool{next(t, greeted): true, next(t, greeted): true}
			if diff := cmp.Diff(map[string]bool{"dies with its process": true, "waits": true}, got); diff != "" {
				t.Errorf("greeted (-want +got):\n%s", diff)
			}
			stop(t, q)
			insert(t, d, q, "for the third", queue.InsertOpts{})
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			run()
			if got := next(t, greeted); got != "for the third" {
				t.Errorf("greeted %q", got)
			}
		})
	}
}

// A stop that may not wait ends the job's context, and the job runs again.
func TestStopNow(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		q := open(t, d, queue.Options{})
		begun := make(chan string, 10)
		queue.Add(q, "test.greet", func(ctx context.Context, g greeting) error {
			begun <- g.Name
			<-ctx.Done()
			return ctx.Err()
		}, queue.KindOpts{})
		insert(t, d, q, "patient", queue.InsertOpts{})
		start(t, q)
		next(t, begun)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := q.Stop(ended); err != nil {
			t.Fatal(err)
		}
		again := open(t, d, queue.Options{})
		greeted := make(chan string, 10)
		queue.Add(again, "test.greet", send(greeted), queue.KindOpts{})
		start(t, again)
		next(t, greeted)
	})
}

// Jobs that write, and writers beside them, take turns on the one connection:
// nothing is refused, nothing is lost, nothing runs twice.
func TestBesideWriters(t *testing.T) {
	table := dbtest.Source("test", `CREATE TABLE test_greeted (name TEXT PRIMARY KEY)`, `CREATE TABLE test_written (name TEXT PRIMARY KEY)`)
	dbtest.Each(t, []db.Source{table}, func(t *testing.T, d *db.DB) {
		const writers, each = 4, 50
		ctx := t.Context()
		q := open(t, d, queue.Options{Workers: 20})
		done := make(chan string, writers*each)
		queue.Add(q, "test.greet", func(ctx context.Context, g greeting) error {
			err := d.Tx(ctx, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, `INSERT INTO test_greeted (name) VALUES ($1)`, g.Name)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			done <- g.Name
			return nil
		}, queue.KindOpts{})
		start(t, q)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					name := fmt.Sprintf("%d-%d", w, i)
					if err := d.Tx(ctx, func(tx *sql.Tx) error {
						if _, err := tx.ExecContext(ctx, `INSERT INTO test_written (name) VALUES ($1)`, name); err != nil {
							return err
						}
						return q.Insert(ctx, tx, "test.greet", greeting{name}, queue.InsertOpts{})
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for range writers * each {
			next(t, done)
		}
		stop(t, q)
		var n int
		if err := d.Read.QueryRowContext(ctx, `SELECT count(*) FROM test_greeted`).Scan(&n); err != nil || n != writers*each || len(done) != 0 {
			t.Errorf("%d jobs done, %v, %d more; want %d", n, err, len(done), writers*each)
		}
	})
}

func TestEvery(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		q := open(t, d, queue.Options{})
		greeted := make(chan string, 10)
		queue.Add(q, "test.greet", send(greeted), queue.KindOpts{})
		q.Every("test.greet", time.Second, greeting{"hour"})
		start(t, q)
		for range 2 {
			next(t, greeted)
		}
	})
}

// A job for later waits for its time.
func TestRunAt(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		q := open(t, d, queue.Options{Now: now})
		greeted := make(chan string, 10)
		queue.Add(q, "test.greet", send(greeted), queue.KindOpts{})
		insert(t, d, q, "in an hour", queue.InsertOpts{RunAt: now().Add(time.Hour)})
		insert(t, d, q, "now", queue.InsertOpts{})
		start(t, q)
		if got := next(t, greeted); got != "now" {
			t.Errorf("greeted %q first", got)
		}
		stop(t, q)
		ahead.Store(int64(2 * time.Hour))
		start(t, q)
		if got := next(t, greeted); got != "in an hour" {
			t.Errorf("greeted %q then", got)
		}
	})
}

func TestRefuses(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	q := open(t, d, queue.Options{})
	start(t, q) // with nothing to run
	q = open(t, d, queue.Options{})
	queue.Add(q, "test.greet", send(nil), queue.KindOpts{})
	for want, insert := range map[string]func(tx *sql.Tx) error{
		`nothing runs jobs of kind "test.unknown"`: func(tx *sql.Tx) error {
			return q.Insert(t.Context(), tx, "test.unknown", 1, queue.InsertOpts{})
		},
		"arguments of test.greet: json": func(tx *sql.Tx) error {
			return q.Insert(t.Context(), tx, "test.greet", func() {}, queue.InsertOpts{})
		},
		"at most 65536: refer to things by id": func(tx *sql.Tx) error {
			return q.Insert(t.Context(), tx, "test.greet", strings.Repeat("x", 100_000), queue.InsertOpts{})
		},
		"priority must be between 1 and 4": func(tx *sql.Tx) error {
			return q.Insert(t.Context(), tx, "test.greet", 1, queue.InsertOpts{Priority: 5})
		},
	} {
		if err := d.Tx(t.Context(), insert); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for name, misuse := range map[string]func(){
		"a kind added twice":       func() { queue.Add(q, "test.greet", send(nil), queue.KindOpts{}) },
		"an unknown kind, hourly":  func() { q.Every("test.unknown", time.Hour, nil) },
		"a kind every nanosecond":  func() { q.Every("test.greet", 1, nil) },
		"a kind added after Start": func() { start(t, q); queue.Add(q, "test.late", send(nil), queue.KindOpts{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse()
		}()
	}
}

// Two processes make River's tables at once.
func TestOpenAtOnce(t *testing.T) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			if name == "postgres" && testing.Short() {
				t.Skip("PostgreSQL is left out with -short")
			}
			at := dsn(t)
			var all sync.WaitGroup
			for range 3 {
				d := dbtest.Open(t, at)
				all.Go(func() {
					if _, err := queue.Open(t.Context(), d, queue.Options{}); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}
