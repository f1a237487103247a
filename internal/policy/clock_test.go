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

// A name is a zone of the IANA's, and never a way to a file or to where the
// server stands.
func TestClockZone(t *testing.T) {
	clock, err := policy.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+12", "Asia/Kathmandu", "Europe/Berlin"} {
		if zone := clock.Zone(name); zone == nil || zone.String() != name {
			t.Errorf("%s: %v", name, zone)
		}
	}
	for _, name := range []string{"", "Local", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "Europe/../../etc/passwd", "europe/berlin ", "Europe/Berlin\x00", "Europe", "+02:00"} {
		if zone := clock.Zone(name); zone != nil {
			t.Errorf("%q is %v", name, zone)
		}
	}
}

func TestClockZones(t *testing.T) {
	clock, err := policy.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		country, region string
		want            int
	}{{"DE", "", 1}, {"US", "US-CA", 1}, {"US", "", 6}, {"AU", "", 7}, {"", "", 0}, {"QQ", "", 0}} {
		if got := clock.Zones(test.country, test.region); len(got) != test.want {
			t.Errorf("%s %s: %v, want %d", test.country, test.region, got, test.want)
		}
	}
}
