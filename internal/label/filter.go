package label

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/internal/bloom"
	"github.com/breakwater-project/breakwater/internal/db"
)

// filter is everything that has a label: nearly nothing has, and what is not
// in it need not be looked up.
type filter struct {
	*bloom.Filter

	mu     sync.Mutex // of the refresh
	ready  atomic.Bool
	due    atomic.Int64 // microseconds: when to look for others' labels again
	newest int64        // microseconds: the youngest label seen
}

const (
	// fresh bounds how long another instance's label may go unseen.
	fresh = time.Second
	// overlap is how far back a refresh looks again: a label may become
	// visible later than its time says.
	overlap = time.Minute
)

func newFilter() *filter { return &filter{Filter: bloom.New()} }

// mayHave reports whether a subject may have labels.
func (b *filter) mayHave(about, id string) bool {
	return id != "" && (!b.ready.Load() || b.May(about, id))
}

// refresh reads what was labelled since the last time, if it is time for
// that and nobody else does. Until the first time has succeeded, the filter
// denies nothing.
func (l *Labels) refresh(ctx context.Context) error {
	b, now := l.filter, l.now()
	left := b.due.Load() - now.UnixMicro()
	if left > 0 && left <= fresh.Microseconds() || !b.mu.TryLock() { // more is a clock that was set back
		return nil
	}
	defer b.mu.Unlock()
	since := []any{b.newest - overlap.Microseconds()}
	err := db.Query(ctx, l.db.Read, `SELECT about, id, at FROM label_label WHERE at >= $1`, since, func(rows *sql.Rows) error {
		var about, id string
		var at int64
		if err := rows.Scan(&about, &id, &at); err != nil {
			return err
		}
		b.Add(about, id)
		b.newest = max(b.newest, at)
		return nil
	})
	if err != nil {
		return err
	}
	b.ready.Store(true)
	b.due.Store(now.Add(fresh).UnixMicro())
	return nil
}
