package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance"
)

// Redeemer says what a token proves, once. It is safe for concurrent use.
type Redeemer struct {
	trust   *Trust
	ledger  *Ledger
	metrics *Metrics
}

// NewRedeemer accepts the tokens of whom trust names, and spends them in
// ledger.
func NewRedeemer(trust *Trust, ledger *Ledger, metrics *Metrics) *Redeemer {
	return &Redeemer{trust: trust, ledger: ledger, metrics: metrics}
}

// Want is what a token is asked for. The zero value takes every token that is
// kept for later.
type Want struct {
	Statement // at least: a token that says less is ErrWeak, and not spent
	// Context is empty or 32 bytes that the challenge had, of a session.
	Context []byte
	// Origins are the hosts that the challenge had.
	Origins []string
}

// ErrWeak means that a token says less than is wanted. It is not spent.
var ErrWeak = errors.New("token: it says less than is asked for")

// Proof is what a token has proven.
type Proof struct {
	Statement
	Issuer string    // its host
	Until  time.Time // when tokens of its key lapse
}

// Result is the proof as a statement about an account. It holds until the
// tokens of that key lapse: then another token says it again. What was assured
// to the class standard may have been an estimate, and counts as one.
func (p Proof) Result(now time.Time) assurance.Result {
	r := assurance.Result{
		Ages: age.Interval{From: p.Over, To: event.MaxAge}, Basis: event.BasisVerified,
		Method: assurance.Token, Provider: p.Issuer, Level: p.Class, Confidence: 1,
		Integrity: assurance.Signed, CheckedOn: now, Expires: p.Until,
	}
	if p.Class < agetoken.Enhanced {
		r.Basis, r.Confidence = event.BasisEstimated, age.HighlyEffective
	}
	return r
}

// Redeem verifies a token and spends it, durably. The errors are ErrWeak,
// agetoken.ErrSpent and those of agetoken.Verifier, which are the token's fault, and
// those of Ledger.Spend, which pass.
func (r *Redeemer) Redeem(ctx context.Context, t agetoken.Token, want Want) (Proof, error) {
	p, name, err := r.verify(ctx, t, want)
	if err == nil {
		err = r.ledger.Spend(ctx, name.Epoch, t.Nullifier())
	}
	if err != nil {
		if reason := reasonOf(err); reason != "" {
			r.metrics.refuse(reason)
		}
		return Proof{}, err
	}
	r.metrics.spent(name)
	return p, nil
}

func (r *Redeemer) verify(ctx context.Context, t agetoken.Token, want Want) (Proof, agetoken.KeyName, error) {
	trusted, err := r.trust.now(ctx)
	if err != nil {
		return Proof{}, agetoken.KeyName{}, err
	}
	i, known := trusted.byKey[t.KeyID]
	if !known {
		return Proof{}, agetoken.KeyName{}, fmt.Errorf("token: redeem: %w", agetoken.ErrKey)
	}
	by := trusted.all[i]
	challenge := by.challenge
	if len(want.Context) > 0 || len(want.Origins) > 0 {
		if challenge, err = agetoken.NewChallenge(by.host, want.Context, want.Origins...); err != nil {
			return Proof{}, agetoken.KeyName{}, err
		}
	}
	name, err := by.verifier.VerifyAnswer(challenge, t)
	if err != nil {
		return Proof{}, agetoken.KeyName{}, fmt.Errorf("token: redeem: %w", err)
	}
	if name.Over < want.Over || name.Class < want.Class {
		return Proof{}, agetoken.KeyName{}, ErrWeak
	}
	return Proof{Statement{name.Over, name.Class}, by.host, name.Epoch.Lapse()}, name, nil
}

// reasonOf is by what a refusal is counted; "" is none.
func reasonOf(err error) string {
	for _, r := range []struct {
		err    error
		reason string
	}{
		{agetoken.ErrFormat, "malformed"}, {agetoken.ErrKey, "key"}, {agetoken.ErrSignature, "signature"},
		{agetoken.ErrChallenge, "challenge"}, {agetoken.ErrTime, "time"}, {agetoken.ErrSpent, "spent"}, {ErrWeak, "weak"},
	} {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return ""
}

// Offers are the challenges that tokens which say at least s answer: of each
// trusted issuer, by the keys that sign now.
func (r *Redeemer) Offers(ctx context.Context, s Statement) ([]agetoken.Offer, error) {
	trusted, err := r.trust.now(ctx)
	if err != nil {
		return nil, err
	}
	epoch := agetoken.EpochOf(r.trust.opt.Now())
	var offers []agetoken.Offer
	for _, by := range trusted.all {
		for _, k := range by.keys {
			if k.Name.Epoch == epoch && k.Name.Over >= s.Over && k.Name.Class >= s.Class {
				offers = append(offers, agetoken.Offer{Challenge: by.challenge, Key: k.Key})
			}
		}
	}
	return offers, nil
}
