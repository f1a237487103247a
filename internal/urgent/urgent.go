// Package urgent is the lane for a risk to somebody's life. A decision with the
// effect urgent opens an entry in its own transaction; a pager is told at once,
// without content or names; and a clock pages again, more people too, until a
// person has acknowledged the entry and then resolved it.
package urgent

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/decide"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "urgent", FS: migrations} }

// State is how far an entry is.
type State string

// The states.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged" // a person is on it
	Resolved     State = "resolved"
)

// Outcome is how an entry ended.
type Outcome string

// The outcomes.
const (
	AuthorityTold Outcome = "authority_told"
	HelpArranged  Outcome = "help_arranged"
	NoDanger      Outcome = "no_danger"
	Mistaken      Outcome = "mistaken" // the rule saw what was not there
)

// Entry is one decision in the lane.
type Entry struct {
	ID       string
	Decision string
	Rule     string
	Kind     decision.Kind
	At       time.Time
	Due      time.Time // by when it must be acknowledged; once it is, resolved
	State    State
	Level    int       // how often it has been paged for
	Next     time.Time // when the clock pages again
	Paged    time.Time // when a pager last took a page; zero: none has

	Acknowledged time.Time
	Acknowledger string
	Resolved     time.Time
	Resolver     string
	Outcome      Outcome
}

// Overdue reports whether the entry should have been acted on by now.
func (e *Entry) Overdue(now time.Time) bool { return e.State != Resolved && !now.Before(e.Due) }

// Errors of the lane.
var (
	ErrNotFound = errors.New("urgent: no such entry")
	ErrResolved = errors.New("urgent: it is resolved")
)

// Options of New; DB and Enqueue are required.
type Options struct {
	DB *db.DB
	// Enqueue asks in tx for a call of Page with the job's arguments.
	Enqueue func(ctx context.Context, tx *sql.Tx, p Page) error
	// Pagers are told of every entry, Escalation of those that are overdue
	// besides. Nil is nobody.
	Pager, Escalation *Pager

	Acknowledge time.Duration // until a person is on it; default 15 minutes
	Resolve     time.Duration // from then on until it is resolved; default 4 hours
	Again       time.Duration // between the pages for what is overdue; default 5 minutes

	Now     func() time.Time
	Metrics *Metrics
	Log     *slog.Logger
}

func (o *Options) complete() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for d, otherwise := range map[*time.Duration]time.Duration{
		&o.Acknowledge: 15 * time.Minute, &o.Resolve: 4 * time.Hour, &o.Again: 5 * time.Minute,
	} {
		if *d <= 0 {
			*d = otherwise
		}
	}
}

// Lane is the urgent lane, safe for concurrent use.
type Lane struct{ opt Options }

// New is over the tables that Migrations makes.
func New(o Options) *Lane {
	o.complete()
	return &Lane{o}
}

func (l *Lane) now() time.Time { return l.opt.Now().UTC().Truncate(time.Microsecond) }

// Carry implements decide.Carrier: it opens an entry, once for a decision.
func (l *Lane) Carry(ctx context.Context, tx *sql.Tx, c *decide.Consequence) error {
	e := Entry{
		ID: "u_" + strings.TrimPrefix(c.Decision, "d_"), Decision: c.Decision, Rule: c.Effect.Rule, Kind: c.Kind,
		At: c.At, Due: c.At.Add(l.opt.Acknowledge), State: Open, Level: 1,
	}
	e.Next = e.Due
	fresh, err := insert(ctx, tx, &e)
	if err != nil {
		return fmt.Errorf("urgent: open: %w", err)
	}
	if !fresh {
		return nil
	}
	l.opt.Metrics.opened()
	if err := l.opt.Enqueue(ctx, tx, Page{e.ID, e.Level}); err != nil {
		return fmt.Errorf("urgent: open: %w", err)
	}
	return nil
}

// Tick is the clock: it pages again for everything that is overdue. A job does
// it every few seconds; after a time without the program, the first tick does.
func (l *Lane) Tick(ctx context.Context) error {
	for {
		n, err := l.tick(ctx)
		if err != nil {
			return fmt.Errorf("urgent: tick: %w", err)
		}
		if n < atOnce {
			return nil
		}
	}
}

// atOnce is how many entries one transaction of a tick takes.
const atOnce = 100

func (l *Lane) tick(ctx context.Context) (n int, err error) {
	err = l.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := l.lock(ctx, tx); err != nil {
			return err
		}
		now := l.now()
		overdue, err := entries(ctx, tx, `state <> 'resolved' AND next <= $1 ORDER BY next, id LIMIT $2`, now.UnixMicro(), atOnce)
		n = len(overdue)
		for i := 0; i < len(overdue) && err == nil; i++ {
			e := &overdue[i]
			e.Level, e.Next = e.Level+1, now.Add(l.opt.Again)
			if err = update(ctx, tx, e); err == nil {
				err = l.opt.Enqueue(ctx, tx, Page{e.ID, e.Level})
			}
			l.opt.Metrics.overdue()
			l.opt.Log.Error("an urgent decision is overdue", slog.String("urgent", e.ID), slog.String("decision", e.Decision),
				slog.String("state", string(e.State)), slog.Time("due", e.Due), slog.Int("page", e.Level))
		}
		return err
	})
	return n, err
}

// Acknowledge says that a person is on it, and will have resolved it within that
// time; 0, or more than is configured, is what is configured. The clock waits
// for that now. What is acknowledged already stays as it is.
func (l *Lane) Acknowledge(ctx context.Context, id, by string, within time.Duration) (Entry, error) {
	if within <= 0 || within > l.opt.Resolve {
		within = l.opt.Resolve
	}
	return l.change(ctx, id, func(e *Entry, now time.Time) error {
		switch e.State {
		case Acknowledged:
			return nil
		case Resolved:
			return ErrResolved
		default:
			e.State, e.Acknowledged, e.Acknowledger = Acknowledged, now, by
			e.Due = now.Add(within)
			e.Next = e.Due
			return nil
		}
	})
}

// Resolve says how it ended. Who resolves what nobody has acknowledged does both.
func (l *Lane) Resolve(ctx context.Context, id, by string, outcome Outcome) (Entry, error) {
	return l.change(ctx, id, func(e *Entry, now time.Time) error {
		switch {
		case e.State == Resolved && e.Outcome == outcome:
			return nil
		case e.State == Resolved:
			return ErrResolved
		case e.State == Open:
			e.Acknowledged, e.Acknowledger = now, by
		}
		e.State, e.Resolved, e.Resolver, e.Outcome = Resolved, now, by, outcome
		return nil
	})
}

// change changes one entry, unless f refuses.
func (l *Lane) change(ctx context.Context, id string, f func(*Entry, time.Time) error) (e Entry, err error) {
	err = l.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := l.lock(ctx, tx); err != nil {
			return err
		}
		found, err := entries(ctx, tx, `id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return ErrNotFound
		}
		e = found[0]
		if err := f(&e, l.now()); err != nil {
			return err
		}
		return update(ctx, tx, &e)
	})
	if err != nil {
		return Entry{}, fmt.Errorf("urgent: %w", err)
	}
	return e, nil
}

// lock keeps the clock and people apart. Entries are few: one lock is enough.
func (l *Lane) lock(ctx context.Context, tx *sql.Tx) error { return l.opt.DB.Lock(ctx, tx, "urgent") }
