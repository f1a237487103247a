package age

import (
	"cmp"
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// Known is what signals together say of an account's age.
type Known struct {
	Interval Interval
	// Band is that of the youngest possible age, where a signal says so, and
	// unknown where that age is only the protective default.
	Band       event.Band
	Basis      event.Basis // of the signal that Band rests on, else of the strongest there is
	Method     string      // likewise
	Confidence float64     // likewise
	Proven     bool        // an adult, by highly effective age assurance
	Doubt      bool        // signals contradict each other: check again
	Expires    time.Time   // when the answer changes for lack of a signal; zero: never
}

// Merge makes one answer of the signals, as the package's table says. Youngest
// is the youngest band that the operator admits: who is unknown may be as
// young as that. Neither order nor repetition of signals matters.
func Merge(signals []Signal, youngest event.Band, now time.Time) Known {
	k := Known{Interval: Interval{IntervalOf(youngest).From, event.MaxAge}}
	proven, contradiction := agreed(signals, now)
	if claimed, ok := claimed(signals, now); ok {
		k.Interval.From = claimed
	}
	if !proven.Empty() {
		k.Interval = proven
	}
	k.Doubt = contradiction
	for i := range signals {
		s := &signals[i]
		if !s.expired(now) && !s.Expires.IsZero() && (k.Expires.IsZero() || s.Expires.Before(k.Expires)) {
			k.Expires = s.Expires
		}
		if !s.says() || s.strong(now) || s.Interval.From >= k.Interval.From {
			continue
		}
		k.Interval.From = s.Interval.From
		k.Doubt = k.Doubt || !proven.Empty()
	}
	k.Proven = !proven.Empty() && !k.Doubt && !k.Interval.MayBeMinor()
	k.restOn(signals, now)
	return k
}

// agreed is what all strong signals allow, or, where they contradict each
// other, all that any of them allows. It is empty if there is none.
func agreed(signals []Signal, now time.Time) (i Interval, contradiction bool) {
	var join Interval
	meet, late := Interval{0, event.MaxAge}, Interval{0, event.MaxAge}
	for n := range signals {
		if s := &signals[n]; s.strong(now) {
			join = join.Join(s.aged(now, 0))
			meet = meet.Intersect(s.aged(now, 0))
			late = late.Intersect(s.aged(now, 1))
		}
	}
	switch {
	case join.Empty():
		return Interval{}, false
	case !meet.Empty():
		return meet, false
	case !late.Empty(): // a birthday lies between them
		return late, false
	}
	return join, true
}

// claimed is the youngest age that the account or a guardian claims for it.
func claimed(signals []Signal, now time.Time) (from int, ok bool) {
	for i := range signals {
		s := &signals[i]
		if (s.Basis == event.BasisDeclared || s.Basis == event.BasisGuardian) && s.says() && !s.expired(now) && (!ok || s.Interval.From < from) {
			from, ok = s.Interval.From, true
		}
	}
	return from, ok
}

// says reports whether s says anything of the age.
func (s *Signal) says() bool {
	return s.Interval.valid() && s.Interval != IntervalOf(event.BandUnknown)
}

// restOn names the signal that the younger end rests on: the strongest of
// those that say it. If none does, the end is the protective default and the
// band unknown; what is named then is the strongest claim that was not
// believed.
func (k *Known) restOn(signals []Signal, now time.Time) {
	var best *Signal
	var bestRests bool
	for i := range signals {
		s := &signals[i]
		if !s.says() {
			continue
		}
		rests := s.Interval.From == k.Interval.From
		if best == nil || rests && !bestRests || rests == bestRests && s.outranks(best, now) {
			best, bestRests = s, rests
		}
	}
	if best == nil {
		return
	}
	if bestRests {
		k.Band = k.Interval.Youngest()
	}
	k.Basis, k.Method, k.Confidence = best.worth(now), best.Method, best.Confidence
}

// worth is the basis that a signal counts as: a weak estimate as something
// inferred, what has expired as nothing.
func (s *Signal) worth(now time.Time) event.Basis {
	switch {
	case s.expired(now):
		return event.BasisNone
	case s.Basis == event.BasisEstimated && !s.strong(now):
		return event.BasisInferred
	}
	return s.Basis
}

// outranks orders signals by how much they are worth, so that which one is
// named does not depend on their order.
func (s *Signal) outranks(other *Signal, now time.Time) bool {
	return cmp.Or(
		cmp.Compare(s.worth(now), other.worth(now)),
		cmp.Compare(s.Confidence, other.Confidence),
		cmp.Compare(other.Method, s.Method),
	) > 0
}
