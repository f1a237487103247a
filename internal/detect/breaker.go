package detect

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A breaker keeps a detector that hangs from taking the whole server with it. It bounds
// the calls that run, so that abandoned ones cannot pile up; and after tripAfter
// timeouts in a row it lets only one call through each retry interval, so that events
// do not wait for a deadline that will not be met.
type breaker struct {
	limit int64
	retry time.Duration

	running  atomic.Int64
	timeouts atomic.Int64 // in a row

	mu     sync.Mutex
	opened time.Time // when it tripped, or last let a probe through
}

// tripAfter is how many timeouts in a row open the breaker.
const tripAfter = 8

// enter admits a call, or says why not. Every admitted call ends with leave.
func (b *breaker) enter(now time.Time) (why string) {
	if b.timeouts.Load() >= tripAfter && !b.probe(now) {
		return "resting after timeouts"
	}
	if b.running.Add(1) > b.limit {
		b.running.Add(-1)
		return "too many calls running"
	}
	return ""
}

func (b *breaker) leave() { b.running.Add(-1) }

// probe reports whether it is time to try again; to one caller each interval. A clock
// set back does not put the next try off.
func (b *breaker) probe(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since := now.Sub(b.opened); since >= 0 && since < b.retry {
		return false
	}
	b.opened = now
	return true
}

func (b *breaker) answered() {
	if b.timeouts.Load() != 0 {
		b.timeouts.Store(0)
	}
}

// gaveUp records that ctx ended before the answer came, and says why. A caller that
// went away is not the detector's fault.
func (b *breaker) gaveUp(ctx context.Context, now time.Time) (why string) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return "canceled"
	}
	if b.timeouts.Add(1) == tripAfter {
		b.mu.Lock()
		b.opened = now
		b.mu.Unlock()
	}
	return whyTimeout
}
