package wellbeing

import (
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/policy"
)

// settings are safeguards with pushes on or off, and quiet hours.
func settings(on bool, from, to string, locked ...string) *policy.Safeguards {
	return &policy.Safeguards{
		Effects: map[string]any{"push_notifications": on, "push_quiet_hours": policy.Interval{From: from, To: to}},
		Locked:  locked,
		Rules:   []policy.SafeguardRule{{Effect: "push_notifications", Rule: "off"}, {Effect: "push_quiet_hours", Rule: "quiet"}},
	}
}

func TestPush(t *testing.T) {
	berlin := []*time.Location{zone(t, "Europe/Berlin")}
	noon := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	night := time.Date(2026, 11, 24, 22, 30, 0, 0, time.UTC) // 23:30 in Berlin
	seven := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		push push
		by   *policy.Safeguards
		want Verdict
	}{
		{"by day", push{Message, true, noon, berlin}, settings(false, "21:00", "07:00"), Verdict{Send: true}},
		{"by night", push{Message, true, night, berlin}, settings(false, "21:00", "07:00"), Verdict{Reason: QuietHours, Until: seven, Rule: "quiet"}},
		{"by night, an account in danger", push{Security, false, night, berlin}, settings(false, "21:00", "07:00"), Verdict{Send: true}},
		{"not switched on", push{Message, false, noon, berlin}, settings(false, "21:00", "07:00"), Verdict{Reason: Off, Rule: "off"}},
		{"switched on, and locked off", push{Message, true, noon, berlin}, settings(false, "21:00", "07:00", "push_notifications"), Verdict{Reason: Off, Rule: "off"}},
		{"switched on, to be lured back", push{Engagement, true, noon, berlin}, settings(false, "21:00", "07:00"), Verdict{Reason: Off, Rule: "off"}},
		{"on by default, to be lured back", push{Engagement, false, noon, berlin}, settings(true, "21:00", "07:00"), Verdict{Send: true}},
		{"nobody knows where", push{Message, true, noon, nil}, settings(false, "21:00", "07:00"), Verdict{Reason: TimeUnknown, Rule: "quiet"}},
		{"quiet all day", push{Message, true, noon, berlin}, settings(false, "07:00", "07:00"), Verdict{Reason: TimeUnknown, Rule: "quiet"}},
		{"no quiet hours", push{Message, false, night, nil}, &policy.Safeguards{}, Verdict{Send: true}},
		{"at the minute when they end", push{Message, true, seven, berlin}, settings(true, "21:00", "07:00"), Verdict{Send: true}},
		{"the second before", push{Message, true, seven.Add(-time.Second), berlin}, settings(true, "21:00", "07:00"), Verdict{Reason: QuietHours, Until: seven, Rule: "quiet"}},
		{"by day, in hours that do not pass midnight", push{Message, true, noon, berlin}, settings(true, "08:00", "15:30"), Verdict{Reason: QuietHours, Until: noon.Add(210 * time.Minute), Rule: "quiet"}},
	} {
		if got := test.push.may(test.by); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// A platform that asks before it sends has an empty queue of what it sent in
// the window, by the clock on the wall: on any day, on those on which the clock
// jumps, where it jumps at midnight, on a journey, and where only the country is
// known. And every push goes, as soon as it may.
func TestNothingIsSentAtNight(t *testing.T) {
	clock, err := policy.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	in := func(names ...string) (zones []*time.Location) {
		for _, name := range names {
			zones = append(zones, zone(t, name))
		}
		return zones
	}
	for _, test := range []struct {
		name  string
		begin time.Time
		where func(time.Time) []*time.Location
	}{
		{"an ordinary night", time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), func(time.Time) []*time.Location { return in("Europe/London") }},
		{"the clock goes forward", time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), func(time.Time) []*time.Location { return in("Europe/Berlin") }},
		{"the clock goes back", time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC), func(time.Time) []*time.Location { return in("Europe/Berlin") }},
		{"the clock goes forward at midnight", time.Date(2026, 4, 23, 12, 0, 0, 0, time.UTC), func(time.Time) []*time.Location { return in("Africa/Cairo") }},
		{"the clock goes back at midnight", time.Date(2026, 10, 29, 12, 0, 0, 0, time.UTC), func(time.Time) []*time.Location { return in("Africa/Cairo") }},
		{"half an hour", time.Date(2026, 4, 4, 3, 0, 0, 0, time.UTC), func(time.Time) []*time.Location { return in("Australia/Lord_Howe") }},
		{"a flight from London to Los Angeles", time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), func(at time.Time) []*time.Location {
			if at.Hour() >= 18 || at.Day() > 24 {
				return in("America/Los_Angeles")
			}
			return in("Europe/London")
		}},
		{"somewhere in the United States", time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), func(time.Time) []*time.Location { return clock.Zones("US", "") }},
	} {
		sent := 0
		var queue []time.Time // since when each waits
		for at := test.begin; at.Before(test.begin.Add(48 * time.Hour)); at = at.Add(5 * time.Minute) {
			queue = append(queue, at)
			zones := test.where(at)
			left := queue[:0]
			for _, p := range queue {
				v := (&push{Message, true, at, zones}).may(settings(false, "21:30", "07:00"))
				switch {
				case v.Send:
					sent++
					for _, z := range zones {
						if now := at.In(z).Format("15:04"); now >= "21:30" || now < "07:00" {
							t.Fatalf("%s: sent at %s in %s", test.name, now, z)
						}
					}
				case !v.Until.After(at):
					t.Fatalf("%s: at %s told to ask again at %s", test.name, at, v.Until)
				default:
					left = append(left, p)
				}
			}
			queue = left
		}
		if sent < 280 {
			t.Errorf("%s: %d pushes were sent in two days", test.name, sent)
		}
	}
}
