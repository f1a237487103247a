package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/queue"
)

// tokenJob makes the keys that age tokens will need, reads the directories of
// other issuers, and forgets what has lapsed.
const tokenJob = "token.turn"

// openTokens opens the issuing and the redeeming of age tokens.
func (a *App) openTokens(ctx context.Context) error {
	tokenKeys, err := a.tokenKeys()
	if err != nil {
		return err
	}
	var sources []token.Source
	for _, text := range a.cfg.Tokens.Trust {
		s, err := token.ParseSource(text)
		if err != nil {
			return fmt.Errorf("tokens.trust: %w", err)
		}
		sources = append(sources, s)
	}
	trust, err := token.NewTrust(ctx, a.db, tokenKeys, token.TrustOptions{Sources: sources, Now: a.options.Now, Log: a.watch.Log})
	if err != nil {
		return err
	}
	ledgerKey, err := a.secret("token-ledger")
	if err != nil {
		return err
	}
	ledger, err := token.OpenLedger(ctx, a.db, token.LedgerOptions{Key: ledgerKey})
	if err != nil {
		return err
	}
	a.onClose(ledger.Close)
	metrics := token.NewMetrics(a.watch.Metrics)
	routes := token.API{
		Keys:     tokenKeys,
		Issuer:   token.NewIssuer(a.db, tokenKeys, a.Assurance.Grants, metrics),
		Redeemer: token.NewRedeemer(trust, ledger, metrics),
		Merge: func(ctx context.Context, account string, p token.Proof) error {
			return a.Assurance.Merge(ctx, account, p.Result(a.options.Now()))
		},
	}
	if a.cfg.Tokens.Gate != "" {
		s, err := token.ParseStatement(a.cfg.Tokens.Gate)
		if err != nil {
			return fmt.Errorf("tokens.gate: %w", err)
		}
		routes.Gate = &s
	}
	routes.Routes(a.api)
	queue.Add(a.queue, tokenJob, func(ctx context.Context, _ struct{}) error {
		_, err := ledger.Forget(ctx, a.options.Now())
		return errors.Join(err, tokenKeys.Ready(ctx), trust.Update(ctx))
	}, queue.KindOpts{Timeout: 10 * time.Minute})
	a.queue.Every(tokenJob, time.Hour, struct{}{})
	return nil
}

// tokenKeys are the keys of this issuer, if it is one.
func (a *App) tokenKeys() (*token.Keys, error) {
	o := token.KeyOptions{Host: a.cfg.Tokens.Issuer, Now: a.options.Now}
	for _, text := range a.cfg.Tokens.Issue {
		s, err := token.ParseStatement(text)
		if err != nil {
			return nil, fmt.Errorf("tokens.issue: %w", err)
		}
		o.Statements = append(o.Statements, s)
	}
	var err error
	if o.Secret, err = a.secret("token-keys"); err != nil {
		return nil, err
	}
	return token.NewKeys(a.db, o)
}

// OpenTokenKeys opens the keys that sign age tokens, alone. A server may be
// running on the database.
func OpenTokenKeys(ctx context.Context, cfg *config.Config) (*token.Keys, func() error, error) {
	a, err := open(ctx, cfg, Options{}, (*App).openTelemetry, (*App).openStorage)
	if err != nil {
		return nil, nil, err
	}
	tokenKeys, err := a.tokenKeys()
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return tokenKeys, a.Close, nil
}

// GrantTokens makes a grant of n tokens that say s, for somebody whose age was
// checked otherwise. A server may be running on the database.
func GrantTokens(ctx context.Context, cfg *config.Config, s token.Statement, n int) (grant string, err error) {
	a, err := open(ctx, cfg, Options{}, (*App).openTelemetry, (*App).openStorage)
	if err != nil {
		return "", err
	}
	err = a.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		grant, err = assurance.NewGrants(a.options.Now).New(ctx, tx, s.Over, s.Class, n)
		return err
	})
	return grant, errors.Join(err, a.Close())
}
