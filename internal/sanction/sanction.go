// Package sanction keeps what was done to accounts because of decisions, and
// keeps it in bounds. Each entry of its ledger names its decision and its rule,
// ends by itself or waits for a person, and can be undone, which gives back
// everything that followed from it.
//
// What is in force stands as labels on the account (restricted.<feature>,
// friction, demonetised, suspended), so that rules hold to it. Strikes add up
// and fade; a ladder says what follows, softer for whoever may be a child.
//
// Restraint is the other half: a rule that suddenly sanctions far more accounts
// than on a usual day has its sanctions wait for a person, while outcomes,
// reviews, preserved evidence and urgent pages stay in force.
package sanction

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/label"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "sanction", FS: migrations} }

// Kind is what was done.
type Kind string

// The kinds. A notice tells, friction has the account's messages confirmed
// first; a suspension is a proposal until a person confirms it.
const (
	Strike         Kind = "strike"
	Notice         Kind = "notice"
	Friction       Kind = "friction"
	Restriction    Kind = "restriction"
	Demonetisation Kind = "demonetisation"
	Suspension     Kind = "suspension"
)

// State says whether an entry holds.
type State string

// The states.
const (
	InForce  State = "in_force"
	Proposed State = "proposed" // a suspension that no person has confirmed
	Ended    State = "ended"
	Undone   State = "undone"
)

// Entry is one line of the ledger.
type Entry struct {
	ID       string
	Account  string
	Kind     Kind
	Decision string
	Rule     string
	Content  string    // demonetisation of a piece of content: its id
	Feature  string    // restriction: of what
	Points   int       // strike: its weight; step of the ladder: from how many points on
	Because  string    // step of the ladder: the strike that led to it
	At       time.Time // in microseconds, as all times
	Halves   time.Time // strike: from when on it weighs half
	Until    time.Time // zero: it has no end of its own

	Confirmed time.Time // suspension: zero until a person has confirmed it
	Confirmer string
	Undone    time.Time // zero: it was not
	Undoer    string
	Why       string // of the undoing, or of the confirmation
}

// State is the entry's at a time.
func (e *Entry) State(now time.Time) State {
	switch {
	case !e.Undone.IsZero():
		return Undone
	case !e.Until.IsZero() && !now.Before(e.Until):
		return Ended
	case e.Kind == Suspension && e.Confirmed.IsZero():
		return Proposed
	}
	return InForce
}

// weight is what a strike weighs at a time: in full at first, then half, then
// nothing.
func (e *Entry) weight(at time.Time) float64 {
	switch {
	case at.Before(e.At) || !at.Before(e.Until):
		return 0
	case at.Before(e.Halves):
		return float64(e.Points)
	}
	return float64(e.Points) / 2
}

// points is what strikes weigh together at a time.
func points(strikes []Entry, at time.Time) (sum float64) {
	for i := range strikes {
		sum += strikes[i].weight(at)
	}
	return sum
}

// mark is the label by which rules see the entry; none where nothing is to be seen.
func (e *Entry) mark() (label.Label, bool) {
	l := label.Label{Account: e.Account, Source: "sanction:" + e.ID, Expires: e.Until}
	switch e.Kind {
	case Friction:
		l.Kind = "friction"
	case Restriction:
		l.Kind = "restricted." + e.Feature
	case Demonetisation:
		l.Kind = "demonetised"
		if e.Content != "" {
			l.Account, l.Content = "", e.Content
		}
	case Suspension:
		l.Kind = "suspended"
		return l, !e.Confirmed.IsZero()
	default:
		return l, false
	}
	return l, true
}

// ErrNotFound is the answer where there is no such entry.
var ErrNotFound = errors.New("sanction: no such sanction")

// ErrNotProposed is the answer to a confirmation of what is not proposed.
var ErrNotProposed = errors.New("sanction: it is not proposed")

// Options of New; DB, Labels, Ladders, Key and Enqueue are required.
type Options struct {
	DB      *db.DB
	Labels  *label.Labels
	Ladders *Ladders
	Key     [32]byte // keys the marks by which accounts are counted
	// Longest is how long a restriction lasts at most that no person has
	// confirmed; default 30 days.
	Longest time.Duration
	// Keep is how long what has ended stays in the ledger; default a year.
	Keep  time.Duration
	Quota Quota
	// Enqueue asks in tx for a call of Work with the action's id.
	Enqueue func(ctx context.Context, tx *sql.Tx, action string) error
	Now     func() time.Time
	Metrics *Metrics     // nil counts nothing
	Log     *slog.Logger // nil logs nothing
}

