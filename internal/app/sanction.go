package app

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/queue"
	"github.com/breakwater-project/breakwater/internal/sanction"
)

const (
	// bulkJob does what a person decided about many sanctions at once.
	bulkJob = "sanction.work"
	// expireJob forgets sanctions that ended long ago.
	expireJob = "sanction.expire"
)

// bulkArgs names an action.
type bulkArgs struct {
	Action string `json:"action"`
}

// openSanctions opens the ledger, and has its restraint bound what the engine does.
func (a *App) openSanctions(ctx context.Context, labels *label.Labels) error {
	key, err := a.secret("sanction")
	if err != nil {
		return err
	}
	ladders := sanction.Shipped()
	c := &a.cfg.Sanctions
	if c.Ladder != "" {
		text, err := os.ReadFile(c.Ladder)
		if err == nil {
			ladders, err = sanction.ReadLadders(text)
		}
		if err != nil {
			return fmt.Errorf("sanctions.ladder: %w", err)
		}
	}
	a.sanctions, err = sanction.New(ctx, sanction.Options{
		DB: a.db, Labels: labels, Ladders: ladders, Key: key, Now: a.options.Now,
		Longest: c.Longest, Keep: c.Keep,
		Quota: sanction.Quota{Least: c.Least, Factor: c.Factor, PerDay: c.PerDay, Labels: c.Labels},
		Enqueue: func(ctx context.Context, tx *sql.Tx, action string) error {
			return a.queue.Insert(ctx, tx, bulkJob, bulkArgs{action}, queue.InsertOpts{})
		},
		Metrics: sanction.NewMetrics(a.watch.Metrics), Log: a.watch.Log,
	})
	if err != nil {
		return err
	}
	queue.Add(a.queue, bulkJob, func(ctx context.Context, args bulkArgs) error {
		return a.sanctions.Work(ctx, args.Action)
	}, queue.KindOpts{})
	queue.Add(a.queue, expireJob, func(ctx context.Context, _ struct{}) error { return a.sanctions.Expire(ctx) }, queue.KindOpts{})
	a.queue.Every(expireJob, 24*time.Hour, struct{}{})
	return nil
}

// carriers are who carries out the effects of decisions that bear on accounts.
func (a *App) carriers() map[decision.EffectKind]decide.Carrier {
	carriers := map[decision.EffectKind]decide.Carrier{decision.Urgent: a.urgent}
	for _, kind := range []decision.EffectKind{
		decision.Strike, decision.Restrict, decision.Demonetise, decision.Report, decision.Label,
	} {
		carriers[kind] = a.sanctions
	}
	return carriers
}

// eraseSanctions removes what was done to an account.
func (a *App) eraseSanctions(ctx context.Context, tx *sql.Tx, account string) ([]age.Held, error) {
	return nil, a.sanctions.Erase(ctx, tx, account)
}
