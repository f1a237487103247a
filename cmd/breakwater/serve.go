package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/policy"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs the server. Its database is SQLite in the data folder, or PostgreSQL by
--db. The first start prints an admin key once, unless BREAKWATER_ADMIN_KEY sets
one. SIGHUP reads the policy folder again; what is broken never replaces what is
served. SIGINT and SIGTERM end it after the requests under way.`,
		Args: cobra.NoArgs,
	}
	s := bind(cmd, serving)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := s.load(cmd, serving)
		if err != nil {
			return err
		}
		a, err := app.Open(cmd.Context(), cfg, options(cmd.ErrOrStderr()))
		if err != nil {
			return opening(err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Breakwater listens on %s\n", a.URL())
		sayNewKey(cmd.OutOrStdout(), a)
		if cfg.Console.Live {
			fmt.Fprintf(cmd.OutOrStdout(), "Live page, once:  %s\n", a.Console.SignInLink(a.URL()))
		}
		defer reloadOnHangup(cmd.Context(), a)()
		return failed(errors.Join(a.Run(cmd.Context()), a.Close()))
	}
	return cmd
}

// sayNewKey shows the first admin key, the only time that it can be shown.
func sayNewKey(w io.Writer, a *app.App) {
	if a.NewKey != "" {
		fmt.Fprintf(w, "Admin key, shown once and stored only as a hash:  %s\n", a.NewKey)
	}
}

// opening gives a server that can't be opened its exit status.
func opening(err error) error {
	var faults policy.Errors
	if errors.As(err, &faults) {
		return &statusError{status: exitNotCompiled, cause: err}
	}
	return failed(err)
}

// reloadOnHangup reads the policy folder again at each SIGHUP, until stopped.
func reloadOnHangup(ctx context.Context, a *app.App) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangup:
			case <-done:
				return
			case <-ctx.Done():
				return
			}
			if err := a.Reload(); err != nil {
				a.Log().Error("policy not reloaded: the old one stays in force", slog.String("faults", err.Error()))
				continue
			}
			b := a.Engine.Rules.Bundle()
			a.Log().Info("policy reloaded", slog.String("bundle", b.Name()), slog.String("digest", b.Digest()))
		}
	}()
	return func() { signal.Stop(hangup); close(done) }
}
