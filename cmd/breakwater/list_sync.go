package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// synced is what a sync did, one line of JSON.
type synced struct {
	Exchange string `json:"exchange"`
	Bank     string `json:"bank"`
	exchange.Counts
	Error string `json:"error,omitempty"`
}

func newListSync() *cobra.Command {
	var shrink bool
	cmd := &cobra.Command{
		Use:   "sync [EXCHANGE…]",
		Short: "Fetch what is new from the configured exchanges, or those named",
		Long: `Fetch what is new from the exchanges in the configuration, or those named, and
send back what people said of their entries: what a running server does by
itself when each is due. Prints a JSON line for each; the exit status is 1 if
one failed. Killed halfway and begun again, it loses nothing.`,
	}
	s := bind(cmd, storage)
	cmd.Flags().BoolVar(&shrink, "shrink", false, "believe a list that has lost more than half of its entries")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := s.load(cmd, storage)
		if err != nil {
			return err
		}
		for _, name := range args {
			if _, ok := cfg.Exchanges[name]; !ok {
				return fmt.Errorf("no exchange %s is configured", name)
			}
		}
		x, closeDB, err := app.OpenExchanges(cmd.Context(), cfg)
		if err != nil {
			return failed(err)
		}
		return errors.Join(syncAll(cmd, x, args, shrink), failed(closeDB()))
	}
	return cmd
}

// syncAll syncs one exchange after the other, and goes on when one fails.
func syncAll(cmd *cobra.Command, x *exchange.Exchanges, only []string, shrink bool) error {
	all, err := x.List(cmd.Context())
	if err != nil {
		return failed(err)
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	var status error
	for _, e := range all {
		if len(only) > 0 && !slices.Contains(only, e.Name) {
			continue
		}
		bar := newProgress(cmd.ErrOrStderr(), e.Name, 0)
		counts, err := x.Sync(cmd.Context(), e.Name, exchange.SyncOptions{Shrink: shrink, Progress: func(c exchange.Counts) {
			bar.set(int64(c.Added + c.Changed + c.Removed + c.Unchanged))
		}})
		bar.end()
		line := synced{Exchange: e.Name, Bank: e.Bank, Counts: counts}
		if err != nil {
			line.Error, status = err.Error(), &statusError{status: exitFound}
		}
		if err := out.Encode(line); err != nil {
			return failed(err)
		}
		if err := cmd.Context().Err(); err != nil {
			return failed(err)
		}
	}
	return status
}
