package app

import (
	"context"
	"database/sql"

	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/wellbeing"
)

// openWellbeing gives the engine a memory of who is online how long, and of
// what viewers were shown.
func (a *App) openWellbeing() {
	c := &a.cfg.Wellbeing
	a.wellbeing = wellbeing.Open(wellbeing.Options{
		DB: a.db, Counts: a.counters, Keep: c.Counts, Gap: c.Gap, Break: c.Break, People: c.People,
		Now: a.options.Now, Log: a.watch.Log,
	})
	a.onClose(a.wellbeing.Close)
	a.Engine.Usage, a.Engine.Exposure = a.wellbeing, a.wellbeing
}

// eraseUse forgets when an account was online and what it was shown.
func (a *App) eraseUse(ctx context.Context, _ *sql.Tx, account string) ([]age.Held, error) {
	return nil, a.wellbeing.Forget(ctx, account)
}
