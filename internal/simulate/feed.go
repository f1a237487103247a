package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/breakwater-project/breakwater/client"
)

// Feed sends a world's events to a running server, at a pace that a person
// can follow.
type Feed struct {
	World  *World
	Client *client.Client
	// Rate is events a second, on average; 3 unless set.
	Rate float64
	// Wait waits between events; a timer unless set. It returns early, with
	// the context's error, when ctx is done.
	Wait func(ctx context.Context, d time.Duration) error
}

// Run tells the server of every account, then of what happens, as if it
// happened now. It returns nil once the world's days are over, and an error
// when the server refuses something or ctx is done.
func (f *Feed) Run(ctx context.Context) error {
	for i := range f.World.Accounts {
		a := &f.World.Accounts[i]
		err := f.Client.PutAccount(ctx, a.ID, client.Account{
			Created: a.Created, Country: a.Country, Region: a.Region, Locale: a.Language, Age: a.Age,
		})
		if err != nil {
			return fmt.Errorf("simulate: feed: account: %w", err)
		}
	}
	pace := newPace(f.World.opts.Seed, f.Rate)
	for ev := range f.World.Events(ctx) {
		ev.Time = time.Time{} // now
		if _, err := f.Client.Decide(ctx, ev); refused(err) || ctx.Err() != nil {
			return fmt.Errorf("simulate: feed: %s: %w", ev.Type, err)
		}
		if err := f.wait(ctx, pace.next()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// refused reports whether err says that the event itself is at fault. Whatever
// else keeps the server from answering is its own affair: the feed goes on.
func refused(err error) bool {
	var problem *client.Problem
	return errors.As(err, &problem) && problem.Status < 500 && problem.Status != 429
}

func (f *Feed) wait(ctx context.Context, d time.Duration) error {
	if f.Wait != nil {
		return f.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pace is how time passes between events: calm stretches, then a burst.
type pace struct {
	rnd   *rand.Rand
	mean  time.Duration
	left  int // events until the stretch is over
	burst bool
}

func newPace(seed uint64, rate float64) *pace {
	if rate <= 0 {
		rate = 3
	}
	return &pace{rnd: rand.New(rand.NewPCG(seed, 3)), mean: time.Duration(float64(time.Second) / rate)}
}

// next is the wait until the next event. Two thirds of the events come calmly,
// the others six times as fast; the factors keep the mean.
func (p *pace) next() time.Duration {
	if p.left == 0 {
		p.burst = !p.burst
		p.left = 6
		if !p.burst {
			p.left = 12
		}
	}
	p.left--
	// 2/3 × 18/13 + 1/3 × 3/13 = 1
	d := p.mean * 18 / 13
	if p.burst {
		d = p.mean * 3 / 13
	}
	return d/2 + time.Duration(p.rnd.Int64N(int64(d)))
}
