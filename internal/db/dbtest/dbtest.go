// Package dbtest runs tests on both databases: SQLite in a file, and a
// PostgreSQL of the test's own.
package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/breakwater-project/breakwater/internal/db"
)

// Each runs f on SQLite and on PostgreSQL, each time with an empty database
// that has the sources' tables. With -short it is SQLite only. Where
// PostgreSQL is not installed the test fails and names the package.
func Each(t *testing.T, sources []db.Source, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, Open(t, SQLite(t), sources...)) })
	t.Run("postgres", func(t *testing.T) {
		if testing.Short() {
			t.Skip("PostgreSQL is left out with -short")
		}
		f(t, Open(t, Postgres(t), sources...))
	})
}

// SQLite is the DSN of a new database in a folder of the test.
func SQLite(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "test.db")
}

// Postgres is the DSN of a new database, dropped when the test ends. It is on
// the server of BREAKWATER_TEST_POSTGRES, or on one that this test binary
// starts for all of its tests.
func Postgres(t testing.TB) string {
	t.Helper()
	server := shared(t)
	name := "test_" + strings.ToLower(rand.Text())
	execute(t, server, `CREATE DATABASE `+name)
	t.Cleanup(func() { execute(t, server, `DROP DATABASE `+name+` WITH (FORCE)`) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("the DSN of PostgreSQL for tests: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

// Source is migrations 0001, 0002 … with these texts, for a table of a test.
func Source(pkg string, texts ...string) db.Source {
	files := fstest.MapFS{}
	for i, text := range texts {
		files[fmt.Sprintf("migrations/%04d_step.sql", i+1)] = &fstest.MapFile{Data: []byte(text)}
	}
	return db.Source{Package: pkg, FS: files}
}

// Open opens a database, migrated, until the test ends. A test may close it
// before, and open the same DSN again.
func Open(t testing.TB, dsn string, sources ...db.Source) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // the test may have closed it
	if err := db.Migrate(t.Context(), d, sources...); err != nil {
		t.Fatal(err)
	}
	return d
}

// execute runs one statement outside of a transaction, also in a cleanup.
func execute(t testing.TB, dsn, statement string) {
	t.Helper()
	pool, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pool.ExecContext(context.WithoutCancel(t.Context()), statement)
	if err := errors.Join(err, pool.Close()); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
