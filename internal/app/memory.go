package app

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/counter"
)

// saveEvery is how often what is remembered is saved. After a kill, what came
// since is read back from the journal.
const saveEvery = 5 * time.Minute

// remember has counters in memory know what they knew before the start: from
// their snapshot, and from the journal what came since. One that can't be used
// is replaced by the journal.
func (a *App) remember(ctx context.Context) error {
	m, ok := a.counters.(*counter.Memory)
	if !ok {
		return nil // elsewhere, they outlive this process
	}
	saved, err := m.Load()
	if errors.Is(err, counter.ErrSnapshot) {
		a.watch.Log.Warn("the counters' snapshot can't be used: they are made anew from the journal", slog.Any("error", err))
	} else if err != nil {
		return err
	}
	since := a.options.Now().Add(-a.Engine.Rules.Longest())
	if saved > 0 && err == nil {
		since = time.UnixMicro(saved)
	}
	if err := a.Engine.Remember(ctx, since, m); err != nil {
		return err
	}
	a.onClose(func() error { return a.save(m) })
	return nil
}

// save writes a snapshot of what was seen by now.
func (a *App) save(m *counter.Memory) error { return m.Save(a.options.Now().UnixMicro()) }

// keepRemembering saves until ctx ends.
func (a *App) keepRemembering(ctx context.Context) {
	m, ok := a.counters.(*counter.Memory)
	if !ok {
		return
	}
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := a.save(m); err != nil {
			a.watch.Log.Warn("the counters are not saved", slog.Any("error", err))
		}
	}
}

// eraseMemory forgets what is remembered of an account. It is done even if the
// erasure fails at something else: it comes again then.
func (a *App) eraseMemory(ctx context.Context, _ *sql.Tx, account string) ([]age.Held, error) {
	return nil, a.counters.Forget(ctx, account)
}
