package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/policy"
)

func newPolicySimulate() *cobra.Command {
	names := map[string]string{"data": "data", "db": "db"}
	var replay replayFlags
	var score scoreFlags
	cmd := &cobra.Command{
		Use:   "simulate [DIR]",
		Short: "Score a bundle on a simulated platform, or replay the journal under it",
		Long: `Without a journal: decides what happens on a simulated platform under the bundle
in DIR, or the shipped one, and prints what came of it: how many of those who groom,
extort, bully or stalk were found, and how soon; what harm never arrived; false
alarms; and how the innocent fared who only look like it. It scores the half of the
texts that nothing was fitted to. With --floors, exit status 1 if the shipped
policies' promises are not kept.

With --journal, or any flag that is about one: evaluates again, under the bundle in
DIR, what every decision's evaluation saw, and prints each decision that would have
come out otherwise as a JSON line, then a summary. Nothing is changed. Exit status 1
if anything would have changed.`,
		Args: cobra.MaximumNArgs(1),
	}
	s := bind(cmd, names)
	replay.bind(cmd)
	score.bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir := folder(args)
		if !replay.wanted(cmd) {
			cfg, err := config.Load(config.Source{Flags: map[string]string{"policy.dir": dir}})
			if err != nil {
				return err
			}
			return score.run(cmd, cfg)
		}
		if dir == "" {
			return errors.New("which bundle? A journal is replayed under the one in DIR")
		}
		query, err := replay.query()
		if err != nil {
			return err
		}
		cfg, err := s.load(cmd, names)
		if err != nil {
			return err
		}
		return replayJournal(cmd, cfg, dir, query)
	}
	return cmd
}

// replayFlags say which part of which journal is replayed.
type replayFlags struct {
	journal      bool
	since, until string
}

func (f *replayFlags) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.journal, "journal", false, "replay the journal in --data or --db")
	cmd.Flags().StringVar(&f.since, "since", "", "of the journal only decisions from this time on (RFC 3339)")
	cmd.Flags().StringVar(&f.until, "until", "", "of the journal only decisions before this time (RFC 3339)")
}

// wanted reports whether any flag speaks of a journal.
func (f *replayFlags) wanted(cmd *cobra.Command) bool {
	return f.journal || slices.ContainsFunc([]string{"data", "db", "since", "until"}, cmd.Flags().Changed)
}

func (f *replayFlags) query() (q journal.Query, err error) {
	for _, bound := range []struct {
		name, text string
		into       *time.Time
	}{{"since", f.since, &q.From}, {"until", f.until, &q.To}} {
		if bound.text == "" {
			continue
		}
		if *bound.into, err = time.Parse(time.RFC3339, bound.text); err != nil {
			return q, fmt.Errorf("--%s must be an RFC 3339 time, for example 2026-11-24T10:00:00Z", bound.name)
		}
	}
	return q, nil
}

func replayJournal(cmd *cobra.Command, cfg *config.Config, dir string, q journal.Query) error {
	bundle, err := compile(dir)
	if err != nil {
		return err
	}
	log, closeLog, err := app.OpenJournal(cmd.Context(), cfg)
	if err != nil {
		return failed(err)
	}
	changed, err := simulatePolicy(cmd, log, q, bundle)
	if err := errors.Join(err, closeLog()); err != nil {
		return failed(err)
	}
	if changed > 0 {
		return &statusError{status: exitFound}
	}
	return nil
}

// changedDecision is one decision that would have come out otherwise.
type changedDecision struct {
	Decision string           `json:"decision"`
	Event    string           `json:"event"`
	Was      decision.Outcome `json:"was"`
	Would    decision.Outcome `json:"would"`
	Viewers  []changedViewer  `json:"viewers,omitempty"`
	Added    []string         `json:"added"`   // rules
	Removed  []string         `json:"removed"` // rules
}

type changedViewer struct {
	Viewer string           `json:"viewer"` // a band, or a member's id
	Was    decision.Outcome `json:"was"`
	Would  decision.Outcome `json:"would"`
}

func simulatePolicy(cmd *cobra.Command, log *journal.Log, q journal.Query, bundle *policy.Bundle) (changed int, err error) {
	lines := json.NewEncoder(cmd.OutOrStdout())
	total, stricter, looser := 0, 0, 0
	bar := newProgress(cmd.ErrOrStderr(), "decisions replayed", 0)
	defer bar.end()
	err = log.Scan(cmd.Context(), q, func(entry journal.Entry) error {
		total++
		bar.set(int64(total))
		_, would, err := decide.Replay(cmd.Context(), &entry, bundle)
		if err != nil {
			return err
		}
		c, differs := compare(&entry.Decision, &would)
		if !differs {
			return nil
		}
		changed++
		if c.Would > c.Was {
			stricter++
		} else if c.Would < c.Was {
			looser++
		}
		return lines.Encode(c)
	})
	bar.end()
	fmt.Fprintf(cmd.ErrOrStderr(), "%d decisions, %d would have changed: %d stricter and %d looser for the act itself\n", total, changed, stricter, looser)
	return changed, err
}

// compare says what would have come out otherwise.
func compare(was *decision.Decision, would *policy.Result) (changedDecision, bool) {
	c := changedDecision{Decision: was.ID, Event: was.Event, Was: was.Outcome, Would: would.Outcome}
	for i := range min(len(was.Bands), len(would.Bands)) {
		if a, b := was.Bands[i], would.Bands[i]; a.Outcome != b.Outcome {
			c.Viewers = append(c.Viewers, changedViewer{a.Band.String(), a.Outcome, b.Outcome})
		}
	}
	for i := range min(len(was.Members), len(would.Members)) {
		if a, b := was.Members[i], would.Members[i]; a.Outcome != b.Outcome {
			c.Viewers = append(c.Viewers, changedViewer{a.ID, a.Outcome, b.Outcome})
		}
	}
	before, after := ruleIDs(was.Reasons), ruleIDs(would.Reasons)
	c.Added, c.Removed = without(after, before), without(before, after)
	return c, c.Was != c.Would || len(c.Viewers) > 0 || len(c.Added) > 0 || len(c.Removed) > 0
}

func ruleIDs(reasons []decision.Reason) []string {
	ids := make([]string, len(reasons))
	for i, r := range reasons {
		ids[i] = r.Rule
	}
	return ids
}

// without is a less what is in b.
func without(a, b []string) []string {
	rest := []string{}
	for _, x := range a {
		if !slices.Contains(b, x) {
			rest = append(rest, x)
		}
	}
	return rest
}
