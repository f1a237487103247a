package web

import (
	"context"

	"golang.org/x/time/rate"

	"github.com/breakwater-project/breakwater/internal/fault"
)

// Charge counts n events against the rate of the caller's key, in place of the
// one that every request counts for; an operation calls it once it knows n. The
// error is TooMany with the time after which n events have room. Public
// operations are not charged.
func Charge(ctx context.Context, n int) error {
	q := current(ctx)
	if q == nil || n <= 1 {
		return nil
	}
	return q.charge(n - 1)
}

func (q *request) charge(n int) error {
	if q.limiter == nil {
		return nil
	}
	now := q.route.api.options.Now()
	reservation := q.limiter.ReserveN(now, n)
	if !reservation.OK() {
		return fault.Newf(fault.TooMany, "A key may send at most %d events at once.", q.limiter.Burst())
	}
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		q.route.api.charged.WithLabelValues("true").Add(float64(n))
		return nil
	}
	reservation.CancelAt(now)
	q.route.api.charged.WithLabelValues("false").Add(float64(n))
	err := fault.Newf(fault.TooMany, "A key may send %d events a second.", int(q.limiter.Limit()))
	err.RetryAfter = wait
	return err
}

// limiter is the key's own. There are as many as keys in force were seen.
func (a *API) limiter(key string) *rate.Limiter {
	if l, ok := a.limits.Load(key); ok {
		return l.(*rate.Limiter)
	}
	l, _ := a.limits.LoadOrStore(key, rate.NewLimiter(rate.Limit(a.options.Rate), a.options.Burst))
	return l.(*rate.Limiter)
}
