package main

import (
	"io"
	"strings"
	"testing"
)

// A floor that is missed, or that nothing was measured for, is a failure.
func TestMissedFloorsFail(t *testing.T) {
	n, err := newNumbers(t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	n.hold("a floor that is held", true)
	n.hold("a floor that is missed", false)
	err = n.print(t.Context())
	if err == nil {
		t.Fatal("nothing was measured, and all is well")
	}
	for what, says := range map[string]bool{"a floor that is missed": true, "no data": true, "a floor that is held": false} {
		if strings.Contains(err.Error(), what) != says {
			t.Errorf("%q: %v", what, err)
		}
	}
}
