package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

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
