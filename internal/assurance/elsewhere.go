package assurance

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance/provider"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet"
)

// Elsewhere is a check that a provider makes.
type Elsewhere struct {
	Provider provider.Configured
	Of       Method
	Level    agetoken.Class
}

// NewElsewhere are the checks of a provider, one for each of its methods.
func NewElsewhere(p provider.Configured) ([]Check, error) {
	level, err := parseClass(p.Level)
	if err != nil {
		return nil, err
	}
	var checks []Check
	for _, m := range p.Methods {
		if !Method(m).known() {
			return nil, fmt.Errorf("method %q is unknown", m)
		}
		checks = append(checks, &Elsewhere{Provider: p, Of: Method(m), Level: level})
	}
	return checks, nil
}

// Method is what it does.
func (e *Elsewhere) Method() Method { return e.Of }

// Closed is nil: whether a provider answers is found out by asking it.
func (e *Elsewhere) Closed(time.Time) error { return nil }

// ErrNoProvider means that there is no provider of that name.
var ErrNoProvider = errors.New("assurance: no such provider")

// elsewhere finds a provider's check: for a method, or the first.
func (a *Assurance) elsewhere(name string, of provider.Method) (*Elsewhere, error) {
	for _, c := range a.opt.Checks {
		if e, ok := c.(*Elsewhere); ok && e.Provider.Name == name && (of == "" || e.Of == Method(of)) {
			return e, nil
		}
	}
	return nil, ErrNoProvider
}

// kindElsewhere is a request to a provider. Its id is the provider's name and
// the reference that the answer comes back with, its own or the provider's.
const kindElsewhere = "elsewhere"

func requestID(name, reference string) string { return name + ":" + reference }

// Leave makes the address to which a person leaves for a provider. Of a
// FlowPage session the browser must have its secret. The errors are those of
// Ask, ErrNotBound, ErrNoProvider and those of provider.Remote.Begin.
func (a *Assurance) Leave(ctx context.Context, session, name, browser string) (address string, err error) {
	s, err := a.Session(ctx, session)
	if err != nil {
		return "", err
	}
	e, err := a.elsewhere(name, "")
	switch {
	case err != nil:
		return "", err
	case s.State != StateOpen:
		return "", ErrEnded
	case s.Flow == FlowPage && !s.BoundTo(browser):
		return "", ErrNotBound
	case !slices.ContainsFunc(a.Offered(&s.Profile), func(c Check) bool { o, ok := c.(*Elsewhere); return ok && o.Provider.Name == name }):
		return "", ErrNoProvider
	}
	r := request{session: s.ID, kind: kindElsewhere, seed: make([]byte, 32), expires: s.Expires}
	rand.Read(r.seed) // never fails
	ask, err := a.askOf(&s, &r, name, randomID())
	if err != nil {
		return "", err
	}
	link, err := e.Provider.Remote.Begin(ctx, ask)
	if err != nil {
		return "", fmt.Errorf("assurance: leave: %w", err)
	}
	r.id = requestID(name, link.Reference)
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := a.openSession(ctx, tx, s.ID); err != nil {
			return err
		}
		return a.writeRequest(ctx, tx, &r)
	})
	if err != nil {
		return "", fmt.Errorf("assurance: leave: %w", err)
	}
	return link.URL, nil
}

// askOf is what a provider is asked for a session.
func (a *Assurance) askOf(s *Session, r *request, name, reference string) (provider.Ask, error) {
	nonce, err := wallet.Derive(a.opt.Secret[:], r.seed, "nonce", 32)
	if err != nil {
		return provider.Ask{}, err
	}
	ask := provider.Ask{
		Reference: reference, Nonce: base64url(nonce), Over: s.Profile.Over, ChallengeAge: s.Profile.ChallengeAge,
		ReturnURL: a.opt.URL() + "/age/" + s.ID + "/back/" + name, NotifyURL: a.opt.URL() + "/v1/age/webhooks/" + name,
	}
	if len(s.Profile.Jurisdictions) > 0 {
		ask.Jurisdiction = s.Profile.Jurisdictions[0]
	}
	return ask, nil
}

