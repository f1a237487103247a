package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// OpenEngine opens what decides, without a listener. Close ends it.
func OpenEngine(ctx context.Context, cfg *config.Config, o Options) (*decide.Engine, func() error, error) {
	a, err := open(ctx, cfg, o, (*App).openTelemetry, (*App).openStorage, (*App).openKeys, (*App).readMatching, (*App).openEngine)
	if err != nil {
		return nil, nil, err
	}
	return a.Engine, a.Close, nil
}

// existing refuses a data folder that is not there: what only reads must not
// make one where a name is mistyped.
func (a *App) existing(context.Context) error {
	if _, err := os.Stat(a.cfg.Data); err != nil {
		return fmt.Errorf("there is no data folder %s", a.cfg.Data)
	}
	return nil
}

// OpenKeys opens the API keys alone. A server may be running on the database.
func OpenKeys(ctx context.Context, cfg *config.Config) (*keys.Ring, func() error, error) {
	a, err := open(ctx, cfg, Options{}, (*App).openTelemetry, (*App).openStorage)
	if err != nil {
		return nil, nil, err
	}
	return keys.New(a.db, a.options.Now), a.Close, nil
}

// OpenJournal opens the journal alone, to be read. A server may be running on
// the database.
func OpenJournal(ctx context.Context, cfg *config.Config) (*journal.Log, func() error, error) {
	a, err := open(ctx, cfg, Options{}, (*App).existing, (*App).openTelemetry, (*App).openStorage)
	if err != nil {
		return nil, nil, err
	}
	key, err := a.secret("journal")
	if err == nil {
		var log *journal.Log
		if log, err = journal.Open(ctx, a.db, journal.Options{Now: a.options.Now, Key: key}); err == nil {
			a.onClose(log.Close)
			return log, a.Close, nil
		}
	}
	return nil, nil, errors.Join(err, a.Close())
}
