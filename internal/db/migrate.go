package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

//go:embed migrations
var own embed.FS

// Source is the migrations of one package: migrations/NNNN_name.sql in FS,
// numbered from 0001 without a gap. A file, once released, never changes.
type Source struct {
	Package string
	FS      fs.FS
}

// Migrate applies what the database lacks, source by source, in one
// transaction: all of it or nothing. Of several processes that start at once
// one applies and the others wait. It refuses a database that a newer program
// migrated, and a migration that is not what was applied.
func Migrate(ctx context.Context, d *DB, sources ...Source) error {
	sources = append([]Source{{Package: "db", FS: own}}, sources...)
	err := d.Tx(ctx, func(tx *sql.Tx) error {
		if err := d.Lock(ctx, tx, "db_migration"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			CREATE TABLE IF NOT EXISTS db_migration (
				package  TEXT NOT NULL,
				number   BIGINT NOT NULL,
				name     TEXT NOT NULL,
				checksum TEXT NOT NULL,
				PRIMARY KEY (package, number)
			)`); err != nil {
			return err
		}
		for _, s := range sources {
			if err := migrate(ctx, tx, d.Engine, s); err != nil {
				return fmt.Errorf("%s: %w", s.Package, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("db: migrate: %w", err)
	}
	return nil
}

// migration is one file.
type migration struct {
	number   int
	name     string
	text     string
	checksum string // SHA-256 of the file, hexadecimal
}

func migrate(ctx context.Context, tx *sql.Tx, engine Engine, s Source) error {
	files, err := migrations(s.FS)
	if err != nil {
		return err
	}
	applied, err := checksums(ctx, tx, s.Package)
	if err != nil {
		return err
	}
	for _, m := range files {
		checksum, done := applied[m.number]
		delete(applied, m.number)
		switch {
		case done && checksum == m.checksum:
			continue
		case done:
			return fmt.Errorf("%s has changed since it was applied to this database; put a change into a new migration", m.name)
		}
		if _, err := tx.ExecContext(ctx, dialect(engine, m.text)); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO db_migration (package, number, name, checksum) VALUES ($1, $2, $3, $4)`,
			s.Package, m.number, m.name, m.checksum); err != nil {
			return err
		}
	}
	if len(applied) > 0 {
		newest := slices.Max(slices.Collect(maps.Keys(applied)))
		return fmt.Errorf("the database is at migration %d, this program knows %d: a newer program was here, use that one", newest, len(files))
	}
	return nil
}

// checksums are those of the applied migrations, by number.
func checksums(ctx context.Context, tx *sql.Tx, pkg string) (map[int]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT number, checksum FROM db_migration WHERE package = $1`, pkg)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := map[int]string{}
	for rows.Next() {
		var number int
		var checksum string
		if err := rows.Scan(&number, &checksum); err != nil {
			return nil, err
		}
		applied[number] = checksum
	}
	return applied, rows.Err()
}

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// migrations reads a package's files in order.
func migrations(files fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(files, "migrations")
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, errors.New("there are no migrations")
	}
	var all []migration
	for i, e := range entries {
		number := migrationName.FindStringSubmatch(e.Name())
		if number == nil {
			return nil, fmt.Errorf("%s: a migration is named NNNN_name.sql", e.Name())
		}
		if n, _ := strconv.Atoi(number[1]); n != i+1 {
			return nil, fmt.Errorf("%s: the number after %04d is %04d", e.Name(), i, i+1)
		}
		text, err := fs.ReadFile(files, "migrations/"+e.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{i + 1, e.Name(), string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

var (
	bytesType = regexp.MustCompile(`\bBYTES\b`)
	numberKey = regexp.MustCompile(`\bBIGINT PRIMARY KEY\b`)
	byKey     = regexp.MustCompile(`\)\s*WITHOUT ROWID\b`)
)

// dialect turns the one SQL text of a migration into the engine's: BYTES is
// BLOB or BYTEA, and SQLite keeps a table by its number, without an index
// beside it, only if that column is called INTEGER PRIMARY KEY, or, for keys
// that are no number, if the table is WITHOUT ROWID, which PostgreSQL lacks.
func dialect(engine Engine, text string) string {
	if engine == Postgres {
		return byKey.ReplaceAllString(bytesType.ReplaceAllString(text, "BYTEA"), ")")
	}
	text = bytesType.ReplaceAllString(text, "BLOB")
	return numberKey.ReplaceAllString(text, "INTEGER PRIMARY KEY")
}
