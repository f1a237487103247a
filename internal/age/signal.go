package age

import (
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// HighlyEffective is the least confidence at which an estimate counts as
// highly effective age assurance.
const HighlyEffective = 0.9

// Signal is one statement about an account's age.
type Signal struct {
	Interval   Interval
	Basis      event.Basis
	Method     string    // how, for example "facial-estimation"; empty if the platform did not say
	Confidence float64   // 0..1, that the age lies in the interval
	At         time.Time // when it was given
	Expires    time.Time // zero: never
	Source     string    // who gave it; an account has one signal of each source
}

// Platform is the source of what the platform itself says of an account.
const Platform = "platform"

// FromPlatform is the platform's statement of an age, taken at the face value
// of its basis.
func FromPlatform(a event.Age, at time.Time) Signal {
	return Signal{Interval: IntervalOf(a.Band), Basis: a.Basis, Confidence: 1, At: at, Source: Platform}
}

// strong reports whether s may set the interval at a time, rather than only
// lower it.
func (s *Signal) strong(now time.Time) bool {
	if s.expired(now) || !s.Interval.valid() || s.Interval == IntervalOf(event.BandUnknown) {
		return false
	}
	return s.Basis == event.BasisVerified || s.Basis == event.BasisEstimated && s.Confidence >= HighlyEffective
}

func (s *Signal) expired(now time.Time) bool {
	return !s.Expires.IsZero() && !now.Before(s.Expires)
}

// aged is the interval at a time: with every full year since the signal was
// given, and as many more, the account may be a year older.
func (s *Signal) aged(now time.Time, more int) Interval {
	i := s.Interval
	if !s.At.IsZero() && now.After(s.At) {
		const year = 365.2425 * 24 * float64(time.Hour)
		i.To = min(event.MaxAge, i.To+int(float64(now.Sub(s.At))/year)+more)
	}
	return i
}
