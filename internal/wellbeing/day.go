package wellbeing

import "time"

// day is one day of somebody's calendar.
type day struct {
	number   int64 // days since 1970
	from, to int64 // seconds since 1970; 23 or 25 hours where the clocks change
	morning  int64 // night is before it
	evening  int64 // and from it on; 0 where the time zone is not known
}

// Night is from 22:00 to 07:00 by the person's clock.
const (
	nightFrom = 22
	nightTo   = 7
)

// dayOf is the day that a time is on in a time zone. Where nobody knows it, it
// is the day in UTC, and has no night.
func dayOf(at time.Time, zone *time.Location) day {
	known := zone != nil
	if !known {
		zone = time.UTC
	}
	y, m, d := at.In(zone).Date()
	hour := func(day, h int) int64 { return time.Date(y, m, day, h, 0, 0, 0, zone).Unix() }
	today := day{
		number: time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60),
		from:   hour(d, 0), to: hour(d+1, 0),
	}
	if known {
		today.morning, today.evening = hour(d, nightTo), hour(d, nightFrom)
	}
	return today
}

// usage is what counts of somebody's day.
type usage struct {
	sessions, seconds, night, breaks int64
}

func (u usage) plus(v usage, sign int64) usage {
	return usage{u.sessions + sign*v.sessions, u.seconds + sign*v.seconds, u.night + sign*v.night, u.breaks + sign*v.breaks}
}

// longBreak is a pause after which somebody has left, and did not take a break.
const longBreak = 60 * 60

// usage counts what of the spans is on the day. A session is what lies between
// two pauses of that many seconds; a pause shorter than longBreak is a break.
func (d *day) usage(spans []span, pause int64) usage {
	u := usage{seconds: seconds(spans, d.from, d.to)}
	if d.evening != 0 {
		u.night = seconds(spans, d.from, d.morning) + seconds(spans, d.evening, d.to)
	}
	for i, s := range spans {
		away := int64(longBreak)
		if i > 0 {
			away = s.from - spans[i-1].to
		}
		if away < pause || s.from < d.from || s.from >= d.to {
			continue
		}
		u.sessions++
		if away < longBreak {
			u.breaks++
		}
	}
	return u
}

func seconds(spans []span, from, to int64) int64 {
	return int64(covered(spans, from, to) / time.Second)
}
