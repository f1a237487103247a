package age

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
)

// Account is what is known of one account.
type Account struct {
	ID      string
	Created time.Time // zero: unknown
	Country string    // ISO 3166-1 alpha-2, or empty
	Region  string    // ISO 3166-2, or empty
	Locale  string    // BCP 47, or empty
	Signals []Signal  // one of each source, by source
}

// Known is the account's age at a time.
func (a *Account) Known(youngest event.Band, now time.Time) Known {
	return Merge(a.Signals, youngest, now)
}

// Errors of the accounts.
var (
	ErrNotFound = errors.New("age: no such account")
	// ErrRaise refuses a statement that would make an account older or more
	// certain than it is known to be.
	ErrRaise = errors.New("age: a platform's statement can't raise what is known")
)

// Options of the accounts.
type Options struct {
	Now      func() time.Time // default time.Now
	Youngest event.Band       // the youngest band the operator admits
	Cached   int              // accounts kept in memory; default 50,000
	// Fresh bounds how long another instance's change may go unseen; default 5 s.
	Fresh time.Duration
	// Erase is asked, in the transaction of Delete, to remove what other parts
	// keep of an account.
	Erase []func(ctx context.Context, tx *sql.Tx, account string) ([]Held, error)
}

// Held is something that an erasure leaves in place, and why.
type Held struct {
	What  string `json:"what" doc:"For example evidence"`
	Count int    `json:"count"`
	Why   string `json:"why" doc:"The ground for keeping it"`
}

// Accounts is the store of accounts, with the ones in use kept in memory. It
// is safe for concurrent use.
type Accounts struct {
	db    *db.DB
	read  *prepared
	opt   Options
	cache *lru.Cache[string, cached]
	// writes counts the accounts changed here: an account that was read before
	// a change and would be cached after it is not cached.
	writes atomic.Int64
}

// cached is an account, or that there is none, as of a time. It is immutable.
type cached struct {
	account Account
	exists  bool
	until   time.Time
}

// New is over the tables that Migrations makes.
func New(d *db.DB, opt Options) *Accounts {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Cached <= 0 {
		opt.Cached = 50_000
	}
	if opt.Fresh <= 0 {
		opt.Fresh = 5 * time.Second
	}
	cache, err := lru.New[string, cached](opt.Cached)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &Accounts{db: d, read: &prepared{db: d.Read}, opt: opt, cache: cache}
}

// Of reads the accounts that are known of the ids, each once; those that are
// not are not in the answer.
func (a *Accounts) Of(ctx context.Context, ids []string) (map[string]Account, error) {
	now, writes := a.opt.Now(), a.writes.Load()
	found := make(map[string]Account, len(ids))
	var missing []string
	for _, id := range ids {
		c, ok := a.cache.Get(id)
		left := c.until.Sub(now)
		switch {
		case !ok || left <= 0 || left > a.opt.Fresh: // more is a clock that was set back
			missing = append(missing, id)
		case c.exists:
			found[id] = c.copy()
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	read, err := readAccounts(ctx, a.read, missing)
	if err != nil {
		return nil, fmt.Errorf("age: accounts: %w", err)
	}
	for _, id := range missing {
		account, exists := read[id]
		c := cached{account, exists, now.Add(a.opt.Fresh)}
		if exists {
			found[id] = c.copy()
		}
		if a.writes.Load() == writes {
			a.cache.Add(id, c)
		}
	}
	return found, nil
}

// copy is the caller's own.
func (c *cached) copy() Account {
	account := c.account
	account.Signals = slices.Clone(account.Signals)
	return account
}

// forget makes the next read of an account see what was written.
func (a *Accounts) forget(id string) {
	a.writes.Add(1)
	a.cache.Remove(id)
}

// Get reads one account as it is stored, or ErrNotFound.
func (a *Accounts) Get(ctx context.Context, id string) (Account, error) {
	read, err := readAccounts(ctx, a.read, []string{id})
	if err != nil {
		return Account{}, fmt.Errorf("age: account: %w", err)
	}
	account, ok := read[id]
	if !ok {
		return Account{}, ErrNotFound
	}
	return account, nil
}

// Statement is what the platform says of an account.
type Statement struct {
	Created time.Time
	Country string
	Region  string
	Locale  string
	Age     *event.Age // nil leaves what is known as it is
}

// Put stores what the platform says of an account, in the place of all that
// it said before. Its first statement of an age is taken at the face value of
// its basis. A later one may only make the account younger or more doubtful,
// else it is ErrRaise, unless mayRaise.
func (a *Accounts) Put(ctx context.Context, id string, s Statement, mayRaise bool) (account Account, err error) {
	now := a.opt.Now()
	err = a.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := a.db.Lock(ctx, tx, "age.account:"+id); err != nil {
			return err
		}
		read, err := readAccounts(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		before := read[id]
		account = Account{id, s.Created, s.Country, s.Region, s.Locale, before.Signals}
		if err := writeAccount(ctx, tx, &account, now); err != nil {
			return err
		}
		if s.Age == nil || before.states(*s.Age) {
			return nil
		}
		signal := FromPlatform(*s.Age, now)
		account.Signals = withSignal(before.Signals, signal)
		if !mayRaise && len(before.Signals) > 0 && raises(before.Known(a.opt.Youngest, now), account.Known(a.opt.Youngest, now)) {
			return ErrRaise
		}
		return writeSignal(ctx, tx, id, &signal)
	})
	if err != nil {
		return Account{}, fmt.Errorf("age: put: %w", err)
	}
	a.forget(id)
	return account, nil
}

// states reports whether the platform said the same age of the account last,
// so that saying it again does not renew it.
func (a *Account) states(claim event.Age) bool {
	for i := range a.Signals {
		s := &a.Signals[i]
		if s.Source == Platform {
			return s.Interval == IntervalOf(claim.Band) && s.Basis == claim.Basis
		}
	}
	return false
}

// withSignal puts a signal in the place of the one of the same source.
func withSignal(signals []Signal, s Signal) []Signal {
	with := slices.DeleteFunc(slices.Clone(signals), func(other Signal) bool { return other.Source == s.Source })
	with = append(with, s)
	slices.SortFunc(with, bySource)
	return with
}

// raises reports whether after is older than before, or more certain.
func raises(before, after Known) bool {
	from, to := after.Interval.From, after.Interval.To
	return from > before.Interval.From ||
		from == before.Interval.From && to < before.Interval.To ||
		after.Proven && !before.Proven
}

// Delete erases an account, here and in every part that Options.Erase names,
// in one transaction. It returns what is held in spite of that. An account
// that is not known here is erased elsewhere all the same: others may know it.
func (a *Accounts) Delete(ctx context.Context, id string) (existed bool, held []Held, err error) {
	err = a.db.Tx(ctx, func(tx *sql.Tx) error {
		held = nil
		if existed, err = deleteAccount(ctx, tx, id); err != nil {
			return err
		}
		for _, erase := range a.opt.Erase {
			kept, err := erase(ctx, tx, id)
			if err != nil {
				return err
			}
			held = append(held, kept...)
		}
		return nil
	})
	if err != nil {
		return false, nil, fmt.Errorf("age: delete: %w", err)
	}
	a.forget(id)
	return existed, held, nil
}
