package db_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

var rowTable = dbtest.Source("row", `CREATE TABLE row_row (id BIGINT PRIMARY KEY, key BYTES NOT NULL UNIQUE, body BYTES NOT NULL, ok BOOLEAN NOT NULL)`)

func insert(ctx context.Context, d *db.DB, id int, key string) error {
	return d.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO row_row (id, key, body, ok) VALUES ($1, $2, $3, $4)`, id, []byte(key), []byte("body"), true)
		return err
	})
}

func ids(t *testing.T, d *db.DB) []int {
	t.Helper()
	rows, err := d.Read.QueryContext(t.Context(), `SELECT id FROM row_row ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTx(t *testing.T) {
	dbtest.Each(t, []db.Source{rowTable}, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if err := insert(ctx, d, 1, "a"); err != nil {
			t.Fatal(err)
		}
		err := insert(ctx, d, 2, "a")
		if !db.IsConflict(err) || errors.Is(err, db.ErrUnavailable) {
			t.Errorf("a key that exists: %v", err)
		}
		if err := insert(ctx, d, 1, "b"); !db.IsConflict(err) {
			t.Errorf("an id that exists: %v", err)
		}
		if db.IsConflict(nil) || db.IsUnavailable(nil) {
			t.Error("no error is taken for one")
		}

		own := errors.New("own")
		err = d.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `DELETE FROM row_row`); err != nil {
				t.Error(err)
			}
			return own
		})
		if err != own { //nolint:errorlint // as it was
			t.Errorf("got %v, want the function's own error", err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = d.Tx(ctx, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, `DELETE FROM row_row`); err != nil {
					t.Error(err)
				}
				panic("half-way")
			})
		}()
		ended, cancel := context.WithCancel(ctx)
		err = d.Tx(ended, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM row_row`)
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) || db.IsUnavailable(err) {
			t.Errorf("a caller that left: %v", err)
		}
		if diff := cmp.Diff([]int{1}, ids(t, d)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		if err := d.Writable(ctx); err != nil {
			t.Error(err)
		}
		var ok bool
		if err := d.Read.QueryRowContext(ctx, `SELECT ok FROM row_row WHERE key = $1`, []byte("a")).Scan(&ok); err != nil || !ok {
			t.Errorf("a boolean came back as %v, %v", ok, err)
		}
	})
}

// Under a lock, transactions that read and then write do not lose updates.
func TestLock(t *testing.T) {
	counter := dbtest.Source("row", `CREATE TABLE row_count (n BIGINT NOT NULL)`, `INSERT INTO row_count (n) VALUES (0)`)
	dbtest.Each(t, []db.Source{counter}, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		const writers, each = 8, 10
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for range each {
					err := d.Tx(ctx, func(tx *sql.Tx) error {
						if err := d.Lock(ctx, tx, "row_count"); err != nil {
							return err
						}
						var n int
						if err := tx.QueryRowContext(ctx, `SELECT n FROM row_count`).Scan(&n); err != nil {
							return err
						}
						_, err := tx.ExecContext(ctx, `UPDATE row_count SET n = $1`, n+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		var n int
		if err := d.Read.QueryRowContext(ctx, `SELECT n FROM row_count`).Scan(&n); err != nil || n != writers*each {
			t.Errorf("got %d, %v, want %d", n, err, writers*each)
		}
	})
}

func TestReopen(t *testing.T) {
	for name, dsn := range engines(t) {
		t.Run(name, func(t *testing.T) {
			path := dsn(t)
			d := dbtest.Open(t, path, rowTable)
			if err := insert(t.Context(), d, 7, "k"); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if err := insert(t.Context(), d, 8, "l"); err == nil {
				t.Error("a closed database accepts a row")
			}
			if diff := cmp.Diff([]int{7}, ids(t, dbtest.Open(t, path, rowTable))); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// engines are the DSNs of new databases, by engine.
func engines(t *testing.T) map[string]func(testing.TB) string {
	t.Helper()
	all := map[string]func(testing.TB) string{"sqlite": dbtest.SQLite}
	if !testing.Short() {
		all["postgres"] = dbtest.Postgres
	}
	return all
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o           db.Options
		want        string
		unavailable bool
	}{
		"nothing given":         {db.Options{}, "neither a DSN nor a folder", false},
		"another database":      {db.Options{DSN: "mysql://u:secret@h/d"}, `"mysql"`, false},
		"a malformed DSN":       {db.Options{DSN: "postgres://u:secret@h:port/d"}, "not valid", false},
		"no server":             {db.Options{DSN: "postgres://u:secret@127.0.0.1:1/d"}, "not available", true},
		"no database file":      {db.Options{DSN: file}, "not available", true},
		"a folder that is none": {db.Options{Dir: filepath.Join(file, "x")}, "not a directory", false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := db.Open(t.Context(), c.o)
			if err == nil {
				d.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %q, want %q and no password", err, c.want)
			}
			if errors.Is(err, db.ErrUnavailable) != c.unavailable {
				t.Errorf("unavailable: %v", !c.unavailable)
			}
		})
	}
}

func TestParams(t *testing.T) {
	for want, got := range map[string]string{"": db.Params(1, 0), "$1": db.Params(1, 1), "$9,$10,$11": db.Params(9, 3)} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
