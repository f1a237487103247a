package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
)

const (
	fileName = "breakwater.db"

	// Page caches, KiB. The writer's holds the inner pages of indexes of some
	// ten million random keys; the leaves come from the system's cache, which
	// costs a copy each. More was not faster in BenchmarkInsert.
	writerCache     = 32 << 10
	readerCache     = 4 << 10
	checkpointCache = 1 << 10
)

func openSQLite(ctx context.Context, o Options) (*DB, error) {
	path, err := sqlitePath(o)
	if err != nil {
		return nil, err
	}
	// A commit need not wait until the file's modification time is on disk. It
	// is a switch of the whole process, which some systems lack.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, err
	}
	d := &DB{Engine: SQLite}
	if d.Write, err = openWriter(ctx, path, writerCache); err != nil {
		return nil, err
	}
	if d.Read, err = openReaders(path); err != nil {
		return nil, errors.Join(err, d.Write.Close())
	}
	if d.checkpoints, err = startCheckpoints(ctx, path, d.Write); err != nil {
		return nil, errors.Join(err, d.Read.Close(), d.Write.Close())
	}
	return d, nil
}

// sqlitePath is the absolute path of the file, which exists.
func sqlitePath(o Options) (string, error) {
	path := o.DSN
	if path == "" {
		if o.Dir == "" {
			return "", errors.New("neither a DSN nor a folder for the database is given")
		}
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return "", err
		}
		path = filepath.Join(o.Dir, fileName)
	}
	if scheme, _, ok := strings.Cut(path, "://"); ok {
		return "", fmt.Errorf("a database of kind %q can't be opened, only a file or postgres://", scheme)
	}
	// Only the owner may read it; SQLite gives its log the same mode. A file
	// that exists is not opened: closing it would drop the locks of another DB
	// in this process.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return filepath.Abs(path)
	}
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// openWriter opens one connection and turns the log on, which readers can't.
// Acknowledged means synced, so synchronous is FULL; the log is written back
// by checkpoints, not in commits.
func openWriter(ctx context.Context, path string, cache int) (*sql.DB, error) {
	pool, err := openPool(path, 1, url.Values{
		"_txlock":      {"immediate"},
		"_synchronous": {"FULL"},
		"_pragma":      {fmt.Sprintf("cache_size(-%d)", cache), "wal_autocheckpoint(0)"},
	})
	if err != nil {
		return nil, err
	}
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

func openReaders(path string) (*sql.DB, error) {
	pool, err := openPool(path, max(4, runtime.GOMAXPROCS(0)), url.Values{
		"_query_only": {"true"},
		"_pragma":     {fmt.Sprintf("cache_size(-%d)", readerCache)},
	})
	if err != nil {
		return nil, err
	}
	pool.SetConnMaxIdleTime(time.Minute) // an idle server gives its caches back
	return pool, nil
}

func openPool(path string, conns int, q url.Values) (*sql.DB, error) {
	q.Set("_journal_mode", "WAL")
	q.Set("_foreign_keys", "true")
	q.Set("_busy_timeout", fmt.Sprint(connectWithin.Milliseconds()))
	q.Set("_dqs", "false") // "x" is a column, never the string x
	q.Set("_error_rc", "true")
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}
