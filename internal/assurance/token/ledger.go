package token

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/db"
)

// Ledger is what was spent, exactly and durably, also when several processes
// share a database. One goroutine writes all that is waiting in one
// transaction, and answers when that is on disk. The database's own key tells
// what is new, so nothing is kept in memory and nothing is read at the start.
// It is safe for concurrent use.
type Ledger struct {
	db    *db.DB
	key   [32]byte
	batch int
	limit int

	mu      sync.Mutex
	waiting []*spending
	closed  bool
	wake    chan struct{} // holds one token while there is something to do

	inserts *inserts
	stopped chan struct{}
}

// LedgerOptions of a ledger. The zero value of all but Key is safe.
type LedgerOptions struct {
	// Key keys what is stored of a token, so that a stolen database does not
	// confirm that a device's token was spent here. With another key every
	// token could be spent again: OpenLedger refuses one.
	Key      [32]byte
	MaxBatch int // tokens in one transaction; default 1000
	MaxQueue int // tokens waiting; more are ErrBusy; default 20,000
}

// Errors of the ledger.
var (
	ErrBusy   = errors.New("token: too many tokens are waiting to be written down")
	ErrClosed = errors.New("token: closed")
)

var errSpent = fmt.Errorf("token: %w", agetoken.ErrSpent)

// nullifier is what is stored of a spent token: 16 bytes that only the key
// links with it.
type nullifier [16]byte

// spending is one token on its way through the committer.
type spending struct {
	epoch     int64
	nullifier nullifier

	err  error // of the answer: nil, errSpent or why it is not known
	done chan struct{}
}

// OpenLedger opens the ledger over the tables that Migrations makes, and
// starts its committer. Close it to end that.
func OpenLedger(ctx context.Context, d *db.DB, o LedgerOptions) (*Ledger, error) {
	l := &Ledger{
		db: d, key: o.Key, batch: cmp.Or(o.MaxBatch, 1000), limit: cmp.Or(o.MaxQueue, 20_000),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	if err := l.proveKey(ctx); err != nil {
		return nil, fmt.Errorf("token: open ledger: %w", err)
	}
	var err error
	if l.inserts, err = prepareInserts(ctx, d); err != nil {
		return nil, fmt.Errorf("token: open ledger: %w", err)
	}
	go l.run()
	return l, nil
}

// proveKey refuses a key that is not the one the ledger was begun with.
func (l *Ledger) proveKey(ctx context.Context) error {
	mac := hmac.New(sha256.New, l.key[:])
	mac.Write([]byte("the ledger of spent tokens"))
	proof, stored := mac.Sum(nil), []byte(nil)
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO token_seal (id, proof) VALUES (1, $1) ON CONFLICT (id) DO NOTHING`, proof)
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT proof FROM token_seal WHERE id = 1`).Scan(&stored)
	})
	if err == nil && !hmac.Equal(proof, stored) {
		err = errors.New("the secret is not the one that the spent tokens are kept under: restore it, or every token could be spent again")
	}
	return err
}

// Spend says that a token is spent now, for the first time: nil once that is
// durable. However many spend one token at once, exactly one of them is told
// so; the others are agetoken.ErrSpent. Spend only what was verified: anybody can make
// up nullifiers.
//
// ErrBusy and db.ErrUnavailable pass. If ctx ends first, the token may be
// spent, or not.
func (l *Ledger) Spend(ctx context.Context, epoch agetoken.Epoch, n agetoken.Nullifier) error {
	mac := hmac.New(sha256.New, l.key[:])
	mac.Write(n[:])
	s := &spending{epoch: epochNumber(epoch), nullifier: nullifier(mac.Sum(nil)), done: make(chan struct{})}
	if err := l.put(s); err != nil {
		return err
	}
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return fmt.Errorf("token: spend: %w", context.Cause(ctx))
	}
}

// epochNumber orders epochs, and is small.
func epochNumber(e agetoken.Epoch) int64 { return int64(e.Year)*12 + int64(e.Month) - 1 }

func (l *Ledger) put(s *spending) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case len(l.waiting) >= l.limit:
		return ErrBusy
	}
	l.waiting = append(l.waiting, s)
	l.signal()
	return nil
}

func (l *Ledger) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take removes what waits, at most a batch, and waits for the first. It gives
// none once the ledger is closed and all is written.
func (l *Ledger) take() []*spending {
	for range l.wake {
		l.mu.Lock()
		n := min(len(l.waiting), l.batch)
		taken := slices.Clone(l.waiting[:n])
		l.waiting = slices.Delete(l.waiting, 0, n)
		closed := l.closed
		if len(l.waiting) > 0 || closed {
			l.signal()
		}
		l.mu.Unlock()
		if n > 0 || closed {
			return taken
		}
	}
	return nil
}

// run writes until the ledger is closed and all is written.
func (l *Ledger) run() {
	defer close(l.stopped)
	for {
		batch := l.take()
		if len(batch) == 0 {
			return
		}
		l.write(batch)
	}
}

// write makes the batch durable and answers each of it. The transaction has
// nobody's deadline: one caller's leaving must not undo what others wait for.
func (l *Ledger) write(batch []*spending) {
	// In the order of the table, which saves pages, and keeps two processes
	// from waiting for each other. Of the same token only the first can be new.
	slices.SortStableFunc(batch, func(a, b *spending) int {
		return cmp.Or(cmp.Compare(a.epoch, b.epoch), slices.Compare(a.nullifier[:], b.nullifier[:]))
	})
	first := batch[:0:0]
	for i, s := range batch {
		s.err = errSpent
		if i == 0 || s.epoch != batch[i-1].epoch || s.nullifier != batch[i-1].nullifier {
			first = append(first, s)
		}
	}
	ctx := context.Background()
	err := l.db.Tx(ctx, func(tx *sql.Tx) error { return l.inserts.insert(ctx, tx, first) })
	for _, s := range batch {
		if err != nil {
			s.err = fmt.Errorf("token: spend: %w", err)
		}
		close(s.done)
	}
}

// lapsedChunk is how many lapsed nullifiers are forgotten in one transaction,
// so that nobody who spends waits for long.
const lapsedChunk = 5000

// Forget drops what was spent of the epochs that have lapsed, and says how
// many tokens that were; run it as a job, now and then.
func (l *Ledger) Forget(ctx context.Context, now time.Time) (int64, error) {
	last := agetoken.EpochOf(now.Add(-agetoken.Validity)) // the latest that can have lapsed
	before := epochNumber(last)
	if !now.Before(last.Lapse()) {
		before++
	}
	var total int64
	for {
		var n int64
		err := l.db.Tx(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, `
				DELETE FROM token_spent WHERE (epoch, nullifier) IN
					(SELECT epoch, nullifier FROM token_spent WHERE epoch < $1 LIMIT $2)`, before, lapsedChunk)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return total, fmt.Errorf("token: forget: %w", err)
		}
		if total += n; n < lapsedChunk {
			return total, nil
		}
	}
}

// Close writes what is waiting and ends the ledger. Later calls of Spend are
// ErrClosed.
func (l *Ledger) Close() error {
	l.mu.Lock()
	l.closed = true
	l.signal()
	l.mu.Unlock()
	<-l.stopped
	return l.inserts.close()
}
