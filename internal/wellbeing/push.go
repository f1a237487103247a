package wellbeing

import (
	"fmt"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/policy"
)

// Purpose is what a push is for.
type Purpose string

// The purposes.
const (
	Message    Purpose = "message"    // somebody wrote, or did what the person waits for
	Engagement Purpose = "engagement" // to have them come back
	Security   Purpose = "security"   // their account is in danger, or they asked for help
)

// Why a push may not go.
const (
	QuietHours  = "quiet_hours"  // later it may
	Off         = "off"          // pushes are off by default at that age, and the person has not switched them on
	TimeUnknown = "time_unknown" // it may be quiet hours where the person is: say where that is
)

// Verdict is whether a push may go now.
type Verdict struct {
	Send   bool      `json:"send"`
	Reason string    `json:"reason,omitempty" enum:"quiet_hours,off,time_unknown" doc:"Why it may not go"`
	Until  time.Time `json:"until,omitzero" doc:"quiet_hours: when it may go; ask again then"`
	Rule   string    `json:"rule,omitempty" doc:"The safeguard that says so"`
}

// push is a push as safeguards judge it.
type push struct {
	purpose Purpose
	optedIn bool // the person switched pushes on
	at      time.Time
	zones   []*time.Location // where the person may be
}

// may judges a push by the safeguards of whom it is for.
func (p *push) may(s *policy.Safeguards) Verdict {
	if p.purpose == Security {
		return Verdict{Send: true}
	}
	if on, given := s.Effects["push_notifications"].(bool); given && !on &&
		(!p.optedIn || p.purpose == Engagement || slices.Contains(s.Locked, "push_notifications")) {
		return Verdict{Reason: Off, Rule: ruleOf(s, "push_notifications")}
	}
	quiet, given := s.Effects["push_quiet_hours"].(policy.Interval)
	if !given {
		return Verdict{Send: true}
	}
	rule := ruleOf(s, "push_quiet_hours")
	if len(p.zones) == 0 {
		return Verdict{Reason: TimeUnknown, Rule: rule}
	}
	until, known := awake(quiet, p.at, p.zones)
	switch {
	case !known:
		return Verdict{Reason: TimeUnknown, Rule: rule}
	case until.After(p.at):
		return Verdict{Reason: QuietHours, Until: until.UTC(), Rule: rule}
	}
	return Verdict{Send: true}
}

func ruleOf(s *policy.Safeguards, effect string) string {
	for _, r := range s.Rules {
		if r.Effect == effect {
			return r.Rule
		}
	}
	return ""
}

// awake is the first time from at on that is in no quiet hours of any of the
// zones; false if there is none within two days.
func awake(quiet policy.Interval, at time.Time, zones []*time.Location) (time.Time, bool) {
	for t, limit := at, at.Add(48*time.Hour); t.Before(limit); {
		next := t
		for _, zone := range zones {
			if ends := quietUntil(quiet, t, zone); ends.After(next) {
				next = ends
			}
		}
		if next.Equal(t) {
			return t, true
		}
		t = next
	}
	return time.Time{}, false
}

// quietUntil is when the quiet hours end that t is in, by the clock of the zone;
// t itself if it is in none. The clock decides, also on the days on which it
// jumps: what it shows twice is quiet twice.
func quietUntil(quiet policy.Interval, t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	from, to, now := minuteOf(quiet.From), minuteOf(quiet.To), local.Hour()*60+local.Minute()
	inside := from <= now && now < to
	if from >= to { // past midnight, or all day
		inside = now >= from || now < to
	}
	if !inside {
		return t
	}
	y, m, d := local.Date()
	if now >= to {
		d++
	}
	ends := time.Date(y, m, d, to/60, to%60, 0, 0, zone)
	if !ends.After(t) { // the clock was set back over the end
		ends = t.Add(time.Minute)
	}
	return ends
}

// minuteOf is the minute of the day of "HH:MM", as bundles have it.
func minuteOf(clock string) int {
	var h, m int
	if _, err := fmt.Sscanf(clock, "%d:%d", &h, &m); err != nil {
		return 0
	}
	return h*60 + m
}
