package assurance

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

const (
	// sessionLife is for how long a person may try.
	sessionLife = 30 * time.Minute
	// maxAttempts is how many answers may leave a session undecided, or be
	// refused, before it ends.
	maxAttempts = 5
)

// Flow is what binds a wallet's answer to the person who began: without it,
// somebody could be talked into answering for another's account.
type Flow string

// The flows.
const (
	// FlowPage: our page knows the browser by a cookie.
	FlowPage Flow = "page"
	// FlowPlatform: the platform's own page takes the code that the wallet
	// sends the browser back with, and completes the session.
	FlowPlatform Flow = "platform"
	// FlowCrossDevice: nothing does. For codes that are shown on one device and
	// scanned by another.
	FlowCrossDevice Flow = "cross_device"
)

// State is how far a session is.
type State string

// The states. All but StateOpen are ends.
const (
	StateOpen   State = "open"
	StatePassed State = "passed"
	StateUnder  State = "under"
	StateEnded  State = "ended" // too many attempts
)

// Errors of sessions.
var (
	// ErrNoSession means that there is none, or none any more.
	ErrNoSession = errors.New("assurance: no such session")
	// ErrEnded means that the session has its end already.
	ErrEnded = errors.New("assurance: the session has ended")
	// ErrNoProfile means that there is no profile of that name.
	ErrNoProfile = errors.New("assurance: no such profile")
	// ErrNotBound means that somebody else than the one who began came back.
	ErrNotBound = errors.New("assurance: not from the browser that began")
)

// Session is one check that somebody was asked for.
type Session struct {
	ID        string
	Account   string // empty: nobody's, or the session has passed
	Profile   Profile
	Flow      Flow
	ReturnURL string
	Tokens    int // to be granted when it succeeds
	State     State
	Class     agetoken.Class // how well the age was assured, once it was
	Attempts  int
	Expires   time.Time

	browser string // digest of its secret; empty: none came yet
}

// Ask is what a platform asks for.
type Ask struct {
	Account   string
	Profile   string
	Flow      Flow
	ReturnURL string
	Tokens    int
}

// Begin opens a session. A new one for an account takes the place of the one
// that is open. The errors are ErrNoProfile and ErrFewMethods.
func (a *Assurance) Begin(ctx context.Context, ask Ask) (Session, error) {
	p, ok := a.Profile(ask.Profile)
	if !ok {
		return Session{}, ErrNoProfile
	}
	if err := a.Ready(&p); err != nil {
		return Session{}, err
	}
	s := Session{
		ID: randomID(), Account: ask.Account, Profile: p, Flow: ask.Flow, ReturnURL: ask.ReturnURL,
		Tokens: ask.Tokens, State: StateOpen, Expires: a.opt.Now().Add(sessionLife).UTC().Truncate(time.Microsecond),
	}
	err := a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := replaceSession(ctx, tx, s.Account); err != nil {
			return err
		}
		if err := writeSession(ctx, tx, &s); err != nil {
			return err
		}
		return a.count(ctx, tx, p.ID, "", "begun")
	})
	if err != nil {
		return Session{}, fmt.Errorf("assurance: begin: %w", err)
	}
	return s, nil
}

// Session is the session as it is now, or ErrNoSession.
func (a *Assurance) Session(ctx context.Context, id string) (Session, error) {
	s, err := a.readSession(ctx, a.opt.DB.Read, id)
	if err != nil {
		return Session{}, fmt.Errorf("assurance: session: %w", err)
	}
	return s, nil
}

// Bind makes a browser the session's: the first one that opens its page gets a
// secret, to keep as a cookie; later it must present it. ErrNotBound says that
// the session is another browser's.
func (a *Assurance) Bind(ctx context.Context, id, presented string) (secret string, err error) {
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		s, err := a.openSession(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case s.browser == "":
			secret = randomID()
			_, err := tx.ExecContext(ctx, `UPDATE assurance_session SET browser = $2 WHERE id = $1`, id, digest(secret))
			return err
		case !s.BoundTo(presented):
			return ErrNotBound
		}
		secret = presented
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("assurance: bind: %w", err)
	}
	return secret, nil
}

// BoundTo reports whether a browser's secret is the session's.
func (s *Session) BoundTo(secret string) bool {
	return s.browser != "" && subtle.ConstantTimeCompare([]byte(s.browser), []byte(digest(secret))) == 1
}

// Collect takes the grant of a session that passed with tokens asked for, once.
// It is for the person's device: who calls must know that it is theirs.
// ErrNoGrant means that there is none, or it was taken.
func (a *Assurance) Collect(ctx context.Context, id string) (secret string, err error) {
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := a.opt.DB.Lock(ctx, tx, "assurance.session:"+id); err != nil {
			return err
		}
		s, err := a.readSession(ctx, tx, id)
		if err != nil {
			return err
		}
		if s.State != StatePassed || s.Tokens == 0 || s.Class < agetoken.Standard {
			return ErrNoGrant
		}
		if _, err := tx.ExecContext(ctx, `UPDATE assurance_session SET tokens = 0 WHERE id = $1`, id); err != nil {
			return err
		}
		secret, err = a.Grants.New(ctx, tx, s.Profile.Over, s.Class, s.Tokens)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("assurance: collect: %w", err)
	}
	return secret, nil
}

// openSession reads a session that can still be decided, and keeps others from
// deciding it until tx ends.
func (a *Assurance) openSession(ctx context.Context, tx *sql.Tx, id string) (Session, error) {
	if err := a.opt.DB.Lock(ctx, tx, "assurance.session:"+id); err != nil {
		return Session{}, err
	}
	s, err := a.readSession(ctx, tx, id)
	if err == nil && s.State != StateOpen {
		err = ErrEnded
	}
	return s, err
}

// settle writes what a verdict does to an open session.
func (a *Assurance) settle(ctx context.Context, tx *sql.Tx, s *Session, v Verdict, class agetoken.Class) error {
	if v == Undecided {
		return attempt(ctx, tx, s.ID)
	}
	return endSession(ctx, tx, s.ID, State(v), class)
}

// randomID is an unguessable name, of 192 bits.
func randomID() string {
	b := make([]byte, 24)
	rand.Read(b) // never fails
	return base64url(b)
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
