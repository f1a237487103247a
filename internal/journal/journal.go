// Package journal is the append-only log of decisions, the truth that all
// else is a fold of. An entry is durable before its caller hears of it, is
// there once, and says what Eval saw, so that it can be decided again.
//
// One goroutine commits: it takes every entry that is waiting, writes them in
// one transaction, and answers all of them when that is durable. The same
// (type, id) is written once however often it comes; a keyed digest of the
// event tells a repetition from a conflict.
//
// No content is kept, only a keyed digest of it. Account ids are kept until
// Erase, which puts a pseudonym in their place.
package journal

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "journal", FS: migrations} }

// Entry is one decision and what it was made from.
type Entry struct {
	Seq      int64             // from NextSeq; orders entries by time
	Decision decision.Decision // its ID is ID(Seq)
	Encoded  []byte            // Decision as JSON, as the caller was answered
	Input    json.RawMessage   // what Eval saw
	// Body is the event's digest. It tells whether the same (type, id) comes
	// with the same body; stored keyed, and not given back by reads.
	Body          [32]byte
	ContentDigest []byte // keyed digest of the content; nil if there is none
	Shadow        []decision.Reason
	Actor         string // account id
	Content       string // content id, or empty
}

// Status says what became of an entry.
type Status uint8

// What becomes of an entry.
const (
	Fresh     Status = iota // it is in the log
	Duplicate               // the same event was there already
	Conflict                // another event with the same (type, id) was there already
)

// Appended is the answer for one entry: the entry itself where it is fresh,
// else the one that was there.
type Appended struct {
	Status Status
	Entry  *Entry
}

// Errors of the log.
var (
	ErrBusy     = errors.New("journal: too many entries are waiting to be written")
	ErrClosed   = errors.New("journal: closed")
	ErrNotFound = errors.New("journal: no such decision")
)

// Settle bounds how long after its NextSeq an entry may become visible. A
// reader that follows the log has seen everything that is older than this.
const Settle = time.Minute

// mayWait is the part of Settle that an entry may spend waiting to be written.
const mayWait = Settle / 2

// Options of a log. The zero value of all but Key is safe.
type Options struct {
	Now func() time.Time // default time.Now
	// Key keys the digests by which a repeated event is told from a conflict,
	// so that a stolen database does not confirm guesses at content. It must
	// stay the same for as long as events may be repeated.
	Key      [32]byte
	MaxBatch int // entries in one transaction; default 1000
	MaxQueue int // entries waiting; more are ErrBusy; default 20,000
	Metrics  *Metrics
}

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxBatch <= 0 {
		o.MaxBatch = 1000
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = 20_000
	}
}

// Log is the journal. It is safe for concurrent use.
type Log struct {
	db  *db.DB
	opt Options

	instance int64
	clock    clock
	queue    queue
	inserts  inserts
	stopped  chan struct{} // closed when the committer has ended
}

// Open opens the log over the tables that Migrations makes and starts its
// committer. Close it to end that.
func Open(ctx context.Context, d *db.DB, opt Options) (*Log, error) {
	opt.defaults()
	l := &Log{db: d, opt: opt, stopped: make(chan struct{})}
	l.queue.wake = make(chan struct{}, 1)
	if err := l.start(ctx); err != nil {
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	if err := l.inserts.prepare(ctx, d); err != nil {
		return nil, fmt.Errorf("journal: open: %w", errors.Join(err, l.inserts.close()))
	}
	go l.run()
	return l, nil
}

// start takes an instance number, and the place to go on from: entries stay
// in order even if the clock was set back while the program was down.
func (l *Log) start(ctx context.Context) error {
	var last sql.NullInt64
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `UPDATE journal_start SET n = n + 1 RETURNING n`).Scan(&l.instance); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT max(seq) FROM journal_entry`).Scan(&last)
	})
	if err != nil {
		return err
	}
	l.instance %= maxInstance + 1
	l.clock.last.Store((last.Int64>>(instanceBits+counterBits)+1)<<counterBits - 1)
	return nil
}

// Close writes what is waiting and ends the log. Later appends are ErrClosed.
func (l *Log) Close() error {
	l.queue.close()
	<-l.stopped
	return l.inserts.close()
}
