package db

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The log begins anew while commits go on, so it does not grow with them, and
// closing leaves one file.
func TestCheckpoints(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx := t.Context()
	commit := func(statement string, args ...any) {
		t.Helper()
		if err := d.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, statement, args...)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	commit(`CREATE TABLE row_row (id BIGINT PRIMARY KEY, body BLOB NOT NULL)`)
	megabyte := make([]byte, 1<<20)
	log := filepath.Join(dir, fileName+"-wal")
	// Once the log begins anew, a look at it says that it is short.
	for length, most := 0, 0; length >= most; {
		if most = max(most, length); most > 10*checkpointAt {
			t.Fatalf("the log has %d pages and never began anew", most)
		}
		commit(`INSERT INTO row_row (body) VALUES ($1)`, megabyte)
		if length, _, err = checkpoint(ctx, d.Write, "NOOP"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(log); !os.IsNotExist(err) {
		t.Errorf("the log is left after closing: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, fileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file may be read by others: %v, %v", info.Mode(), err)
	}
}

// Nobody waits for the checkpoint that closing interrupts.
func TestCloseTwice(t *testing.T) {
	d, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	closed := make(chan struct{})
	go func() { d.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Error("a second Close hangs")
	}
}