func (o *Options) complete() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Longest <= 0 {
		o.Longest = 30 * 24 * time.Hour
	}
	if o.Keep <= 0 {
		o.Keep = 365 * 24 * time.Hour
	}
	o.Quota.complete()
}

// Sanctions is the ledger with its restraint, safe for concurrent use.
type Sanctions struct {
	opt       Options
	restraint restraint
}

// New is over the tables that Migrations makes. It reads what was counted today.
func New(ctx context.Context, o Options) (*Sanctions, error) {
	o.complete()
	s := &Sanctions{opt: o, restraint: newRestraint(o.Now())}
	if err := s.read(ctx); err != nil {
		return nil, fmt.Errorf("sanction: %w", err)
	}
	o.Metrics.holding(s)
	return s, nil
}

// lock keeps transactions that read and then write sums of an account apart.
// There is one lock for all accounts: sanctions are few.
func (s *Sanctions) lock(ctx context.Context, tx *sql.Tx) error {
	return s.opt.DB.Lock(ctx, tx, "sanction")
}

// Carry implements decide.Carrier.
func (s *Sanctions) Carry(ctx context.Context, tx *sql.Tx, c *decide.Consequence) error {
	if c.Effect.Waits != "" {
		return s.keepWaiting(ctx, tx, c)
	}
	if err := s.count(ctx, tx, c); err != nil {
		return fmt.Errorf("sanction: count: %w", err)
	}
	return s.carryOut(ctx, tx, c)
}

// carryOut puts into the ledger what is an account's to bear. A rule's labels
// stand already, and reports are others' to file.
func (s *Sanctions) carryOut(ctx context.Context, tx *sql.Tx, c *decide.Consequence) error {
	e := Entry{ID: entryID(c), Account: c.Account, Decision: c.Decision, Rule: c.Effect.Rule, At: c.At}
	switch c.Effect.Kind {
	case decision.Strike:
		e.Kind, e.Points = Strike, c.Effect.Points
		return s.strike(ctx, tx, &e, c.Youngest)
	case decision.Restrict:
		e.Kind, e.Feature, e.Until = Restriction, c.Effect.Feature, s.end(c)
	case decision.Demonetise:
		e.Kind, e.Until = Demonetisation, s.end(c)
		if c.Effect.Target == "content" {
			if c.Content == "" {
				return nil // nothing to remember it by
			}
			e.Content = c.Content
		}
	default:
		return nil
	}
	_, err := s.put(ctx, tx, &e)
	return err
}

// end is when what a rule did by itself is over.
func (s *Sanctions) end(c *decide.Consequence) time.Time {
	lasts := time.Duration(c.Effect.Hours) * time.Hour
	if lasts <= 0 || lasts > s.opt.Longest {
		lasts = s.opt.Longest
	}
	return c.At.Add(lasts)
}

// entryID is the same for the same effect of the same decision, so that doing
// it twice does it once.
func entryID(c *decide.Consequence) string {
	e := &c.Effect
	parts := []string{"s_" + strings.TrimPrefix(c.Decision, "d_"), string(e.Kind)}
	for _, part := range []string{e.Feature, e.Label, e.To} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if (e.Kind == decision.Demonetise || e.Kind == decision.Label) && e.Target == "content" {
		parts = append(parts, "content")
	}
	return strings.Join(parts, "-")
}

// put writes an entry and its label, and reports whether it is new.
func (s *Sanctions) put(ctx context.Context, tx *sql.Tx, e *Entry) (bool, error) {
	fresh, err := insert(ctx, tx, e)
	if err != nil || !fresh {
		return false, err
	}
	if l, ok := e.mark(); ok {
		if err := s.opt.Labels.PutTx(ctx, tx, l); err != nil {
			return false, err
		}
	}
	return true, nil
}

