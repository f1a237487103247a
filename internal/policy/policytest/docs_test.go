package policytest_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
)

// The examples of the language's reference compile, and its tests pass.
func TestReferenceExamples(t *testing.T) {
	text, err := os.ReadFile("../../../docs/policy-language.md")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{policy.Manifest: {Data: []byte("bundle: reference\n")}}
	for i, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		name := fmt.Sprintf("example-%d.yaml", i)
		switch {
		case strings.Contains(block, "\ntests:"):
			name = fmt.Sprintf("example-%d_test.yaml", i)
		case strings.Contains(block, "\nbundle:"):
			continue // extends shipped parts
		}
		fsys[name] = &fstest.MapFile{Data: []byte(block)}
	}
	b, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := policytest.Run(context.Background(), b, fsys)
	if err != nil {
		t.Fatal(err)
	}
	if report.Tests == 0 {
		t.Error("the reference has no tests")
	}
	for _, f := range report.Failures {
		t.Error(f)
	}
}
