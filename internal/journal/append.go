package journal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/breakwater-project/breakwater/internal/db"
)

// Append writes the entries and returns when they are durable, with an answer
// for each, in order. The call is atomic: all of its fresh entries are written
// and what apply does, or nothing is.
//
// Apply, unless nil, runs in the same transaction, for the fresh entries only.
// It may run more than once, each time after all that it wrote was undone. It
// shares the transaction with other calls, so a failing apply, or its panic,
// fails its own call only, but it must not give tx a ctx that may end:
// context.WithoutCancel(ctx) is one that does not.
//
// The error wraps db.ErrUnavailable if the database can't be written now. It
// is ErrBusy if too many entries wait already, or these waited too long. Both
// pass. If ctx ends first, the entries may be written yet: appended again,
// they are duplicates.
func (l *Log) Append(ctx context.Context, entries []*Entry, apply func(tx *sql.Tx, fresh []*Entry) error) ([]Appended, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	r := &request{entries: make([]sealed, len(entries)), apply: apply, done: make(chan struct{})}
	for i, e := range entries {
		var err error
		if r.entries[i], err = l.seal(e); err != nil {
			return nil, err
		}
	}
	if err := l.queue.put(r, l.opt.MaxQueue); err != nil {
		l.opt.Metrics.refused(len(entries))
		return nil, err
	}
	select {
	case <-r.done:
		return r.results, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("journal: append: %w", context.Cause(ctx))
	}
}

// request is one call of Append on its way through the committer.
type request struct {
	entries []sealed
	apply   func(tx *sql.Tx, fresh []*Entry) error

	results []Appended
	err     error
	done    chan struct{}
}

func (r *request) answer(err error) {
	if r.err = err; err != nil {
		r.results = nil
	}
	close(r.done)
}

// sealed is an entry with all that can be computed before its transaction.
type sealed struct {
	*Entry
	key   string   // what the entry is unique by
	mark  [16]byte // keyed digest of the body
	row   []any    // what is written of it, in the order of entryRow
	tags  []string
	count countKey
}

func (l *Log) seal(e *Entry) (sealed, error) {
	s := sealed{Entry: e, key: eventKey(string(e.Decision.Type), e.Decision.Event), tags: tags(&e.Decision)}
	if len(e.Encoded) == 0 || len(e.Input) == 0 || e.Decision.ID != ID(e.Seq) {
		return s, fmt.Errorf("journal: entry %d lacks its encoding, its input or its id", e.Seq)
	}
	mac := hmac.New(sha256.New, l.opt.Key[:])
	mac.Write(e.Body[:])
	copy(s.mark[:], mac.Sum(nil))
	var shadow any
	if len(e.Shadow) > 0 {
		data, err := json.Marshal(e.Shadow)
		if err != nil {
			return s, fmt.Errorf("journal: shadow reasons: %w", err)
		}
		shadow = string(data)
	}
	s.row = []any{e.Seq, []byte(s.key), s.mark[:], bytesOrNil(e.ContentDigest), string(e.Decision.Type), int64(e.Decision.Outcome),
		affected(&e.Decision), e.Actor, e.Content, string(e.Encoded), string(e.Input), shadow}
	var err error
	s.count, err = countOf(e)
	return s, err
}

// plainKey is the longest event id, in bytes, that is a key as it stands.
const plainKey = 64

// eventKey is what (type, id) is unique by. Most platforms number what happens
// in order of time, so ids that stand as they are come next to each other, and
// a commit touches a few pages of the index however long the log is; hashes
// would touch one page each. Only long ids are hashed.
func eventKey(typ, id string) string {
	if len(id) <= plainKey {
		return typ + "\x00" + id
	}
	sum := sha256.Sum256([]byte(id))
	return typ + "\x01" + string(sum[:])
}

// queue holds the requests that wait for the committer.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	entries int
	closed  bool
	wake    chan struct{} // holds one token while there is something to do
}

func (q *queue) put(r *request, limit int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.entries > 0 && q.entries+len(r.entries) > limit {
		return ErrBusy
	}
	q.waiting = append(q.waiting, r)
	q.entries += len(r.entries)
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// take removes requests of at most limit entries, but at least one request,
// waiting for the first. It gives none when the queue is closed and empty.
func (q *queue) take(limit int) []*request {
	for range q.wake {
		q.mu.Lock()
		n, entries := 0, 0
		for n < len(q.waiting) && (n == 0 || entries+len(q.waiting[n].entries) <= limit) {
			entries += len(q.waiting[n].entries)
			n++
		}
		batch := append([]*request(nil), q.waiting[:n]...)
		q.waiting = append(q.waiting[:0], q.waiting[n:]...)
		clear(q.waiting[len(q.waiting):cap(q.waiting)])
		q.entries -= entries
		if len(q.waiting) > 0 || q.closed {
			q.signal()
		}
		closed := q.closed
		q.mu.Unlock()
		if n > 0 || closed {
			return batch
		}
	}
	return nil
}

// run commits until the queue is closed and empty.
func (l *Log) run() {
	defer close(l.stopped)
	for {
		batch := l.queue.take(l.opt.MaxBatch)
		if len(batch) == 0 {
			return
		}
		l.commit(l.timely(batch))
	}
}

// timely answers the requests that have waited too long, and gives the others.
func (l *Log) timely(batch []*request) []*request {
	return slices.DeleteFunc(batch, func(r *request) bool {
		for i := range r.entries {
			if l.stale(r.entries[i].Seq) {
				l.opt.Metrics.refused(len(r.entries))
				r.answer(ErrBusy)
				return true
			}
		}
		return false
	})
}

// commit writes the batch and answers each request. Where the batch fails and
// the database is well, one request is at fault: its halves are tried apart,
// until only that request fails.
func (l *Log) commit(batch []*request) {
	if len(batch) == 0 {
		return
	}
	err := l.write(batch)
	if err != nil && len(batch) > 1 && !errors.Is(err, db.ErrUnavailable) {
		half := len(batch) / 2
		l.commit(batch[:half])
		l.commit(batch[half:])
		return
	}
	if err != nil {
		err = fmt.Errorf("journal: append: %w", err)
	}
	for _, r := range batch {
		r.answer(err)
	}
}

// write writes the batch in one transaction. It has no deadline of its own
// and no caller's: the database has its, and nobody's leaving undoes a
// transaction that others wait for.
func (l *Log) write(batch []*request) error {
	ctx := context.Background()
	started := l.opt.Now()
	n := 0
	for _, r := range batch {
		n += len(r.entries)
	}
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		w := &writer{inserts: &l.inserts, tx: tx, instance: l.instance, sorted: l.db.Engine != db.SQLite}
		if err := w.insert(ctx, batch); err != nil {
			return err
		}
		for _, r := range batch {
			if err := r.follow(tx); err != nil {
				return err
			}
		}
		return nil
	})
	l.opt.Metrics.committed(n, l.opt.Now().Sub(started), err)
	return err
}

// follow runs apply for what is fresh of the request.
func (r *request) follow(tx *sql.Tx) (err error) {
	if r.apply == nil {
		return nil
	}
	fresh := make([]*Entry, 0, len(r.results))
	for _, a := range r.results {
		if a.Status == Fresh {
			fresh = append(fresh, a.Entry)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("panic: %w", p)
		default: // may hold what a person wrote
			err = fmt.Errorf("panic with a %T", p)
		}
	}()
	return r.apply(tx, fresh)
}
