package db_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// fill writes rows of 64 KiB until one is refused, and answers how many were
// acknowledged. The refusal must be ErrUnavailable.
func fill(t *testing.T, d *db.DB, from int) int {
	t.Helper()
	body := make([]byte, 64<<10)
	for n := range 1000 {
		err := d.Tx(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO row_row (id, key, body, ok) VALUES ($1, $2, $3, true)`, from+n, []byte{byte(from + n), byte((from + n) >> 8)}, body)
			return err
		})
		if err != nil {
			if !errors.Is(err, db.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			return n
		}
	}
	t.Fatal("the disk never filled up")
	return 0
}

func count(t *testing.T, d *db.DB) int {
	t.Helper()
	var n int
	if err := d.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM row_row`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// smallDisk is a folder on a disk that is full after some megabytes, and a
// function that makes room on it. Without the right to mount one, it is a
// limit to the size of files, which SQLite meets as a failing write.
func smallDisk(t *testing.T) (dir string, free func()) {
	t.Helper()
	dir = t.TempDir()
	if err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", dir).Run(); err == nil {
		t.Cleanup(func() {
			if err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", dir).Run(); err != nil {
				t.Error(err)
			}
		})
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 12<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir, func() {
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
	limit(4 << 20)
	free = func() { limit(before.Cur) }
	t.Cleanup(free)
	return dir, free
}

func TestFullDisk(t *testing.T) {
	dir, free := smallDisk(t)
	d := dbtest.Open(t, filepath.Join(dir, "test.db"), rowTable)
	rows := fill(t, d, 0)
	if rows == 0 {
		t.Fatal("not even one row fits")
	}
	if got := count(t, d); got != rows {
		t.Errorf("on the full disk %d rows are there, %d were acknowledged", got, rows)
	}
	free()
	if err := d.Writable(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := insert(t.Context(), d, 5000, "after"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if got := count(t, dbtest.Open(t, filepath.Join(dir, "test.db"), rowTable)); got != rows+1 {
		t.Errorf("after reopening %d rows are there, %d were acknowledged", got, rows+1)
	}
}

// SQLite's own limit says "full" on every machine.
func TestFullDatabase(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), rowTable)
	limit := func(pages string) {
		if _, err := d.Write.ExecContext(t.Context(), `PRAGMA max_page_count = `+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("400")
	rows := fill(t, d, 0)
	if got := count(t, d); got != rows {
		t.Errorf("%d rows are there, %d were acknowledged", got, rows)
	}
	limit("100000")
	if err := insert(t.Context(), d, 5000, "after"); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// A file that another process holds is a database that is not available.
func TestHeldFile(t *testing.T) {
	dsn := dbtest.SQLite(t)
	d, other := dbtest.Open(t, dsn, rowTable), dbtest.Open(t, dsn, rowTable)
	if _, err := d.Write.ExecContext(t.Context(), `PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	err := other.Tx(t.Context(), func(*sql.Tx) error {
		if err := insert(t.Context(), d, 1, "a"); !errors.Is(err, db.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context(), d, 1, "a"); err != nil {
		t.Errorf("with the file released: %v", err)
	}
}

func TestPostgresCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL is left out with -short")
	}
	server := dbtest.Start(t)
	d := dbtest.Open(t, server.DSN, rowTable)

	// Several connections are idle when the server goes.
	ctx := t.Context()
	var held []*sql.Conn
	for range 5 {
		c, err := d.Write.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	for _, c := range held {
		c.Close()
	}
	if err := insert(ctx, d, 1, "a"); err != nil {
		t.Fatal(err)
	}

	err := d.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM row_row`); err != nil {
			t.Error(err)
		}
		server.Crash(t)
		_, err := tx.ExecContext(ctx, `DELETE FROM row_row`)
		return err
	})
	if !errors.Is(err, db.ErrUnavailable) {
		t.Errorf("in the midst of a transaction: got %v, want ErrUnavailable", err)
	}
	for range 8 {
		if err := d.Writable(ctx); !errors.Is(err, db.ErrUnavailable) {
			t.Errorf("without a server: got %v, want ErrUnavailable", err)
		}
	}
	if err := d.Read.QueryRowContext(ctx, `SELECT 1`).Scan(new(int)); !db.IsUnavailable(err) {
		t.Errorf("a query without a server: %v", err)
	}

	server.Restart(t)
	if err := insert(ctx, d, 2, "b"); err != nil {
		t.Errorf("the first write after the server came back: %v", err)
	}
	if diff := cmp.Diff([]int{1, 2}, ids(t, d)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}

	// The server goes and comes while every connection is idle.
	server.Crash(t)
	server.Restart(t)
	if err := insert(ctx, d, 3, "c"); err != nil {
		t.Errorf("the first write after an outage that nobody saw: %v", err)
	}
}

// A server that answers before it has written is refused.
func TestForgetfulPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL is left out with -short")
	}
	d, err := db.Open(t.Context(), db.Options{DSN: dbtest.Postgres(t) + "&synchronous_commit=off"})
	if err == nil {
		d.Close()
		t.Error("opened")
	}
}
