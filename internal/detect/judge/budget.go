package judge

import (
	"sync"
	"time"
)

// budget bounds the questions of a minute and of a day, whatever happens.
type budget struct {
	perMinute, perDay int

	mu          sync.Mutex
	minute, day time.Time // that are counted
	inMinute    int
	inDay       int
}

// take takes one question, if there is one left.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(b.minute) {
		b.minute, b.inMinute = minute, 0
	}
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(b.day) {
		b.day, b.inDay = day, 0
	}
	if b.inMinute >= b.perMinute || b.inDay >= b.perDay {
		return false
	}
	b.inMinute++
	b.inDay++
	return true
}

// breaker leaves a server alone that is down, and tries it again with one
// question now and then.
type breaker struct {
	mu       sync.Mutex
	failures int       // in a row
	again    time.Time // when the next may be asked, once it has tripped
}

const (
	tripAfter = 5
	rest      = 30 * time.Second
)

// enter is whether a question may be asked now.
func (b *breaker) enter(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < tripAfter {
		return true
	}
	if now.Before(b.again) && b.again.Sub(now) <= rest { // more is a clock that was set back
		return false
	}
	b.again = now.Add(rest)
	return true
}

// left records how a question ended.
func (b *breaker) left(now time.Time, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answered {
		b.failures = 0
		return
	}
	if b.failures++; b.failures >= tripAfter {
		b.again = now.Add(rest)
	}
}