// Heard takes what a provider says, at its webhook or by the person's browser.
// Of several answers to a request the first counts. The errors are
// ErrNoProvider, those of provider.Remote.Read, ErrNoRequest, ErrAnswered,
// ErrNoSession and ErrEnded.
func (a *Assurance) Heard(ctx context.Context, name string, m provider.Message) (out Answered, err error) {
	e, err := a.elsewhere(name, "")
	if err != nil {
		return Answered{}, err
	}
	var r request
	answer, err := e.Provider.Remote.Read(ctx, m, func(reference string) (provider.Ask, error) {
		s, open, err := a.openRequest(ctx, requestID(name, reference))
		if err != nil {
			return provider.Ask{}, err
		}
		r = open
		return a.askOf(&s, &open, name, reference)
	}, a.opt.Now())
	if err != nil {
		return Answered{}, fmt.Errorf("assurance: heard: %w", err)
	}
	var account string
	err = a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		s, err := a.openSession(ctx, tx, r.session)
		if err != nil {
			return err
		}
		if err := takeRequest(ctx, tx, r.id, a.opt.Now()); err != nil {
			return err
		}
		account = s.Account
		return a.settleHeard(ctx, tx, &s, &r, name, answer, &out)
	})
	if err != nil {
		return Answered{}, fmt.Errorf("assurance: heard: %w", err)
	}
	if account != "" {
		a.opt.Accounts.Forget(account)
	}
	return out, nil
}

// settleHeard lets one answer of a provider count: at once, or when the browser that
// it came by is known to be the one that began.
func (a *Assurance) settleHeard(ctx context.Context, tx *sql.Tx, s *Session, r *request, name string, answer provider.Answer, out *Answered) (err error) {
	e, err := a.elsewhere(name, answer.Method)
	switch {
	case err != nil || answer.Result == provider.Undecided: // or by a method that was not agreed on
		out.Verdict = Undecided
		if err := attempt(ctx, tx, s.ID); err != nil {
			return err
		}
		return a.count(ctx, tx, s.Profile.ID, string(answer.Method), string(Undecided))
	case e.Provider.Returns && s.Flow != FlowCrossDevice:
		out.Return, err = a.keep(ctx, tx, s, r, wallet.Finding{Document: elsewhereFinding + name, Reached: answer.Result == provider.Over})
		return err
	}
	out.Verdict, err = a.accept(ctx, tx, s, e.result(answer))
	return err
}

// elsewhereFinding begins the name under which a provider's answer is kept
// until the browser is back. Such providers tell yes or no by one method.
const elsewhereFinding = "elsewhere/"

// kept is a finding that was kept, as a result.
func (a *Assurance) kept(p *Profile, f wallet.Finding) (Result, error) {
	name, is := strings.CutPrefix(f.Document, elsewhereFinding)
	if !is {
		return a.result(p, f), nil
	}
	e, err := a.elsewhere(name, "")
	if err != nil {
		return Result{}, err
	}
	answer := provider.Answer{Result: provider.Under, Age: p.Over, Method: provider.Method(e.Of), CheckedOn: a.opt.Now()}
	if f.Reached {
		answer.Result = provider.Over
		if answer.Method == provider.AgeKey { // as provider.OIDC says
			answer.Estimated, answer.Age = true, p.ChallengeAge
		}
	}
	return e.result(answer), nil
}

// result is what a provider's answer says. An estimate that cleared the
// challenge age is as sure as an estimate must be; whether the provider's
// estimates are, evidence says (Options.Practice).
func (e *Elsewhere) result(answer provider.Answer) Result {
	r := Result{
		Ages: age.Interval{From: answer.Age, To: event.MaxAge}, Basis: event.BasisVerified, Method: e.Of, Provider: e.Provider.Name,
		Level: e.Level, Confidence: 1, Integrity: HMAC, CheckedOn: answer.CheckedOn, Expires: answer.ExpiresOn,
	}
	if answer.Result == provider.Under {
		r.Ages = age.Interval{From: 0, To: answer.Age}
	}
	if answer.Estimated {
		r.Basis, r.Confidence = event.BasisEstimated, age.HighlyEffective
	}
	if e.Provider.Signed {
		r.Integrity = Signed
	}
	return r
}
