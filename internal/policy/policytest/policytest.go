// Package policytest runs the tests that stand beside rules, in files named
// *_test.yaml. The command line and go test run the same code.
//
//	tests:
//	  - name: an adult writes to a child
//	    rule: contact.stranger-to-child     # only this rule; without it, the whole bundle
//	    at: 2026-01-01
//	    event: {type: message.send, actor: {age: {band: 18+}}, …}
//	    signals: {text.insult: 0.9}
//	    counts: {dm.sent/actor/24h: 3}
//	    members: {u-9: {blocked: true, muted: false, counts: {dm.received/viewer/24h: 9}}}
//	    labels: [actor:trusted]
//	    missing: [signal:text.grooming]
//	    want: {outcome: hold, members: {u-9: hold}, rules: […], not_rules: […]}
//	  - name: a child's account
//	    account: {band: 13-15, country: GB}
//	    want: {settings: {private_profile: true}, locked: […]}
package policytest

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/policy"
)

// Report is what a run of tests found.
type Report struct {
	Tests    int       `json:"tests"`
	Failures []Failure `json:"failures"`
	Gaps     []Gap     `json:"gaps"`
}

// OK reports whether every test passed; gaps are the caller's to judge.
func (r *Report) OK() bool { return len(r.Failures) == 0 }

// Failure is one expectation that was not met.
type Failure struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Test    string `json:"test"`
	Message string `json:"message"`
}

// String is "file:line: test: message".
func (f Failure) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Test, f.Message)
}

// Gap is a rule that the tests leave open.
type Gap struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Line int    `json:"line"`
	Want string `json:"want"` // what no test shows
}

// String is "file:line: rule: want".
func (g Gap) String() string {
	return fmt.Sprintf("%s:%d: %s: no test shows %s", g.File, g.Line, g.Rule, g.Want)
}

// Run runs every test in and below fsys against b. Each rule of b that is in
// one of fsys's own files should be shown to apply and to not apply; Gaps
// lists those that are not. The error, if any, is a policy.Errors: a test file
// that can't be read.
func Run(ctx context.Context, b *policy.Bundle, fsys fs.FS) (*Report, error) {
	report := &Report{Failures: []Failure{}, Gaps: []Gap{}}
	cover := coverage{applied: map[string]bool{}, spared: map[string]bool{}, own: map[string]bool{}}
	var faults policy.Errors
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		if !strings.HasSuffix(name, "_test.yaml") {
			cover.own[name] = true
			return nil
		}
		tests, errs := read(fsys, name)
		faults = append(faults, errs...)
		for _, t := range tests {
			report.Tests++
			failures := t.run(ctx, b, &cover)
			report.Failures = append(report.Failures, failures...)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("policytest: %w", err)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	report.Gaps = cover.gaps(b)
	return report, nil
}

// coverage is which rules the tests have shown to apply, and to not apply.
type coverage struct {
	applied, spared map[string]bool
	own             map[string]bool // files whose rules count
}

func (c *coverage) gaps(b *policy.Bundle) []Gap {
	gaps := []Gap{}
	open := func(id, file string, line int, canApply bool) {
		gap := Gap{Rule: id, File: file, Line: line}
		if canApply && !c.applied[id] {
			gap.Want = "that it applies"
			gaps = append(gaps, gap)
		}
		if !c.spared[id] {
			gap.Want = "that it does not apply"
			gaps = append(gaps, gap)
		}
	}
	for _, r := range b.Rules() {
		if c.own[r.File] && !r.Shadow && !r.Disabled {
			open(r.ID, r.File, r.Line, r.CanHold())
		}
	}
	for _, g := range b.SafeguardRules() {
		if c.own[g.File] && !g.Disabled {
			open(g.ID, g.File, g.Line, g.CanHold())
		}
	}
	slices.SortStableFunc(gaps, func(x, y Gap) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	})
	return gaps
}

// defaultTime is when a test happens that does not say: a fixed day, so that
// tests do not change with the calendar.
var defaultTime = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
