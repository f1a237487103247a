package contact

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/internal/bloom"
	"github.com/breakwater-project/breakwater/internal/db"
)

// known is everybody who has ever decided about anybody. Most have not, and
// need not be looked up. It is kept by who decides, never by about whom: a
// question about a blocked account takes the same way as about any other.
type known struct {
	*bloom.Filter

	mu     sync.Mutex // of the refresh
	ready  atomic.Bool
	due    atomic.Int64 // microseconds: when to look for others' changes again
	newest int64        // microseconds: the youngest change seen
}

const (
	// fresh bounds how long another instance's change may go unseen.
	fresh = time.Second
	// overlap is how far back a refresh looks again: a change may become
	// visible later than its time says.
	overlap = time.Minute
)

func newKnown() *known { return &known{Filter: bloom.New()} }

// deciders are those of ids who may have decided about anybody, with where
// they stand among ids.
func (b *Blocks) deciders(ctx context.Context, ids []string) (map[string][]int, error) {
	if err := b.refresh(ctx); err != nil {
		return nil, fmt.Errorf("contact: refresh: %w", err)
	}
	var ask map[string][]int
	ready := b.known.ready.Load()
	for i, id := range ids {
		if ready && !b.known.May(id) {
			continue
		}
		if ask == nil {
			ask = map[string][]int{}
		}
		ask[id] = append(ask[id], i)
	}
	return ask, nil
}

// refresh reads who has decided since the last time, if it is time for that and
// nobody else does. Until the first time has succeeded, everybody may have.
func (b *Blocks) refresh(ctx context.Context) error {
	k, now := b.known, b.now()
	left := k.due.Load() - now.UnixMicro()
	if left > 0 && left <= fresh.Microseconds() || !k.mu.TryLock() { // more is a clock that was set back
		return nil
	}
	defer k.mu.Unlock()
	since := []any{k.newest - overlap.Microseconds()}
	err := db.Query(ctx, b.db.Read, `SELECT account, at FROM contact_account WHERE at >= $1`, since, func(rows *sql.Rows) error {
		var id string
		var at int64
		if err := rows.Scan(&id, &at); err != nil {
			return err
		}
		k.Add(id)
		k.newest = max(k.newest, at)
		return nil
	})
	if err != nil {
		return err
	}
	k.ready.Store(true)
	k.due.Store(now.Add(fresh).UnixMicro())
	return nil
}