// strike puts a strike and takes the steps of the ladder that it leads to.
func (s *Sanctions) strike(ctx context.Context, tx *sql.Tx, e *Entry, youngest int) error {
	if err := s.lock(ctx, tx); err != nil {
		return err
	}
	ladder := s.opt.Ladders.of(youngest)
	e.Halves, e.Until = e.At.Add(ladder.counts), e.At.Add(ladder.fades)
	strikes, err := strikesOf(ctx, tx, e.Account)
	if err != nil {
		return err
	}
	recent := e.At.Add(-s.opt.Ladders.apart)
	if slices.ContainsFunc(strikes, func(old Entry) bool {
		return old.ID == e.ID || old.Rule == e.Rule && old.At.After(recent)
	}) {
		return nil
	}
	before := points(strikes, e.At)
	if fresh, err := s.put(ctx, tx, e); err != nil || !fresh {
		return err
	}
	for _, step := range ladder.between(before, points(append(strikes, *e), e.At)) {
		next := Entry{
			ID: e.ID + "." + step.name(), Account: e.Account, Kind: step.kind(), Decision: e.Decision, Rule: e.Rule,
			Feature: step.Feature, Points: step.Points, Because: e.ID, At: e.At,
		}
		if step.Hours > 0 {
			next.Until = e.At.Add(min(time.Duration(step.Hours)*time.Hour, s.opt.Longest))
		}
		if _, err := s.put(ctx, tx, &next); err != nil {
			return err
		}
	}
	return nil
}

// Undo takes one entry of an account back, with all that followed from it. One
// that is undone already stays as it is.
func (s *Sanctions) Undo(ctx context.Context, account, id, by, why string) (e Entry, err error) {
	err = s.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx); err != nil {
			return err
		}
		if e, err = find(ctx, tx, account, id); err != nil {
			return err
		}
		return s.undo(ctx, tx, &e, by, why)
	})
	if err != nil {
		return Entry{}, fmt.Errorf("sanction: undo: %w", err)
	}
	return e, nil
}

// undo needs the lock.
func (s *Sanctions) undo(ctx context.Context, tx *sql.Tx, e *Entry, by, why string) error {
	if !e.Undone.IsZero() {
		return nil
	}
	e.Undone, e.Undoer, e.Why = s.now(), by, why
	if err := update(ctx, tx, e); err != nil {
		return err
	}
	if l, ok := e.mark(); ok {
		l.Expires = e.Undone
		if err := s.opt.Labels.PutTx(ctx, tx, l); err != nil {
			return err
		}
	}
	if e.Kind != Strike {
		return nil
	}
	return s.stepDown(ctx, tx, e)
}

// stepDown undoes the steps that the strikes which are left would not have led
// to. One that has ended stays as it is.
func (s *Sanctions) stepDown(ctx context.Context, tx *sql.Tx, strike *Entry) error {
	strikes, err := strikesOf(ctx, tx, strike.Account)
	if err != nil {
		return err
	}
	steps, err := stepsOf(ctx, tx, strike.Account, s.now())
	if err != nil {
		return err
	}
	for i := range steps {
		if points(strikes, steps[i].At) >= float64(steps[i].Points) {
			continue
		}
		if err := s.undo(ctx, tx, &steps[i], strike.Undoer, strike.Why); err != nil {
			return err
		}
	}
	return nil
}

// Confirm is a person's yes to a proposed suspension, for so long.
func (s *Sanctions) Confirm(ctx context.Context, account, id, by, why string, lasts time.Duration) (e Entry, err error) {
	err = s.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx); err != nil {
			return err
		}
		if e, err = find(ctx, tx, account, id); err != nil {
			return err
		}
		now := s.now()
		if e.State(now) != Proposed {
			return ErrNotProposed
		}
		e.Confirmed, e.Confirmer, e.Why, e.Until = now, by, why, now.Add(lasts)
		if err := update(ctx, tx, &e); err != nil {
			return err
		}
		l, _ := e.mark()
		return s.opt.Labels.PutTx(ctx, tx, l)
	})
	if err != nil {
		return Entry{}, fmt.Errorf("sanction: confirm: %w", err)
	}
	return e, nil
}

// Erase removes what is known of an account, in the erasure's transaction.
func (s *Sanctions) Erase(ctx context.Context, tx *sql.Tx, account string) error {
	for _, text := range []string{
		`DELETE FROM sanction_entry WHERE account = $1`,
		`DELETE FROM sanction_waiting WHERE account = $1`,
	} {
		if _, err := tx.ExecContext(ctx, text, account); err != nil {
			return fmt.Errorf("sanction: erase: %w", err)
		}
	}
	return nil
}

func (s *Sanctions) now() time.Time { return s.opt.Now().UTC().Truncate(time.Microsecond) }
