package fault_test

import (
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/fault"
)

func TestNearest(t *testing.T) {
	names := []string{"limits.burst", "limits.body_bytes", "data"}
	for name, want := range map[string]string{
		"limits.burts": "limits.burst", "DATA": "data", "dat": "data", "limits.body_byte": "limits.body_bytes",
		"colour": "", "": "", strings.Repeat("x", 101): "",
	} {
		if got := fault.Nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := fault.Nearest("abcd", []string{"abcx", "abcd"}); got != "abcd" {
		t.Errorf("the nearest is %q", got)
	}
}
