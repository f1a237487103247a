package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/client"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/simulate"
)

func newDemo() *cobra.Command {
	names := map[string]string{"addr": "addr", "policy.dir": "policy"}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve a small simulated platform, and watch it live",
		Long: `Runs a server in a temporary directory and feeds it, over its own HTTP API, what
happens on a small made-up platform: people of every age in many languages, who
chat, post, search and play, and a few who mean harm. All texts are synthetic.
Open the printed link to watch; send events of your own with the printed key.`,
		Args: cobra.NoArgs,
	}
	s := bind(cmd, names)
	var seed uint64
	var rate float64
	var accounts int
	cmd.Flags().Uint64Var(&seed, "seed", 1, "which platform")
	cmd.Flags().IntVar(&accounts, "accounts", 300, "how many accounts it has")
	cmd.Flags().Float64Var(&rate, "rate", 3, "events a second")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := s.load(cmd, names)
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "breakwater-demo-")
		if err != nil {
			return failed(err)
		}
		defer func() { err = failed(errors.Join(err, os.RemoveAll(dir))) }()
		cfg.Data, cfg.DB, cfg.Console.Live = dir, "", true
		world, err := simulate.New(simulate.Options{Seed: seed, Accounts: accounts, Opening: true})
		if err != nil {
			return err
		}
		a, err := app.Open(cmd.Context(), cfg, options(nil))
		if err != nil {
			return opening(err)
		}
		_, key, err := a.Keys.Create(cmd.Context(), "demo", platformRole)
		if err != nil {
			return failed(errors.Join(err, a.Close()))
		}
		fmt.Fprintf(cmd.OutOrStdout(), demoGreeting, a.URL(), a.Console.SignInLink(a.URL()), key)
		return runDemo(cmd.Context(), a, &simulate.Feed{World: world, Client: client.New(a.URL(), key), Rate: rate})
	}
	return cmd
}

const demoGreeting = `Breakwater demo on %s

  Watch (once):  %s
  Your API key:  %s

Ctrl-C ends it and leaves nothing behind.
`

// runDemo serves and feeds until ctx ends or either fails.
func runDemo(ctx context.Context, a *app.App, feed *simulate.Feed) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fed := make(chan error, 1)
	go func() {
		err := feed.Run(ctx)
		if err != nil && ctx.Err() == nil {
			cancel()
		} else {
			err = nil // it ended because the demo does
		}
		fed <- err
	}()
	err := a.Run(ctx)
	cancel()
	return errors.Join(err, <-fed, a.Close())
}
