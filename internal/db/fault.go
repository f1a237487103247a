package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrUnavailable is in every error of Open, Tx and Writable that says the
// database can't do it now, whatever it was asked: the disk is full or broken,
// another process holds the file, the connection is lost, a deadlock was cut.
// The same call may succeed later.
var ErrUnavailable = errors.New("the database is not available")

// IsUnavailable reports whether err is, or wraps, ErrUnavailable or an error
// of the engine that means the same, as queries on DB.Read return it.
func IsUnavailable(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, ErrUnavailable) {
		return true
	}
	if s, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteUnavailable(s.Code())
	}
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresUnavailable(p.Code)
	}
	if neverConnected(err) {
		return true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false // the caller's own doing, even where a connection ended by it
	}
	return lostConnection(err)
}

// IsConflict reports whether err says that a row of the same key exists.
func IsConflict(err error) bool {
	if s, ok := errors.AsType[*sqlite.Error](err); ok {
		return s.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || s.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code == "23505" // unique_violation
	}
	return false
}

// unavailable wraps err in ErrUnavailable where it means that.
func unavailable(err error) error {
	if IsUnavailable(err) && !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func sqliteUnavailable(code int) bool {
	switch code & 0xff { // the rest is detail
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	default:
		return false
	}
}

// postgresUnavailable goes by PostgreSQL's error codes (appendix A of its
// manual).
func postgresUnavailable(code string) bool {
	switch code {
	case "57P01", "57P02", "57P03", // shutting down, crashed, starting
		"57P05",          // idle session timeout
		"25006",          // read-only: a standby
		"40001", "40P01": // serialisation failure, deadlock
		return true
	}
	switch code[:min(2, len(code))] {
	case "08", // connection
		"53", // disk full, out of memory, too many connections
		"58", // input and output
		"XX": // corrupted
		return true
	}
	return false
}

// neverConnected reports that PostgreSQL was not reached, perhaps in time.
func neverConnected(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}

func lostConnection(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	for _, lost := range []error{
		driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF,
		syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EPIPE,
	} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return strings.Contains(err.Error(), "conn closed") // pgx has no error value for it
}
