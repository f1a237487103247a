// Package assurance finds out whether somebody has reached an age, and keeps
// nothing else of them.
//
// The platform opens a session for a profile, which is what a law asks for one
// purpose. The person chooses one of the methods that the session offers: a
// wallet on their device, a provider. Whatever the method, what it found is a
// Result, and Accept judges it by the profile: it becomes one statement about
// the account (internal/age merges it with the others), the session ends, and
// of the attempt a count is all that is kept.
//
// A session that was asked for tokens yields a Grant: leave to have
// single-use tokens issued (package token), which names neither account nor
// session, so that what the tokens open later can't be linked with the check.
//
// The wallet protocols are in package wallet, which keeps nothing at all.
package assurance

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance/page"
	"github.com/breakwater-project/breakwater/internal/assurance/practice"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet"
	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "assurance", FS: migrations} }

// Check is one configured way to check an age: wallet credentials of a kind
// and whom to trust for them, or a provider.
type Check interface {
	// Method is what it does.
	Method() Method
	// Closed says why it can't be used at a time (a stale trusted list, a
	// lapsed key), or nil. It must be quick, and asks nobody.
	Closed(now time.Time) error
}

// Options of the checks. DB and Accounts are required.
type Options struct {
	DB       *db.DB
	Accounts *age.Accounts
	Now      func() time.Time // time.Now unless set
	// URL is where wallets and browsers reach this server, without a slash at
	// the end. It is asked when it is needed: a server may learn its port late.
	URL func() string
	// Origins are web origins, besides that of URL, whose pages may ask wallets
	// by the Digital Credentials API: the platform's own.
	Origins []string
	// Signer signs requests to wallets; one of our own making unless set.
	Signer *wallet.Signer
	// Checks are all that are configured.
	Checks []Check
	// Practice is the registry of methods with the evidence for each; that which
	// is shipped unless set. A method without is not highly effective (R24).
	Practice *practice.Registry
	// Label tells whoever asks rules that an account has a label, or has it no
	// more, in the caller's transaction; nobody is told unless set.
	Label func(ctx context.Context, tx *sql.Tx, account, kind string, holds bool) error
	// Log is told when a method closes or opens again; nobody unless set.
	Log *slog.Logger
	// Secret keys what is derived for each request. It is not in the database.
	Secret [32]byte
}

// Assurance runs the checks. It is safe for concurrent use.
type Assurance struct {
	Grants *Grants

	opt      Options
	profiles []Profile
	pages    *page.Pages

	mu     sync.Mutex
	closed map[Check]string // the reason that was logged last
}

// New is over the tables that Migrations makes.
func New(o Options) (*Assurance, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	profiles, err := Profiles()
	if err != nil {
		return nil, err
	}
	if o.Practice == nil {
		if o.Practice, err = practice.Shipped(); err != nil {
			return nil, err
		}
	}
	pages, err := page.New()
	if err != nil {
		return nil, err
	}
	return &Assurance{Grants: NewGrants(o.Now), opt: o, profiles: profiles, pages: pages, closed: map[Check]string{}}, nil
}

// Profile is the profile of that id.
func (a *Assurance) Profile(id string) (Profile, bool) {
	i := slices.IndexFunc(a.profiles, func(p Profile) bool { return p.ID == id })
	if i < 0 {
		return Profile{}, false
	}
	return a.profiles[i], true
}

// Offered are the checks that a profile allows and that are open now, in the
// profile's order.
func (a *Assurance) Offered(p *Profile) []Check {
	now := a.opt.Now()
	var open []Check
	for _, m := range p.Methods {
		for _, c := range a.opt.Checks {
			if c.Method() == m && a.mayPass(p, m, now) && a.isOpen(c, now) {
				open = append(open, c)
			}
		}
	}
	return open
}

// mayPass reports whether a method can pass a profile: where that asks for a
// highly effective one, the method has evidence that it is (R24). People are not
// sent through a check that could decide nothing.
func (a *Assurance) mayPass(p *Profile, m Method, now time.Time) bool {
	return !p.HighlyEffective || a.opt.Practice.HighlyEffective(string(m), now)
}

// isOpen reports whether a check is open, and logs when that changes: whoever
// runs it would hear of a closed method from nobody else.
func (a *Assurance) isOpen(c Check, now time.Time) bool {
	err := c.Closed(now)
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.opt.Log != nil && a.closed[c] != reason {
		a.opt.Log.Warn("a method of age checks opened or closed", "method", c.Method(), "open", err == nil, "reason", reason)
		a.closed[c] = reason
	}
	return err == nil
}

// ErrFewMethods means that a profile has no two methods configured of which
// one needs no government ID, or none such open (R28).
var ErrFewMethods = errors.New("assurance: people need a choice of two methods that have evidence, one of them without government ID")

// Configured says whether people have a choice: two configured methods, one of
// them without government ID.
func (a *Assurance) Configured(p *Profile) error {
	methods, free, now := map[Method]bool{}, false, a.opt.Now()
	for _, c := range a.opt.Checks {
		if slices.Contains(p.Methods, c.Method()) && a.mayPass(p, c.Method(), now) {
			methods[c.Method()] = true
			free = free || !c.Method().GovernmentID()
		}
	}
	if len(methods) < 2 || !free {
		return ErrFewMethods
	}
	return nil
}

// Ready is Configured, and that one without government ID is open now.
func (a *Assurance) Ready(p *Profile) error {
	open := slices.ContainsFunc(a.Offered(p), func(c Check) bool { return !c.Method().GovernmentID() })
	if err := a.Configured(p); err != nil || open {
		return err
	}
	return ErrFewMethods
}

