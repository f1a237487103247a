package main

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/simulate"
)

func newSimulate() *cobra.Command {
	var o simulate.Options
	var truth, half string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "A synthetic platform's events as JSON lines, with the truth on the side",
		Long: `Prints what happens on a made-up platform as JSON lines of events: pipe them into
"breakwater decide". The same options print the same bytes. With --truth the truth
about each event (kind of harm, role and true age of the actor, stage of a story)
goes to a file. Stories are whole conversations over hours or weeks, harmful ones and
innocent ones that look like them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Days < 1 {
				return errors.New("--days must be at least 1")
			}
			o.Half = simulate.Half(half)
			world, err := simulate.New(o)
			if err != nil {
				return err
			}
			side := io.Discard
			if truth != "" {
				file, err := os.Create(truth)
				if err != nil {
					return failed(err)
				}
				defer func() { err = failed(errors.Join(err, file.Close())) }()
				side = file
			}
			return failed(world.Write(cmd.Context(), cmd.OutOrStdout(), side))
		},
	}
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "which platform")
	cmd.Flags().IntVar(&o.Accounts, "accounts", 300, "how many accounts it has")
	cmd.Flags().IntVar(&o.Days, "days", 1, "how many days")
	cmd.Flags().IntVar(&o.Stories, "stories", 0, "how often each story is told in each language; 0 is by chance")
	cmd.Flags().StringVar(&half, "half", "", "with which half of the texts stories are told: open, held-out; both unless set")
	cmd.Flags().StringVar(&truth, "truth", "", "file for the truth about each event")
	return cmd
}
