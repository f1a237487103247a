package app

import (
	"context"

	"github.com/breakwater-project/breakwater/internal/db"
)

// DB is the database, for tests that look behind the API.
func (a *App) DB() *db.DB { return a.db }

// Dir is the data folder.
func (a *App) Dir() string { return a.cfg.Data }

// FlushUse writes down the counts of use.
func (a *App) FlushUse(ctx context.Context) error { return a.wellbeing.Flush(ctx) }