// Accept judges what a method found for an open session. What it says is
// merged into the session's account, and the session ends, unless nothing is
// decided: then another method may still say. The errors are ErrNoSession and
// ErrEnded.
func (a *Assurance) Accept(ctx context.Context, session string, r Result) (v Verdict, err error) {
	var account string
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		s, err := a.openSession(ctx, tx, session)
		if err != nil {
			return err
		}
		account = s.Account
		v, err = a.accept(ctx, tx, &s, r)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("assurance: accept: %w", err)
	}
	if account != "" {
		a.opt.Accounts.Forget(account)
	}
	return v, nil
}

// accept is Accept for a session that is open, within a transaction.
func (a *Assurance) accept(ctx context.Context, tx *sql.Tx, s *Session, r Result) (Verdict, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	a.weigh(&r)
	v, err := a.judge(ctx, tx, s, &r)
	if err != nil {
		return "", err
	}
	if !a.holds(&r, s.Profile.until(&r)) {
		v = Undecided
	}
	if s.Account != "" && v != Undecided {
		if err := a.tell(ctx, tx, s, r, v); err != nil {
			return "", err
		}
	}
	class := agetoken.ClassNone
	if v == Passed && r.HighlyEffective() {
		class = r.Level
	}
	if err := a.settle(ctx, tx, s, v, class); err != nil {
		return "", err
	}
	return v, a.count(ctx, tx, s.Profile.ID, string(r.Method), string(v))
}

// judge is the profile's verdict, in the light of what is known: an estimate
// does not outdo another that found the person to be under the age, or they
// would try until one errs.
func (a *Assurance) judge(ctx context.Context, tx *sql.Tx, s *Session, r *Result) (Verdict, error) {
	v := s.Profile.Judge(r)
	if v != Passed || r.Basis != event.BasisEstimated || s.Account == "" {
		return v, nil
	}
	account, err := a.opt.Accounts.Within(ctx, tx, s.Account)
	if err != nil {
		return "", err
	}
	for _, known := range account.Signals {
		lapsed := !known.Expires.IsZero() && !a.opt.Now().Before(known.Expires)
		if strings.HasPrefix(known.Source, checkSource) && known.Interval.To <= s.Profile.Over && !lapsed {
			return Undecided, nil
		}
	}
	return v, nil
}

// holds reports whether a result is of today or earlier and holds until later.
// A day ahead is today where the day begins earlier.
func (a *Assurance) holds(r *Result, until time.Time) bool {
	now := a.opt.Now()
	if Day(r.CheckedOn).After(Day(now)) {
		return Day(r.CheckedOn).Equal(Day(now).AddDate(0, 0, 1)) && until.After(now)
	}
	return until.After(now)
}

// tell merges a verdict into the session's account. What passes a profile that
// asks for no proof makes nobody older.
func (a *Assurance) tell(ctx context.Context, tx *sql.Tx, s *Session, r Result, v Verdict) error {
	r.Ages = s.Profile.keeps(&r, v)
	err := a.merge(ctx, tx, s.Account, &r, s.Profile.until(&r))
	if errors.Is(err, age.ErrRaise) {
		return nil
	}
	return err
}

// merge writes a result. A highly effective one that says how old somebody is
// at least clears the doubt that claims and behaviour raise (R33), and a
// verified age that of estimates; what others verified, or a guardian says,
// stands beside it.
func (a *Assurance) merge(ctx context.Context, tx *sql.Tx, account string, r *Result, until time.Time) error {
	signal := r.signal(until)
	switch {
	case !r.HighlyEffective():
		return a.opt.Accounts.Claim(ctx, tx, account, signal)
	case r.Ages.From == 0:
		return a.opt.Accounts.Check(ctx, tx, account, signal)
	}
	clears := []event.Basis{event.BasisNone, event.BasisDeclared, event.BasisInferred}
	if r.Basis == event.BasisVerified {
		clears = append(clears, event.BasisEstimated)
	}
	return a.opt.Accounts.Settle(ctx, tx, account, signal, clears...)
}

// weigh takes away the level of a method that nobody has evidence for. What a
// token stands for was weighed before it was issued.
func (a *Assurance) weigh(r *Result) {
	if r.Method != Token && r.Method != Review && !a.opt.Practice.HighlyEffective(string(r.Method), a.opt.Now()) {
		r.Level = agetoken.Asserted
	}
}

// lasting is for how long a statement holds that names no end.
const lasting = 365 * 24 * time.Hour

// ErrLapsed refuses a result that is of the future, or holds no more.
var ErrLapsed = errors.New("assurance: the result is of the future, or holds no more")

// Merge merges a result into an account without a session: what a token proves,
// a device or a store says, or a doubt. The errors are ErrLapsed, and
// age.ErrRaise for what proves nothing and would make the account older.
func (a *Assurance) Merge(ctx context.Context, account string, r Result) error {
	if err := r.check(); err != nil {
		return err
	}
	a.weigh(&r)
	until := Day(r.Expires)
	if until.IsZero() {
		until = Day(r.CheckedOn).Add(lasting)
	}
	if !a.holds(&r, until) {
		return ErrLapsed
	}
	err := a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		err := a.merge(ctx, tx, account, &r, until)
		if err != nil || r.Method == DeviceSignal || r.Method == StoreSignal { // their terms allow no statistic (R32)
			return err
		}
		return a.count(ctx, tx, "", string(r.Method), "merged")
	})
	if err != nil {
		return fmt.Errorf("assurance: merge: %w", err)
	}
	a.opt.Accounts.Forget(account)
	return nil
}
