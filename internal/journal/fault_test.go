package journal_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/journal"
)

// exec runs a statement outside of a transaction.
func execute(t *testing.T, d *db.DB, statement string) {
	t.Helper()
	if _, err := d.Write.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// large has a row that needs new pages.
func large(e *journal.Entry) {
	e.Input = fmt.Appendf(nil, `{"note":%q}`, strings.Repeat("x", 1<<20))
}

func TestFullDiskIsUnavailableUntilThereIsRoom(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), journal.Migrations())
	l := open(t, d, journal.Options{})
	var pages int
	if err := d.Write.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	execute(t, d, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+20))
	const calls = 8
	errs := make([]error, calls)
	release := block(t, l)
	var wg sync.WaitGroup
	for i := range calls {
		e := entry(t, l, strconv.Itoa(i), large)
		wg.Go(func() { _, errs[i] = l.Append(context.Background(), []*journal.Entry{e}, nil) })
	}
	release()
	wg.Wait()
	for i, err := range errs {
		if !errors.Is(err, db.ErrUnavailable) {
			t.Errorf("call %d on a full disk: %v", i, err)
		}
		if _, err := l.ByEvent(t.Context(), event.ContentCreate, strconv.Itoa(i)); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("entry %d, not acknowledged: %v", i, err)
		}
	}
	execute(t, d, `PRAGMA max_page_count = 1000000`)
	for i := range calls {
		if r := one(t, l, entry(t, l, strconv.Itoa(i), large)); r.Status != journal.Fresh {
			t.Errorf("entry %d after there is room: %+v", i, r)
		}
	}
}

// The database goes away under a running log, and comes back.
func TestLostConnectionsAreUnavailableAtMostOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL is left out with -short")
	}
	d := dbtest.Open(t, dbtest.Postgres(t), journal.Migrations())
	l := open(t, d, journal.Options{})
	one(t, l, entry(t, l, "before"))
	var killed int
	err := d.Read.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&killed)
	if err != nil {
		t.Fatal(err)
	}
	for try := 0; ; try++ {
		_, err := l.Append(t.Context(), []*journal.Entry{entry(t, l, "after")}, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, db.ErrUnavailable) || try == 5 {
			t.Fatalf("try %d after %d connections were lost: %v", try, killed, err)
		}
	}
}

func TestFailureWithinATransactionIsNotAcknowledged(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		// The row that the hour is counted in can't be written.
		execute(t, d, `ALTER TABLE journal_rollup RENAME TO hidden`)
		if _, err := l.Append(t.Context(), []*journal.Entry{entry(t, l, "m-1")}, nil); err == nil {
			t.Error("acknowledged")
		}
		execute(t, d, `ALTER TABLE hidden RENAME TO journal_rollup`)
		if n := count(t, d, "journal_entry"); n != 0 {
			t.Errorf("%d entries left", n)
		}
		if r := one(t, l, entry(t, l, "m-1")); r.Status != journal.Fresh {
			t.Errorf("tried again: %+v", r)
		}
	})
}

func TestClosedDatabaseFailsAppends(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := open(t, d, journal.Options{})
		d.Close()
		if _, err := l.Append(t.Context(), []*journal.Entry{entry(t, l, "m-1")}, nil); err == nil {
			t.Error("acknowledged by a closed database")
		}
	})
}

// crashDSN names the database of TestCrashChild.
const crashDSN = "JOURNAL_CRASH_DSN"

// TestCrashChild appends for as long as it lives and prints the id of each
// acknowledged decision. It is the other process of TestKilledUnderLoad.
func TestCrashChild(t *testing.T) {
	dsn := os.Getenv(crashDSN)
	if dsn == "" {
		t.Skip("only as the child of TestKilledUnderLoad")
	}
	l := open(t, dbtest.Open(t, dsn), journal.Options{})
	run := os.Getenv("JOURNAL_CRASH_RUN")
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				// Every second event is one that another worker appends as well.
				id := fmt.Sprintf("%s-%d-%d", run, w, i)
				if i%2 == 0 {
					id = fmt.Sprintf("%s-shared-%d", run, i)
				}
				e := entry(t, l, id)
				results, err := l.Append(context.Background(), []*journal.Entry{e}, func(tx *sql.Tx, fresh []*journal.Entry) error {
					_, err := tx.Exec(`INSERT INTO note (event) VALUES ($1)`, id)
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				os.Stdout.WriteString("ack " + results[0].Entry.Decision.ID + " " + id + "\n")
			}
		}()
	}
	select {} // until killed
}

func TestKilledUnderLoad(t *testing.T) {
	engines := map[string]func(testing.TB) string{"sqlite": dbtest.SQLite}
	if !testing.Short() {
		engines["postgres"] = dbtest.Postgres
	}
	for name, dsnOf := range engines {
		t.Run(name, func(t *testing.T) {
			dsn := dsnOf(t)
			notes(t, dbtest.Open(t, dsn, journal.Migrations()))
			acked := map[string]string{}
			for run := range 3 {
				killUnderLoad(t, dsn, strconv.Itoa(run), acked)
			}
			d := dbtest.Open(t, dsn)
			l := open(t, d, journal.Options{})
			for id, ev := range acked {
				if e, err := l.Get(t.Context(), id); err != nil || e.Decision.Event != ev {
					t.Errorf("acknowledged decision %s on %s: %v", id, ev, err)
				}
			}
			seen := map[string]bool{}
			if err := l.Scan(t.Context(), journal.Query{}, func(e journal.Entry) error {
				if seen[e.Decision.Event] {
					t.Errorf("event %s is there twice", e.Decision.Event)
				}
				seen[e.Decision.Event] = true
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if n := count(t, d, "note"); n != len(seen) {
				t.Errorf("%d entries, but %d of what came with them", len(seen), n)
			}
		})
	}
}

// killUnderLoad lets a child append until 300 decisions were acknowledged,
// kills it, and adds what was.
func killUnderLoad(t *testing.T, dsn, run string, acked map[string]string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	child.Env = append(os.Environ(), crashDSN+"="+dsn, "JOURNAL_CRASH_RUN="+run)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		ack, ok := strings.CutPrefix(lines.Text(), "ack ")
		id, ev, whole := strings.Cut(ack, " ")
		if !ok || !whole {
			continue
		}
		acked[id] = ev
		if n++; n == 300 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || n < 300 {
		t.Fatalf("the child ended by itself after %d decisions", n)
	}
}
