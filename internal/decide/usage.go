package decide

import (
	"maps"
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// Usage knows how long people are online. It is safe for concurrent use, and
// quick.
type Usage interface {
	// Mark takes in an event of a session. The order does not matter, nor how
	// often it comes.
	Mark(ev *event.Event, at time.Time)
	// Use is how long an account has been online at a time, for somebody of
	// that band in that time zone; nil is one that nobody knows.
	Use(account string, at time.Time, zone *time.Location, band event.Band) Use
}

// Use is how long somebody has been online.
type Use struct {
	Session time.Duration // since their last break
	Day     time.Duration // on their day; in the last 24 hours where their time zone is not known
}

// The attributes of events that tell of somebody's time.
const (
	timeZone       = "time_zone"       // from the platform: where the person is, an IANA name
	sessionMinutes = "session_minutes" // since the last break
	dayMinutes     = "day_minutes"     // today
)

// minutesStep is how exactly Eval is told of minutes, and the journal with it:
// minutes that rise one by one would string a person's entries together.
const minutesStep = 5

// locate fills in by which clock the actor lives: the one that the platform
// names, if it is one, else that of their place.
func (e *Engine) locate(d *draft) {
	a := &d.input.Actor
	d.zone = e.Clock.Of(a.Country, a.Region)
	name, _ := d.input.Attributes[timeZone].(string)
	if zone := e.Clock.Zone(name); zone != nil {
		d.zone = zone
		hour := d.input.Time.In(zone).Hour()
		a.LocalHour = &hour
	}
}

// attend marks an event of a session.
func (e *Engine) attend(d *draft) {
	if e.Usage != nil && inSession(d.event.Type) {
		e.Usage.Mark(d.event, d.input.Time)
	}
}

// recallUse adds how long the actor has been online. What the platform says
// itself counts where it is more.
func (e *Engine) recallUse(d *draft) {
	if e.Usage == nil || !inSession(d.event.Type) {
		return
	}
	use := e.Usage.Use(d.event.Actor.ID, d.input.Time, d.zone, d.input.Actor.Band)
	attributes := maps.Clone(d.input.Attributes) // the event's own stay as they are
	if attributes == nil {
		attributes = map[string]any{}
	}
	atLeast(attributes, sessionMinutes, use.Session)
	atLeast(attributes, dayMinutes, use.Day)
	d.input.Attributes = attributes
}

func inSession(t event.Type) bool {
	return t == event.SessionStart || t == event.SessionHeartbeat || t == event.SessionEnd
}

// atLeast raises an attribute to so many minutes. One that is no number stays:
// rules take it for a missing input.
func atLeast(attributes map[string]any, name string, known time.Duration) {
	minutes := float64(int(known/time.Minute) / minutesStep * minutesStep)
	said, given := attributes[name]
	if number, ok := said.(float64); !given || ok && number < minutes {
		attributes[name] = minutes
	}
}
