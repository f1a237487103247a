package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"
)

func TestIsUnavailable(t *testing.T) {
	for _, err := range []error{
		ErrUnavailable,
		driver.ErrBadConn,
		io.ErrUnexpectedEOF,
		&net.OpError{Op: "read", Err: syscall.ECONNRESET},
		&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC},
		&pgconn.PgError{Code: "53100"}, // disk full
		&pgconn.PgError{Code: "57P01"}, // shutting down
		&pgconn.PgError{Code: "40P01"}, // deadlock
	} {
		if !IsUnavailable(fmt.Errorf("journal: %w", err)) {
			t.Errorf("%v: available", err)
		}
		if wrapped := unavailable(err); !errors.Is(wrapped, ErrUnavailable) || !errors.Is(wrapped, err) {
			t.Errorf("%v becomes %v", err, wrapped)
		}
	}
	for _, err := range []error{
		context.DeadlineExceeded,
		context.Canceled,
		errors.New("age: no such account"),
		&os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT},
		&pgconn.PgError{Code: "23505"}, // unique violation
		&pgconn.PgError{Code: "42601"}, // syntax
	} {
		if IsUnavailable(err) || errors.Is(unavailable(err), ErrUnavailable) {
			t.Errorf("%v: unavailable", err)
		}
	}
	for code, want := range map[int]bool{
		sqlite3.SQLITE_FULL:              true,
		sqlite3.SQLITE_IOERR_WRITE:       true,
		sqlite3.SQLITE_READONLY_DBMOVED:  true,
		sqlite3.SQLITE_BUSY_SNAPSHOT:     true,
		sqlite3.SQLITE_CONSTRAINT_UNIQUE: false,
		sqlite3.SQLITE_ERROR:             false,
	} {
		if sqliteUnavailable(code) != want {
			t.Errorf("SQLite's code %d: %v", code, !want)
		}
	}
}
