package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
	"github.com/breakwater-project/breakwater/policies"
)

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, test, simulate, compare and explain policy bundles",
		Long: `Works on the bundle in a folder, or on the shipped default bundle where no folder
is given. The language is described in docs/policy-language.md.`,
		Args: cobra.NoArgs,
		RunE: help,
	}
	cmd.AddCommand(newPolicyCheck(), newPolicyTest(), newPolicySimulate(), newPolicyDiff(), newPolicyExplain())
	return cmd
}

// compile compiles the bundle in dir ("" is the shipped one). Its faults are
// printed one a line, and end the program with exit status 3.
func compile(dir string) (*policy.Bundle, error) {
	rules, err := app.LoadRules(dir, nil, detect.Options{})
	if err != nil {
		return nil, &statusError{status: exitNotCompiled, cause: err}
	}
	return rules.Bundle, nil
}

// folder is the only argument, or "".
func folder(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func newPolicyCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [DIR]",
		Short: "Compile a bundle: every error at file:line:column",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := compile(folder(args))
			if err != nil {
				return err
			}
			for _, w := range b.Warnings() {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d rules, %d safeguards, %s\n", b.Name(), len(b.Rules()), len(b.SafeguardRules()), b.Digest())
			return nil
		},
	}
}

func newPolicyTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the tests beside the rules (*_test.yaml)",
		Long: `Runs every test in the folder against its bundle. A rule that no test shows to
apply, and to not apply, is named. Exit status 3 if the policy does not compile,
4 if a test fails.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := compile(folder(args))
			if err != nil {
				return err
			}
			var fsys fs.FS = policies.FS
			if dir := folder(args); dir != "" {
				fsys = os.DirFS(dir)
			}
			report, err := policytest.Run(cmd.Context(), b, fsys)
			if err != nil {
				return &statusError{status: exitNotCompiled, cause: err}
			}
			out := cmd.OutOrStdout()
			for _, f := range report.Failures {
				fmt.Fprintln(out, f)
			}
			for _, g := range report.Gaps {
				fmt.Fprintln(out, "gap:", g)
			}
			fmt.Fprintf(out, "%d tests, %d failures, %d gaps\n", report.Tests, len(report.Failures), len(report.Gaps))
			if !report.OK() {
				return &statusError{status: exitTestsFailed}
			}
			return nil
		},
	}
}

func newPolicyDiff() *cobra.Command {
	return &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "What another bundle does differently, as JSON lines; \"\" is the shipped one",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err1 := compile(args[0])
			after, err2 := compile(args[1])
			if err := errors.Join(err1, err2); err != nil {
				return &statusError{status: exitNotCompiled, cause: err}
			}
			changes := policy.Diff(before, after)
			lines := json.NewEncoder(cmd.OutOrStdout())
			for _, c := range changes {
				if err := lines.Encode(c); err != nil {
					return failed(err)
				}
			}
			if len(changes) > 0 {
				return &statusError{status: exitFound}
			}
			return nil
		},
	}
}

func newPolicyExplain() *cobra.Command {
	names := map[string]string{"data": "data", "db": "db", "policy.dir": "policy"}
	var all bool
	cmd := &cobra.Command{
		Use:   "explain DECISION",
		Short: "Why a decision came out so: each rule, its conditions and what they read",
		Long: `Evaluates again what the decision's evaluation saw, and prints as JSON lines each
rule that applied, with the value of every part of its condition. With --all the
rules that did not apply too, and why. If the bundle is not the one that the
decision was made under, it says so.`,
		Args: cobra.ExactArgs(1),
	}
	s := bind(cmd, names)
	cmd.Flags().BoolVar(&all, "all", false, "also rules that did not apply")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := s.load(cmd, names)
		if err != nil {
			return err
		}
		bundle, err := compile(cfg.Policy.Dir)
		if err != nil {
			return err
		}
		log, closeLog, err := app.OpenJournal(cmd.Context(), cfg)
		if err != nil {
			return failed(err)
		}
		entry, err := log.Get(cmd.Context(), args[0])
		if err == nil {
			err = explain(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), &entry, bundle, all)
		}
		return failed(errors.Join(err, closeLog()))
	}
	return cmd
}

func explain(ctx context.Context, out, notes io.Writer, entry *journal.Entry, bundle *policy.Bundle, all bool) error {
	in, _, err := decide.Replay(ctx, entry, bundle)
	if err != nil {
		return err
	}
	if was := entry.Decision.Policy; was.Digest != bundle.Digest() {
		fmt.Fprintf(notes, "note: the decision was made under %s %s; this is %s %s\n", was.Bundle, was.Digest, bundle.Name(), bundle.Digest())
	}
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, e := range bundle.Explain(ctx, &in) {
		if !e.Applied && !all {
			continue
		}
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

func newPolicySimulate() *cobra.Command {
	names := map[string]string{"data": "data", "db": "db"}
	var since, until string
	cmd := &cobra.Command{
		Use:   "simulate DIR",
		Short: "Replay the journal under another bundle: what would have changed",
		Long: `Evaluates again, under the bundle in DIR, what every decision's evaluation saw,
and prints each decision that would have come out otherwise as a JSON line, then
a summary. Nothing is changed. Exit status 1 if anything would have changed.`,
		Args: cobra.ExactArgs(1),
	}
	s := bind(cmd, names)
	cmd.Flags().StringVar(&since, "since", "", "only decisions from this time on (RFC 3339)")
	cmd.Flags().StringVar(&until, "until", "", "only decisions before this time (RFC 3339)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var q journal.Query
		for _, f := range []struct {
			name, text string
			into       *time.Time
		}{{"since", since, &q.From}, {"until", until, &q.To}} {
			if f.text == "" {
				continue
			}
			t, err := time.Parse(time.RFC3339, f.text)
			if err != nil {
				return fmt.Errorf("--%s must be an RFC 3339 time, for example 2026-11-24T10:00:00Z", f.name)
			}
			*f.into = t
		}
		cfg, err := s.load(cmd, names)
		if err != nil {
			return err
		}
		bundle, err := compile(args[0])
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
	return cmd
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
