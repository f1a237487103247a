package assurance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
)

// Ground is why somebody appeals against what is held of their age. There is no
// free text: people would write down who they are.
type Ground string

// The grounds.
const (
	GroundWrong     Ground = "wrong_result"    // a check got it wrong
	GroundNoMethod  Ground = "no_usable_way"   // none of the methods can be used
	GroundInferred  Ground = "wrong_inference" // behaviour was read wrongly
	GroundOtherUser Ground = "other_person"    // somebody else used the account
)

// AppealState is how far an appeal is.
type AppealState string

// The states of an appeal.
const (
	AppealOpen      AppealState = "open"
	AppealOver      AppealState = "over"      // upheld: the person has reached the age
	AppealUnder     AppealState = "under"     // the person has not
	AppealDismissed AppealState = "dismissed" // what was held stays
)

// Appeal asks a person to look at an age. Once decided it names no account.
type Appeal struct {
	ID      string
	Account string // empty once it was decided
	Profile string
	Ground  Ground
	State   AppealState
	Opened  time.Time // a day
	Decided time.Time // a day; zero while it is open
	By      string    // id of the key of the person who decided
}

// ErrNoAppeal means that there is none.
var ErrNoAppeal = errors.New("assurance: no such appeal")

// Appeal opens an appeal for an account. One that is open for the account and
// profile is given again. The error is ErrNoProfile.
func (a *Assurance) Appeal(ctx context.Context, account, profile string, ground Ground) (p Appeal, err error) {
	if _, ok := a.Profile(profile); !ok {
		return Appeal{}, ErrNoProfile
	}
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := a.opt.DB.Lock(ctx, tx, "assurance.appeal:"+account); err != nil {
			return err
		}
		p, err = scanAppeal(tx.QueryRowContext(ctx, selectAppeal+` WHERE account = $1 AND profile = $2 AND state = 'open'`, account, profile))
		if !errors.Is(err, ErrNoAppeal) {
			return err
		}
		p = Appeal{ID: randomID(), Account: account, Profile: profile, Ground: ground, State: AppealOpen, Opened: Day(a.opt.Now())}
		if err := writeAppeal(ctx, tx, &p); err != nil {
			return err
		}
		return a.count(ctx, tx, profile, string(Review), "appealed")
	})
	if err != nil {
		return Appeal{}, fmt.Errorf("assurance: appeal: %w", err)
	}
	return p, nil
}

// AppealSession opens an appeal for whoever has the session, as long as that is
// remembered. The errors are ErrNoSession and ErrEnded, if it has passed or is
// nobody's.
func (a *Assurance) AppealSession(ctx context.Context, session string, ground Ground) (Appeal, error) {
	s, err := a.Session(ctx, session)
	switch {
	case err != nil:
		return Appeal{}, err
	case s.Account == "":
		return Appeal{}, ErrEnded
	}
	return a.Appeal(ctx, s.Account, s.Profile.ID, ground)
}

// Decide is a person's decision of an appeal: AppealOver, AppealUnder or
// AppealDismissed. That somebody has reached the age takes the place of what
// was held against it, and restores what it closed (R30). The errors are
// ErrNoAppeal and ErrEnded, if it was decided before.
func (a *Assurance) Decide(ctx context.Context, id string, state AppealState, by string) (p Appeal, err error) {
	var account string
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := a.opt.DB.Lock(ctx, tx, "assurance.appeal.decide:"+id); err != nil {
			return err
		}
		p, err = scanAppeal(tx.QueryRowContext(ctx, selectAppeal+` WHERE id = $1`, id))
		switch {
		case err != nil:
			return err
		case p.State != AppealOpen:
			return ErrEnded
		}
		if err := a.carryOut(ctx, tx, &p, state); err != nil {
			return err
		}
		account = p.Account
		p.Account, p.State, p.Decided, p.By = "", state, Day(a.opt.Now()), by
		if err := decideAppeal(ctx, tx, &p); err != nil {
			return err
		}
		return a.count(ctx, tx, p.Profile, string(Review), string(state))
	})
	if err != nil {
		return Appeal{}, fmt.Errorf("assurance: decide: %w", err)
	}
	a.opt.Accounts.Forget(account)
	return p, nil
}

// carryOut writes what a decision says of the account's age.
func (a *Assurance) carryOut(ctx context.Context, tx *sql.Tx, p *Appeal, state AppealState) error {
	profile, ok := a.Profile(p.Profile)
	if !ok {
		return ErrNoProfile
	}
	r := Result{
		Basis: event.BasisVerified, Method: Review, Level: agetoken.Standard, Confidence: 1, Integrity: Signed, CheckedOn: a.opt.Now(),
	}
	switch state {
	case AppealOver:
		r.Ages = age.Interval{From: profile.Over, To: event.MaxAge}
		return a.opt.Accounts.Settle(ctx, tx, p.Account, r.signal(profile.until(&r)))
	case AppealUnder:
		r.Ages = age.Interval{From: 0, To: profile.Over}
		return a.opt.Accounts.Check(ctx, tx, p.Account, r.signal(profile.until(&r)))
	case AppealDismissed:
		return nil
	}
	return fmt.Errorf("assurance: no decision %q", state)
}

// Appeals are the open ones, the oldest first, at most limit.
func (a *Assurance) Appeals(ctx context.Context, limit int) ([]Appeal, error) {
	rows, err := a.opt.DB.Read.QueryContext(ctx, selectAppeal+` WHERE state = 'open' ORDER BY opened, id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("assurance: appeals: %w", err)
	}
	defer rows.Close()
	var all []Appeal
	for rows.Next() {
		p, err := scanAppeal(rows)
		if err != nil {
			return nil, fmt.Errorf("assurance: appeals: %w", err)
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("assurance: appeals: %w", err)
	}
	return all, nil
}

// AppealOf is one appeal, or ErrNoAppeal.
func (a *Assurance) AppealOf(ctx context.Context, id string) (Appeal, error) {
	return scanAppeal(a.opt.DB.Read.QueryRowContext(ctx, selectAppeal+` WHERE id = $1`, id))
}
