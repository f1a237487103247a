package policy

import (
	"github.com/breakwater-project/breakwater/event"
)

const adulthood = 18

// person is a Subject as conditions read it.
type person struct {
	band, basis, country string
	from, to             int64
	days, hour           int64
	hasDays, hasHour     bool
	minor, adult, proven bool
}

// viewer is one class of people who meet the event: all that conditions can
// tell apart.
type viewer struct {
	person
	connected, named, self bool
	blocked, muted         tri
	mutuals                int64
	tally                  int // the row of state.tallies that has the class's counts
}

// interval is the half-open range of possible ages. One that is not given, or
// empty, is the band's; an unknown band is everyone from youngest up.
func (s *Subject) interval(youngest int) (from, to int) {
	if s.From < s.To {
		return s.From, s.To
	}
	if s.Band == event.BandUnknown {
		return youngest, event.MaxAge
	}
	return s.Band.Interval()
}

func (p *person) read(s *Subject, protective event.Band) {
	youngest, _ := protective.Interval()
	from, to := s.interval(youngest)
	*p = person{
		band: s.Band.String(), basis: s.Basis.String(), country: s.Country,
		from: int64(from), to: int64(to),
		minor: from < adulthood, adult: to > adulthood, proven: s.Proven && from >= adulthood,
	}
	if s.AccountDays != nil {
		p.days, p.hasDays = int64(*s.AccountDays), true
	}
	if s.LocalHour != nil {
		p.hour, p.hasHour = int64(*s.LocalHour), true
	}
}
