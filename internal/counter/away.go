package counter

import (
	"context"
	"crypto/sha1" //nolint:gosec // how Redis names scripts
	"encoding/hex"
	"log/slog"
	"time"
)

// How a Redis that does not answer is waited for.
const (
	firstPause = 50 * time.Millisecond
	longPause  = 2 * time.Second
	replayed   = 500 // adds at once
)

// kept is an add by its digests.
type kept struct {
	key, element string
	at, hold     uint32
}

// queue is adds in their order, the oldest of which go when there are too many.
type queue struct {
	most  int
	adds  []kept
	first int // in adds
	taken int // ever
}

func (q *queue) len() int { return len(q.adds) - q.first }

// put reports how many had to go.
func (q *queue) put(adds []kept) (gone int) {
	q.adds = append(q.adds, adds...)
	if gone = max(q.len()-q.most, 0); gone > 0 {
		q.drop(gone)
	}
	return gone
}

// drop removes the oldest n.
func (q *queue) drop(n int) {
	clear(q.adds[q.first : q.first+n])
	q.first += n
	q.taken += n
	if q.first > len(q.adds)/2 {
		q.adds = append([]kept(nil), q.adds[q.first:]...)
		q.first = 0
	}
}

// oldest is a copy of the first n, and where they end.
func (q *queue) oldest(n int) (adds []kept, until int) {
	n = min(n, q.len())
	return append([]kept(nil), q.adds[q.first:q.first+n]...), q.taken + n
}

// dropUntil removes what oldest gave, but for what went meanwhile.
func (q *queue) dropUntil(until int) { q.drop(min(max(until-q.taken, 0), q.len())) }

// keep keeps the adds of calls. mu is held.
func (r *Redis) keep(calls []*call) {
	for _, c := range calls {
		r.o.Metrics.lost(r.kept.put(c.adds))
	}
	r.o.Metrics.keeping(r.kept.len())
}

// lose keeps what could not be added, and takes Redis to be away.
func (r *Redis) lose(calls []*call, err error) {
	r.mu.Lock()
	r.keep(calls)
	r.mu.Unlock()
	r.leave(err)
}

// leave takes Redis to be away until it is back.
func (r *Redis) leave(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.o.Metrics.failed()
	if r.away || r.ctx.Err() != nil {
		return
	}
	r.away = true
	r.o.Metrics.away(true)
	r.o.Log.Warn("Redis does not answer: counts are missing until it does", slog.Any("error", err))
	r.running.Go(r.wait)
}

// wait waits until Redis is back and has what was kept.
func (r *Redis) wait() {
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		select {
		case <-r.ctx.Done():
			return
		case <-time.After(pause):
		}
		if r.back() {
			r.o.Log.Info("Redis answers again", slog.Duration("after", time.Since(began)))
			return
		}
	}
}

// back brings what was kept to Redis, and reports whether all is there.
func (r *Redis) back() bool {
	r.mu.Lock()
	client := r.client
	r.mu.Unlock()
	if client == nil {
		return r.connect() == nil && r.back()
	}
	if err := r.within(func(ctx context.Context) error { return client.Do(ctx, client.B().Ping().Build()).Error() }); err != nil {
		return false
	}
	for {
		r.mu.Lock()
		adds, until := r.kept.oldest(replayed)
		if len(adds) == 0 {
			r.away = false
			r.o.Metrics.away(false)
			r.mu.Unlock()
			return true
		}
		r.mu.Unlock()
		err := r.within(func(ctx context.Context) error {
			return run(ctx, client, together(adds), nil, r.o.Now(), nil)
		})
		if err != nil && !hopeless(err) {
			return false
		}
		r.mu.Lock()
		r.kept.dropUntil(until)
		r.o.Metrics.keeping(r.kept.len())
		r.mu.Unlock()
	}
}

// within calls f with the time of a call.
func (r *Redis) within(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.o.Timeout)
	defer cancel()
	return f(ctx)
}

// together sorts adds by count.
func together(adds []kept) []*call {
	var calls []*call
	byKey := map[string]*call{}
	for _, a := range adds {
		c := byKey[a.key]
		if c == nil {
			c = &call{key: a.key}
			byKey[a.key] = c
			calls = append(calls, c)
		}
		c.hold = max(c.hold, a.hold)
		c.adds = append(c.adds, a)
	}
	return calls
}

func sha1Of(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // how Redis names scripts
	return hex.EncodeToString(sum[:])
}
