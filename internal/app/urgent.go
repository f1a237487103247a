package app

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/queue"
	"github.com/breakwater-project/breakwater/internal/urgent"
)

const (
	// pageJob wakes somebody for an urgent decision.
	pageJob = "urgent.page"
	// clockJob pages again for what is overdue.
	clockJob = "urgent.clock"
	// clockEvery is how late the clock may notice.
	clockEvery = 15 * time.Second
)

// openUrgent opens the urgent lane with its pagers, where they are configured.
func (a *App) openUrgent() error {
	c := &a.cfg.Urgent
	pager, err1 := a.pager(c.Pager.Reveal())
	escalation, err2 := a.pager(c.Escalation.Reveal())
	for _, err := range []error{err1, err2} {
		if err != nil {
			return err
		}
	}
	a.urgent = urgent.New(urgent.Options{
		DB: a.db, Pager: pager, Escalation: escalation,
		Acknowledge: c.Acknowledge, Resolve: c.Resolve, Again: c.Again,
		Enqueue: func(ctx context.Context, tx *sql.Tx, p urgent.Page) error {
			return a.queue.Insert(ctx, tx, pageJob, p, queue.InsertOpts{Priority: 1})
		},
		Now: a.options.Now, Metrics: urgent.NewMetrics(a.watch.Metrics), Log: a.watch.Log,
	})
	queue.Add(a.queue, pageJob, a.urgent.Page, queue.KindOpts{Timeout: time.Minute})
	queue.Add(a.queue, clockJob, func(ctx context.Context, _ struct{}) error { return a.urgent.Tick(ctx) }, queue.KindOpts{Attempts: 1})
	a.queue.Every(clockJob, clockEvery, struct{}{})
	return nil
}

// pager is the webhook at an address, nil where there is none.
func (a *App) pager(address string) (*urgent.Pager, error) {
	if address == "" {
		return nil, nil
	}
	p, err := urgent.NewPager(address, a.cfg.Urgent.Secret.Reveal(), a.options.Now)
	if err != nil {
		return nil, fmt.Errorf("urgent.pager, urgent.escalation or urgent.secret: %w", err)
	}
	return p, nil
}
