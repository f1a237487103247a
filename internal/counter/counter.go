// Package counter counts different things in windows of time: how many
// children an account wrote to within a day, how many senders a child had
// within an hour. It knows nothing of what its names mean.
//
// A count belongs to a counter and an owner, and is of elements, each of which
// counts once. All three are names that are kept as keyed digests only: nobody
// can choose names that collide, and neither memory nor Redis nor a snapshot
// shows whose counts they are.
//
// Adding is idempotent and needs no order: of an element the latest time is
// kept. So a count may be rebuilt from a log that overlaps with what is known
// already, and an event that comes twice counts once.
//
// A count is exact while it has at most [Exact] elements, and always for the
// newest of them. Further back it is estimated from HyperLogLog sketches of
// hours and days: see [Memory] and [Redis] for the error.
package counter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// Add is one element for one count.
type Add struct {
	Counter string // name of the counter; a few dozen in all
	Owner   string // whose count it is
	Element string // what is counted, once
	// At is when, to the second. What is further ahead than Ahead of the
	// store's clock counts as that far ahead.
	At time.Time
	// Keep is the longest window that is read of this counter, at most MaxKeep.
	Keep time.Duration
}

// Read asks for the number of elements whose time is in (At-Window, At], to
// the second.
type Read struct {
	Counter, Owner string
	Window         time.Duration // above 0, at most MaxKeep
	At             time.Time
}

// Store keeps counts. It is safe for concurrent use.
type Store interface {
	// Count takes in the adds and then answers the reads, in their order. What
	// was never added to is 0. After an error the adds may be in or not: they
	// may be given again at any time.
	Count(ctx context.Context, adds []Add, reads []Read) ([]float64, error)
	// Forget removes every count of that owner at once and, within [Sweep], the
	// owner as an element of other counts, but for what only a sketch knows of.
	Forget(ctx context.Context, owner string) error
	// Close ends what the store does by itself.
	Close() error
}

// Bounds of every store.
const (
	// Exact is how many elements a count may have and be exact throughout.
	Exact = 255
	// MaxKeep is the longest window.
	MaxKeep = 366 * 24 * time.Hour
	// Ahead is how far ahead of the store's clock an element's time may be: as
	// far as an event's.
	Ahead = event.MaxSkew
	// Late is how long after Keep an element still counts, in windows that end
	// in the past, for events that come late.
	Late = time.Hour
	// MaxCounters is how many counters a store may know.
	MaxCounters = 1<<16 - 1
	// Sweep is how long it takes until what has expired is gone.
	Sweep = 10 * time.Minute
)

// Errors of stores.
var (
	ErrClosed = errors.New("counter: closed")
	ErrAway   = errors.New("counter: Redis does not answer")
)

// Sketches are of hours for windows up to longHourly, of days for longer ones.
// All in seconds.
const (
	hour       = 3600
	day        = 24 * hour
	longHourly = 48 * hour
	heldHourly = longHourly + uint32(Late/time.Second)
)

// seconds is d in whole seconds, up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// instant is t as a store keeps it: seconds since 1970, no further ahead of
// now than may be.
func instant(t, now time.Time) uint32 {
	at := min(t.Unix(), now.Unix()+seconds(Ahead))
	return uint32(max(at, 0))
}

// hold is for how many seconds what is kept for keep is held.
func hold(keep time.Duration) (uint32, error) {
	if keep <= 0 || keep > MaxKeep {
		return 0, fmt.Errorf("counter: %s cannot be kept for: above 0, at most %s", keep, MaxKeep)
	}
	return uint32(seconds(keep + Late)), nil
}

// span is the window of a read as (from, to].
func (r *Read) span(now time.Time) (from, to uint32, err error) {
	if r.Window <= 0 || r.Window > MaxKeep {
		return 0, 0, fmt.Errorf("counter: %s cannot be a window: above 0, at most %s", r.Window, MaxKeep)
	}
	to = instant(r.At, now)
	return uint32(max(int64(to)-seconds(r.Window), 0)), to, nil
}
