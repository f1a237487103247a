package wellbeing

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// what a mark says, in the order of marks of one second.
type what uint8

const (
	start what = iota
	beat
	end
)

func kindOf(t event.Type) what {
	switch t {
	case event.SessionStart:
		return start
	case event.SessionEnd:
		return end
	default:
		return beat
	}
}

// mark is one event of a session, in eight bytes.
type mark struct {
	seconds uint32 // since 1970
	device  uint16
	what    what
}

func (m mark) at() int64 { return int64(m.seconds) }

func compare(a, b mark) int {
	return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.seconds, b.seconds), cmp.Compare(a.what, b.what))
}

// span is time online, from and to in seconds since 1970.
type span struct{ from, to int64 }

// person is somebody's time online: older spans, and the newest marks as they
// came, so that what comes late or out of order finds its place.
type person struct {
	folded []span // up to horizon
	marks  []mark // sorted
	// horizon is how far the spans are settled: what comes later and is older
	// changes nothing.
	horizon int64
	newest  int64
	seed    maphash.Seed // of this person's devices
	counted counted
}

const (
	// mostMarks is how many marks are kept before half of them is folded. With a
	// heartbeat every minute that is at least half an hour in which any order will
	// do.
	mostMarks = 64
	// mostAhead is how many marks may be kept where they are ahead of the clock.
	// A device whose clock is wrong must not settle the time of another.
	mostAhead = 16 * mostMarks
	// settleAfter is how long after the last mark all are folded.
	settleAfter = 60 * 60
	// forgetAfter is how long a mark, and a person, is of interest: a day, in
	// whichever time zone, and the one before.
	forgetAfter = 48 * time.Hour
	// longest is the longest session without a heartbeat: from a start to its end.
	longest = 4 * 60 * 60
)

// add takes in a mark. The same mark again changes nothing.
func (p *person) add(w what, at int64, device string) {
	if at <= p.horizon {
		return
	}
	m := mark{seconds: uint32(at), what: w}
	if device != "" {
		if p.seed == (maphash.Seed{}) {
			p.seed = maphash.MakeSeed()
		}
		m.device = uint16(maphash.String(p.seed, device)%0xffff) + 1
	}
	i, there := slices.BinarySearchFunc(p.marks, m, compare)
	if there {
		return
	}
	p.marks = slices.Insert(p.marks, i, m)
	p.newest = max(p.newest, at)
}

// spans is all time online, in order, none touching another. Gap is in seconds.
func (p *person) spans(gap, now int64) []span {
	if len(p.marks) > mostMarks {
		times := make([]uint32, len(p.marks))
		for i, m := range p.marks {
			times[i] = m.seconds
		}
		slices.Sort(times)
		horizon := int64(times[len(times)/2])
		if len(times) < mostAhead {
			horizon = min(horizon, now)
		}
		p.fold(horizon, gap)
	}
	return union(slices.Concat(p.folded, cover(p.marks, gap)))
}

// fold settles the marks up to a time. The last one of each device stays, for
// the next to go on from.
func (p *person) fold(horizon, gap int64) {
	p.horizon = horizon
	all := union(slices.Concat(p.folded, cover(p.marks, gap)))
	oldest := p.newest - int64(forgetAfter/time.Second)
	p.folded = p.folded[:0:0]
	for _, s := range all {
		if s.from <= p.horizon && s.to >= oldest {
			p.folded = append(p.folded, span{s.from, min(s.to, p.horizon)})
		}
	}
	var kept []mark
	for i, m := range p.marks {
		last := i+1 == len(p.marks) || p.marks[i+1].device != m.device || p.marks[i+1].at() > p.horizon
		if m.at() > p.horizon || last && p.horizon-m.at() <= longest {
			kept = append(kept, m)
		}
	}
	p.marks = kept
}

// cover is when somebody was online by sorted marks, device by device. The time
// between two marks counts if it is no longer than gap, unless the first ended
// a session and the second began one. A start and the end that follows it count
// however far apart, up to longest: such a platform sends no heartbeats. A
// session whose end was lost has ended with its last mark.
func cover(marks []mark, gap int64) []span {
	var spans []span
	going := false // on at the mark before
	for i, m := range marks {
		switch {
		case i > 0 && marks[i-1].device == m.device && joined(marks[i-1], m, gap):
			if !going {
				spans = append(spans, span{from: marks[i-1].at()})
			}
			spans[len(spans)-1].to = m.at()
			going = true
		case m.what != end:
			spans = append(spans, span{m.at(), m.at()})
			going = true
		default:
			going = false
		}
	}
	return spans
}

func joined(a, b mark, gap int64) bool {
	switch {
	case a.what == end && b.what == start:
		return false
	case a.what == start && b.what == end:
		return b.at()-a.at() <= max(gap, longest)
	}
	return b.at()-a.at() <= gap
}

// union sorts spans and joins those that touch: several devices count once.
func union(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var all []span
	for _, s := range spans {
		if n := len(all); n > 0 && s.from <= all[n-1].to {
			all[n-1].to = max(all[n-1].to, s.to)
			continue
		}
		all = append(all, s)
	}
	return all
}

// sinceBreak is how much of the spans there was before a time and after the
// last pause of at least so many seconds.
func sinceBreak(spans []span, at, pause int64) time.Duration {
	var sum int64
	later := at
	for _, s := range slices.Backward(spans) {
		if s.from > at {
			continue
		}
		to := min(s.to, at)
		if later-to >= pause {
			break
		}
		sum += to - s.from
		later = s.from
	}
	return time.Duration(sum) * time.Second
}

// covered is how much of the spans lies between two times.
func covered(spans []span, from, to int64) time.Duration {
	var sum int64
	for _, s := range spans {
		sum += max(0, min(s.to, to)-max(s.from, from))
	}
	return time.Duration(sum) * time.Second
}
