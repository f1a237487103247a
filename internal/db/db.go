// Package db opens the database: SQLite in a file by default, PostgreSQL by a
// postgres:// DSN. One SQL text serves both:
//
//   - parameters are $1, $2 …;
//   - types are TEXT, BIGINT (times are microseconds since 1970, UTC), DOUBLE
//     PRECISION, BOOLEAN, and in migrations BYTES, which becomes BLOB or BYTEA;
//   - a table whose key is no number is WITHOUT ROWID, where writing is hot;
//   - ON CONFLICT and RETURNING are there; now(), JSON operators, arrays,
//     SERIAL, FOR UPDATE and SKIP LOCKED are not;
//   - TEXT is ordered by its bytes on SQLite and by the database's collation on
//     PostgreSQL: page by numbers, or by text of one alphabet.
//
// A write that DB.Tx acknowledges is on disk.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Engine names the database behind a DB.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Options say where the database is.
type Options struct {
	// DSN is postgres://…, the path of an SQLite file, or empty for
	// breakwater.db in Dir.
	DSN string
	// Dir is made if it does not exist. Only an empty DSN uses it.
	Dir string
}

// DB is an open database, safe for concurrent use.
type DB struct {
	Engine Engine

	// Read answers queries outside of a transaction. On SQLite it refuses to
	// write and waits for no writer.
	Read *sql.DB

	// Write is for libraries that make their own transactions; everything else
	// writes through Tx. On SQLite it is a single connection, so whoever holds
	// a transaction and waits for another one waits forever.
	Write *sql.DB

	checkpoints *checkpoints // SQLite only
}

// Open opens or creates the database. The error is ErrUnavailable if the
// database can't be reached.
func Open(ctx context.Context, o Options) (*DB, error) {
	open := openSQLite
	if isPostgres(o.DSN) {
		open = openPostgres
	}
	d, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("db: open: %w", unavailable(err))
	}
	return d, nil
}

// Tx runs f in a transaction that may write. When Tx returns nil, what f wrote
// is durable; when it returns an error, or f panics, nothing of it is kept. The
// error is f's, or wraps ErrUnavailable if the database can't write now: the
// next call tries again from scratch.
//
// On SQLite transactions run one after the other. On PostgreSQL they run side
// by side, each statement seeing what was committed before it: a transaction
// that reads, then writes by what it read, takes a Lock first. f must use tx
// only, never the DB.
func (d *DB) Tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.begin(ctx)
	if err != nil {
		return fmt.Errorf("db: begin: %w", unavailable(err))
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return unavailable(err)
	}
	if err := tx.Commit(); err != nil {
		if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
			err = ctx.Err() // the caller left, and database/sql rolled back first
		}
		return fmt.Errorf("db: commit: %w", unavailable(err))
	}
	if d.checkpoints != nil {
		d.checkpoints.committed()
	}
	return nil
}

// begin passes over connections that PostgreSQL ended while they were idle:
// each says so only when it is used.
func (d *DB) begin(ctx context.Context) (*sql.Tx, error) {
	for tries := postgresConns; ; tries-- {
		tx, err := d.Write.BeginTx(ctx, nil)
		if err == nil || d.Engine == SQLite || tries == 0 || !IsUnavailable(err) || neverConnected(err) {
			return tx, err
		}
	}
}

// Lock holds the lock of that name until tx ends. On SQLite every writing
// transaction has the whole database for itself already.
func (d *DB) Lock(ctx context.Context, tx *sql.Tx, name string) error {
	if d.Engine == SQLite {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, name); err != nil {
		return fmt.Errorf("db: lock %s: %w", name, err)
	}
	return nil
}

// Writable makes a small write durable, or says why that can't be done now. It
// needs the tables that Migrate makes.
func (d *DB) Writable(ctx context.Context) error {
	return d.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO db_probe (id, times) VALUES (1, 1)
			ON CONFLICT (id) DO UPDATE SET times = db_probe.times + 1`)
		return err
	})
}

// Close waits for running transactions. On SQLite it writes the log back, so
// that one file is left.
func (d *DB) Close() error {
	if d.Engine == Postgres {
		return d.Write.Close()
	}
	stopped := d.checkpoints.stop()
	_, _, written := checkpoint(context.Background(), d.Write, "TRUNCATE")
	return errors.Join(stopped, d.Read.Close(), written, d.Write.Close(), d.checkpoints.file.Close())
}

// connectWithin bounds how long a connection may take to be made, where the
// caller's context allows more.
const connectWithin = 5 * time.Second

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}
