package hamming

import (
	"runtime"
	"slices"
	"sync/atomic"
)

// segment is an immutable set of entries, but that entries die.
type segment struct {
	from   *mapping // what the arrays lie in, if they do
	parts  []part
	ids    []uint64
	dead   marks // positions in ids
	killed atomic.Int64
}

func (s *segment) live() int { return len(s.ids) - int(s.killed.Load()) }

// wasteful reports whether most of the entries are dead.
func (s *segment) wasteful() bool { return 2*s.live() < len(s.ids) }

// find is where the entry stands in ids, and whether it does and lives.
func (s *segment) find(e Entry) (int, bool) {
	defer runtime.KeepAlive(s)
	for i := range s.parts {
		p := &s.parts[i]
		j, ok := slices.BinarySearchFunc(p.codes, e.Code, Code.Compare)
		if !ok {
			continue
		}
		at, ok := slices.BinarySearch(s.ids[p.starts[j]:p.starts[j+1]], e.ID)
		at += int(p.starts[j])
		return at, ok && !s.dead.has(at)
	}
	return 0, false
}

func (s *segment) has(e Entry) bool {
	_, ok := s.find(e)
	return ok
}

func (s *segment) kill(e Entry) bool {
	at, ok := s.find(e)
	if ok {
		s.dead.set(at)
		s.killed.Add(1)
	}
	return ok
}

// search gives the live entries within radius of q until yield returns false,
// and reports whether it never did.
func (s *segment) search(q Code, radius int, yield func(Match) bool) bool {
	for i := range s.parts {
		p := &s.parts[i]
		if !p.search(&q, radius, func(j, distance int) bool { return s.yield(p, j, distance, yield) }) {
			return false
		}
	}
	return true
}

// yield gives the live entries of a part's j-th code.
func (s *segment) yield(p *part, j, distance int, yield func(Match) bool) bool {
	for at := int(p.starts[j]); at < int(p.starts[j+1]); at++ {
		if !s.dead.has(at) && !yield(Match{Entry{p.codes[j], s.ids[at]}, distance}) {
			return false
		}
	}
	return true
}

// appendLive appends the entries that are not dead.
func (s *segment) appendLive(entries []Entry) []Entry {
	for i := range s.parts {
		p := &s.parts[i]
		for j := range p.codes {
			s.yield(p, j, 0, func(m Match) bool {
				entries = append(entries, m.Entry)
				return true
			})
		}
	}
	runtime.KeepAlive(s)
	return entries
}
