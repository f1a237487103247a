package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/simulate"
)

// scoreFlags say on which platform a bundle is scored, and what is printed.
type scoreFlags struct {
	world        simulate.Options
	half         string
	json, floors bool
	rules        bool
}

func (f *scoreFlags) bind(cmd *cobra.Command) {
	cmd.Flags().Uint64Var(&f.world.Seed, "seed", 1, "which platform")
	cmd.Flags().IntVar(&f.world.Accounts, "accounts", 300, "how many accounts it has")
	cmd.Flags().IntVar(&f.world.Days, "days", 28, "how many days")
	cmd.Flags().IntVar(&f.world.Stories, "stories", 3, "how often each story is told in each language")
	cmd.Flags().StringVar(&f.half, "half", string(simulate.HeldOut), "which half of the texts: open to fit to, held-out to score")
	cmd.Flags().BoolVar(&f.json, "json", false, "the score as JSON")
	cmd.Flags().BoolVar(&f.floors, "floors", false, "exit status 1 if a floor is missed")
	cmd.Flags().BoolVar(&f.rules, "rules", false, "also print which rules gave false alarms")
}

func (f *scoreFlags) run(cmd *cobra.Command, cfg *config.Config) error {
	if f.world.Days < 1 || f.world.Stories < 1 {
		return errors.New("--days and --stories must be at least 1")
	}
	switch f.world.Half = simulate.Half(f.half); f.world.Half {
	case simulate.Open, simulate.HeldOut:
	default:
		return errors.New("--half must be open or held-out")
	}
	world, err := simulate.New(f.world)
	if err != nil {
		return err
	}
	if _, err := compile(cfg.Policy.Dir); err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), "events decided", 0)
	score, err := app.ScorePolicy(cmd.Context(), cfg, world, func(events int) { bar.set(int64(events)) })
	bar.end()
	if err != nil {
		return failed(err)
	}
	if err := f.print(cmd.OutOrStdout(), &score); err != nil {
		return failed(err)
	}
	for _, floor := range score.Floors() {
		if f.floors && !floor.Met() {
			return &statusError{status: exitFound}
		}
	}
	return nil
}

func (f *scoreFlags) print(w io.Writer, s *simulate.Score) error {
	if f.json {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(struct {
			*simulate.Score
			Floors []simulate.Floor `json:"floors"`
		}{s, s.Floors()})
	}
	return printScore(w, s, f.rules)
}

// printScore prints tables that people read.
func printScore(out io.Writer, s *simulate.Score, rules bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "seed %d, %d accounts, %d days, %s texts: %d events, %d child-days\n\n",
		s.Seed, s.Accounts, s.Days, s.Half, s.Events, s.ChildDays)
	const header = "\tstories\tin time\tfound\taccepted\tof these in time\tmessages\t9 of 10\tnot delivered\tasked first\t"
	row := func(p simulate.Pattern) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%s\t%d\t%d\t%s\t%s\t\n", p.Name, p.Stories, inHundred(p.InTime), inHundred(p.Found),
			p.Accepted, percentOf(p.AcceptedInTime, p.Accepted), p.MedianMessages, p.NinthMessages, inHundred(p.Kept), inHundred(p.Asked))
	}
	fmt.Fprintln(w, "harm"+header)
	for _, p := range s.Patterns {
		row(p)
	}
	row(s.Goal)
	fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t\t")
	fmt.Fprintln(w, "grooming, sextortion"+header)
	for _, p := range s.Languages {
		row(p)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	fmt.Fprintln(w, "innocent\tlooks like\tstories\tevents\theld\tasked first\t")
	for _, p := range s.Twins {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t\n", p.Name, p.Like, p.Stories, p.Events, inHundred(p.Held), inHundred(p.Asked))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d false alarms; %d innocent first contacts wait for a look, as every stranger's does\n\n", s.FalseAlarms, s.Waiting)
	if rules {
		for _, rule := range s.Loudest() {
			fmt.Fprintf(w, "%s\t%d\t\n", rule, s.FalseAlarmsByRule[rule])
		}
		fmt.Fprintln(w, "\t\t")
	}
	for _, f := range s.Floors() {
		bound, verdict := "at least", "met"
		if f.AtMax {
			bound = "under"
		}
		if !f.Met() {
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "%s\t%.3f\t%s %.3g\t%s\t\n", f.What, f.Got, bound, f.Want, verdict)
	}
	return w.Flush()
}

func inHundred(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// percentOf is a share of something that there may be none of.
func percentOf(share float64, of int) string {
	if of == 0 {
		return "-"
	}
	return inHundred(share)
}
