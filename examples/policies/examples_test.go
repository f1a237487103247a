// Package policies_test keeps the example bundles, and the table of shipped
// rules in docs/policies.md, true.
package policies_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
	"github.com/breakwater-project/breakwater/policies"
)

var update = flag.Bool("update", false, "rewrite the table in docs/policies.md")

func load(t *testing.T, dir fs.FS) *policy.Bundle {
	t.Helper()
	b, err := policy.Load(dir, policy.Options{Shipped: policies.FS, Parts: policies.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExamples(t *testing.T) {
	manifests, err := filepath.Glob("*/" + policy.Manifest)
	if err != nil || len(manifests) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, manifest := range manifests {
		name := filepath.Dir(manifest)
		t.Run(name, func(t *testing.T) {
			dir := os.DirFS(name)
			report, err := policytest.Run(context.Background(), load(t, dir), dir)
			if err != nil {
				t.Fatal(err)
			}
			if report.Tests == 0 {
				t.Error("an example without a test")
			}
			for _, f := range report.Failures {
				t.Error(f)
			}
			for _, g := range report.Gaps {
				t.Error(g)
			}
		})
	}
}

const (
	document = "../../docs/policies.md"
	begin    = "<!-- begin: what ships; go test ./examples/policies -update writes it -->\n"
	end      = "<!-- end -->\n"
)

func TestDocumentListsWhatShips(t *testing.T) {
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks its markers", document)
	}
	table := tables(load(t, nil))
	if *update {
		if err := os.WriteFile(document, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(old, table); diff != "" {
		t.Errorf("%s is not what ships (run with -update):\n%s", document, diff)
	}
}

// tables is for each shipped file a table of rules and safeguards, and one of
// counters.
func tables(b *policy.Bundle) string {
	var out strings.Builder
	for _, part := range policies.Parts() {
		files, err := fs.Glob(policies.FS, part+"/*.yaml")
		if err != nil {
			panic(err) // the pattern is constant
		}
		for _, file := range files {
			rows := append(rules(b, file), safeguards(b, file)...)
			if len(rows) > 0 {
				fmt.Fprintf(&out, "### `%s`\n\n| id | does | when in force | in words |\n| --- | --- | --- | --- |\n%s\n", file, strings.Join(rows, ""))
			}
			if rows := counters(b, file); len(rows) > 0 {
				fmt.Fprintf(&out, "Counted for `%s`, and kept as long as a rule looks back:\n\n| counter | of, each | kept | in words |\n| --- | --- | --- | --- |\n%s\n", file, strings.Join(rows, ""))
			}
		}
	}
	return out.String()
}

func rules(b *policy.Bundle, file string) []string {
	var rows []string
	for _, r := range b.Rules() {
		if r.File != file {
			continue
		}
		does := given("act", r.Act)
		if v := given("viewer", r.Viewer); v != "" {
			does = strings.TrimPrefix(does+", "+v, ", ")
		}
		rows = append(rows, row(r.ID, does, &r.Period, r.Jurisdictions, r.Text))
	}
	return rows
}

func counters(b *policy.Bundle, file string) []string {
	var rows []string
	for _, c := range b.Counters() {
		if c.File == file {
			_, window, _ := strings.Cut(policy.CountKey("", "", c.Keep), "//")
			rows = append(rows, fmt.Sprintf("| `%s` | %s, %s | %s | %s |\n", c.Name, c.Of, c.Each, window, c.Text))
		}
	}
	return rows
}

func given(what string, o *decision.Outcome) string {
	if o == nil {
		return ""
	}
	return what + " " + o.String()
}

func safeguards(b *policy.Bundle, file string) []string {
	var rows []string
	for _, g := range b.SafeguardRules() {
		if g.File != file {
			continue
		}
		rows = append(rows, row(g.ID, fmt.Sprintf("defaults under %d", g.Under), &g.Period, g.Jurisdictions, g.Source))
	}
	return rows
}

func row(id, does string, p *policy.Period, jurisdictions []string, text string) string {
	where := strings.Join(jurisdictions, " ")
	if where == "" {
		where = "everywhere"
	}
	if !p.From.IsZero() {
		where += " from " + p.From.Format(time.DateOnly)
	}
	if !p.To.IsZero() {
		where += " to " + p.To.Format(time.DateOnly)
	}
	switch p.Status {
	case policy.InForce:
	case policy.Enacted:
		where += " (enacted)"
	default:
		where += fmt.Sprintf(" (**off**: %s)", p.Status)
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", id, does, where, text)
}
