package db_test

import (
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

const (
	makeA = `CREATE TABLE step_a (id BIGINT PRIMARY KEY, data BYTES); CREATE INDEX step_a_data ON step_a (data);`
	makeB = `CREATE TABLE step_b (id TEXT PRIMARY KEY);`
	fillB = `INSERT INTO step_b (id) VALUES ('once');`
)

func TestMigrate(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		refused := func(want string, sources ...db.Source) {
			t.Helper()
			if err := db.Migrate(ctx, d, sources...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error with %q", err, want)
			}
		}
		for _, texts := range [][]string{{makeA}, {makeA, makeB, fillB}, {makeA, makeB, fillB}} {
			if err := db.Migrate(ctx, d, dbtest.Source("step", texts...)); err != nil {
				t.Fatal(err)
			}
		}
		refused("0003_step.sql has changed", dbtest.Source("step", makeA, makeB, fillB+"-- more"))
		refused("a newer program", dbtest.Source("step", makeA, makeB))

		// A migration that fails takes everything before it back.
		refused("0002_step.sql", dbtest.Source("later", `CREATE TABLE later_a (id TEXT)`, `CREATE TABEL later_b`))
		if err := db.Migrate(ctx, d, dbtest.Source("later", `CREATE TABLE later_a (id TEXT)`)); err != nil {
			t.Errorf("after a failed migration: %v", err)
		}
		var got []string
		rows, err := d.Read.QueryContext(ctx, `SELECT package || ' ' || name FROM db_migration ORDER BY package, number`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		want := []string{"db 0001_probe.sql", "later 0001_step.sql", "step 0001_step.sql", "step 0002_step.sql", "step 0003_step.sql"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
	})
}

func TestMigrateRefusesFiles(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	file := &fstest.MapFile{Data: []byte(makeA)}
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"no folder":    {fstest.MapFS{}, "migrations"},
		"a gap":        {fstest.MapFS{"migrations/0001_a.sql": file, "migrations/0003_c.sql": file}, "the number after 0001 is 0002"},
		"twice":        {fstest.MapFS{"migrations/0001_a.sql": file, "migrations/0001_b.sql": file}, "the number after 0001 is 0002"},
		"another name": {fstest.MapFS{"migrations/first.sql": file}, "NNNN_name.sql"},
	} {
		err := db.Migrate(t.Context(), d, db.Source{Package: "step", FS: c.files})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

// Several processes start at once: each migration is applied once.
func TestMigrateAtOnce(t *testing.T) {
	for name, dsn := range engines(t) {
		t.Run(name, func(t *testing.T) {
			at := dsn(t)
			var all sync.WaitGroup
			for range 4 {
				d, err := db.Open(t.Context(), db.Options{DSN: at})
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				all.Go(func() {
					if err := db.Migrate(t.Context(), d, dbtest.Source("step", makeA, makeB, fillB)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

// On SQLite a numeric primary key is the table's own order, so that a log
// costs no second index.
func TestNumberKey(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), dbtest.Source("step", makeA))
	var indexes int
	if err := d.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'step_a'`).Scan(&indexes); err != nil || indexes != 1 {
		t.Errorf("%d indexes, %v, want the one that was asked for", indexes, err)
	}
}
