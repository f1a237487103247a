package age

import "github.com/breakwater-project/breakwater/event"

// adulthood is where childhood ends, everywhere that this program knows law of.
const adulthood = 18

// Interval is the half-open range [From, To) of ages in whole years that an
// account may have. The zero Interval is empty.
type Interval struct{ From, To int }

// IntervalOf is the interval that a band stands for; unknown is every age.
func IntervalOf(b event.Band) Interval {
	from, to := b.Interval()
	return Interval{from, to}
}

// Empty reports whether no age is possible.
func (i Interval) Empty() bool { return i.From >= i.To }

// Intersect is what both allow; it may be empty.
func (i Interval) Intersect(other Interval) Interval {
	return Interval{max(i.From, other.From), min(i.To, other.To)}
}

// Join is the least interval that holds both.
func (i Interval) Join(other Interval) Interval {
	switch {
	case i.Empty():
		return other
	case other.Empty():
		return i
	}
	return Interval{min(i.From, other.From), max(i.To, other.To)}
}

// Contains reports whether every age of other is one of i.
func (i Interval) Contains(other Interval) bool {
	return other.Empty() || i.From <= other.From && other.To <= i.To
}

// MayBeMinor reports whether a child's age is possible.
func (i Interval) MayBeMinor() bool { return i.From < adulthood }

// MayBeAdult reports whether an adult's age is possible.
func (i Interval) MayBeAdult() bool { return i.To > adulthood }

// Youngest is the band of the youngest age that is possible.
func (i Interval) Youngest() event.Band { return event.BandOf(i.From) }

// valid reports whether i holds an age that people have.
func (i Interval) valid() bool { return i.From >= 0 && i.To <= event.MaxAge && !i.Empty() }
