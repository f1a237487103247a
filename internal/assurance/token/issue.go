package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/db"
)

// Issuer signs tokens for those who have a grant. What it signs it can't see,
// and it keeps nothing of it. It is safe for concurrent use.
type Issuer struct {
	db      *db.DB
	keys    *Keys
	grants  *assurance.Grants
	metrics *Metrics
	signing chan struct{} // holds one token for each signature under way
}

// NewIssuer signs with keys for grants. A signature takes milliseconds of a
// core, so half of the cores are left to everything else.
func NewIssuer(d *db.DB, keys *Keys, grants *assurance.Grants, metrics *Metrics) *Issuer {
	return &Issuer{db: d, keys: keys, grants: grants, metrics: metrics, signing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// ErrGrantWeak means that a grant is for a younger age, or a weaker class,
// than a key says.
var ErrGrantWeak = errors.New("token: the grant is for less than the key says")

// RequestError is what is wrong with one of the requests: ErrNoKey,
// agetoken.ErrFormat or ErrGrantWeak.
type RequestError struct {
	Number int // from 0
	Err    error
}

// Error names the request.
func (e *RequestError) Error() string { return fmt.Sprintf("request %d: %v", e.Number, e.Err) }

// Unwrap is what is wrong.
func (e *RequestError) Unwrap() error { return e.Err }

// Issue signs between 1 and agetoken.MaxBatch requests, all or none, and takes
// as many tokens off the grant. The requests may be for several keys: who was
// found to be over 18 is over 16 as well. The errors are RequestError,
// agetoken.ErrBatch, assurance.ErrNoGrant and assurance.ErrGrantSpent; with any
// of them nothing is taken. What the grant has lost once signing has begun, it
// has lost, whether or not the answer arrives.
func (i *Issuer) Issue(ctx context.Context, grant string, requests []agetoken.Request) ([]agetoken.Response, error) {
	if n := len(requests); n < 1 || n > agetoken.MaxBatch {
		return nil, fmt.Errorf("token: issue: %w", agetoken.ErrBatch)
	}
	signers := make([]*agetoken.Issuer, len(requests))
	names := make([]agetoken.KeyName, len(requests))
	for n, r := range requests {
		var err error
		if signers[n], names[n], err = i.keys.Signer(ctx, r); err == nil {
			err = signers[n].Check(r)
		}
		if errors.Is(err, ErrNoKey) || errors.Is(err, agetoken.ErrFormat) {
			return nil, &RequestError{n, err}
		}
		if err != nil {
			return nil, err
		}
	}
	if err := i.grants.Known(ctx, i.db.Read, grant); err != nil {
		return nil, fmt.Errorf("token: issue: %w", err)
	}
	select { // before the grant is touched: who leaves the queue has lost nothing
	case i.signing <- struct{}{}:
		defer func() { <-i.signing }()
	case <-ctx.Done():
		return nil, fmt.Errorf("token: issue: %w", context.Cause(ctx))
	}
	if err := i.spend(ctx, grant, names); err != nil {
		return nil, err
	}
	responses := make([]agetoken.Response, len(requests))
	for n, r := range requests {
		var err error
		if responses[n], err = signers[n].Sign(r); err != nil {
			return nil, fmt.Errorf("token: issue: %w", err)
		}
		i.metrics.issued(names[n])
	}
	return responses, nil
}

// spend takes the tokens off the grant, which must be good for all of them.
func (i *Issuer) spend(ctx context.Context, grant string, names []agetoken.KeyName) error {
	err := i.db.Tx(ctx, func(tx *sql.Tx) error {
		g, err := i.grants.Spend(ctx, tx, grant, len(names))
		if err != nil {
			return err
		}
		for n, name := range names {
			if name.Over > g.Over || name.Class > g.Class {
				return &RequestError{n, ErrGrantWeak}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("token: issue: %w", err)
	}
	return nil
}
