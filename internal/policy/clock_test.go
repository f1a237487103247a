package policy_test

import (
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/policy"
)

func TestClock(t *testing.T) {
	clock, err := policy.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	winter := time.Date(2026, 1, 15, 23, 30, 0, 0, time.UTC)
	summer := time.Date(2026, 7, 15, 23, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		country, region string
		at              time.Time
		want            int // -1: unknown
	}{
		{"GB", "", winter, 23}, {"GB", "", summer, 0}, {"DE", "", winter, 0}, {"IN", "", winter, 5},
		{"US", "US-CA", winter, 15}, {"US", "US-NY", summer, 19}, {"US", "", winter, -1}, {"US", "US-TX", winter, -1},
		{"AU", "AU-NSW", winter, 10}, {"", "", winter, -1}, {"", "US-CA", winter, -1}, {"NZ", "US-CA", winter, 12}, {"QQ", "", winter, -1},
	} {
		got := clock.Hour(test.country, test.region, test.at)
		if (got == nil) != (test.want < 0) || got != nil && *got != test.want {
			t.Errorf("%s %s at %v: %v, want %d", test.country, test.region, test.at, got, test.want)
		}
	}
}
