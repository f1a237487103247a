package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each file in testdata is a run's events, a line of dashes, and the report of
// it. The runs in bad_*.txt must not count as good.
func TestReports(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			events, want, found := strings.Cut(string(text), "----\n")
			if !found {
				t.Fatal("no line of dashes")
			}
			var got strings.Builder
			c := newCount(&got)
			if err := c.read(strings.NewReader(events)); err != nil {
				t.Fatal(err)
			}
			good := c.close()
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if bad := strings.HasPrefix(filepath.Base(file), "bad_"); good == bad {
				t.Errorf("good = %v", good)
			}
		})
	}
}
