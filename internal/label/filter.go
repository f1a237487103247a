package label

import (
	"context"
	"database/sql"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

// filter is a Bloom filter of everything that has a label: nearly nothing
// has, and what is not in it need not be looked up. It is sure of what it
// denies only. With five million labels it errs for one in twenty-five.
type filter struct {
	seed maphash.Seed
	bits []atomic.Uint64

	mu     sync.Mutex // of the refresh
	ready  atomic.Bool
	due    atomic.Int64 // microseconds: when to look for others' labels again
	newest int64        // microseconds: the youngest label seen
}

const (
	filterBits = 1 << 25 // 4 MiB
	probes     = 4

	// fresh bounds how long another instance's label may go unseen.
	fresh = time.Second
	// overlap is how far back a refresh looks again: a label may become
	// visible later than its time says.
	overlap = time.Minute
)

func newFilter() *filter {
	return &filter{seed: maphash.MakeSeed(), bits: make([]atomic.Uint64, filterBits/64)}
}

// probe calls f with the places that stand for a subject, until it is false.
func (b *filter) probe(about, id string, f func(word, mask uint64) bool) bool {
	var h maphash.Hash
	h.SetSeed(b.seed)
	h.WriteString(about)
	h.WriteString(id)
	sum := h.Sum64()
	for range probes {
		bit := sum % filterBits
		if !f(bit/64, 1<<(bit%64)) {
			return false
		}
		sum = sum>>32*0x9e3779b97f4a7c15 + sum<<32 // other bits of the same sum
	}
	return true
}

func (b *filter) add(about, id string) {
	b.probe(about, id, func(word, mask uint64) bool {
		b.bits[word].Or(mask)
		return true
	})
}

// mayHave reports whether a subject may have labels.
func (b *filter) mayHave(about, id string) bool {
	return id != "" && (!b.ready.Load() || b.probe(about, id, func(word, mask uint64) bool {
		return b.bits[word].Load()&mask != 0
	}))
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
		b.add(about, id)
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
