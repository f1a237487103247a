package hamming

import (
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sort"
	"sync/atomic"
)

// fewestBanded is how many codes make bands worth their memory.
const fewestBanded = 4096

// segment is an immutable set of entries, but that entries die.
type segment struct {
	from   *mapping // what the arrays lie in, if they do
	codes  []Code   // ascending, each once
	starts []uint32 // the ids of codes[i] are ids[starts[i]:starts[i+1]], ascending
	ids    []uint64
	bands  []band // none in a small segment
	dead   marks  // positions in ids
	killed atomic.Int64
}

// band is some neighbouring bits of every code, and which codes have which
// value of them.
type band struct {
	cut
	starts []uint32 // codes whose bits have the value k are order[starts[k]:starts[k+1]]
	order  []uint32 // positions in codes; nil in the first band, whose order is that of codes
	flips  flips
}

// cut says which bits of a code a band has.
type cut struct {
	word, next int  // the words of the first bit and, if it goes on there, of the last
	shift      uint // of the first bit in its word, from the left
	width      uint // bits, at most 29
}

// key is the value of the band's bits. Where they end in one word, bits of
// the next are shifted in and out again.
func (s cut) key(c *Code) uint32 {
	return uint32((c[s.word]<<s.shift | c[s.next]>>(64-s.shift)) >> (64 - s.width))
}

const (
	leastBands = 9  // widths of at most 29 bits
	mostBands  = 64 // widths of at least 4 bits
)

// bandsFor is the number of bands for n codes: as many as leave a bucket about
// one code if codes are random. Fewer would probe more empty buckets, more
// would read more codes that are not near.
func bandsFor(n, banded int) int {
	if n < max(banded, 2) {
		return 0
	}
	return min(max(int(math.Ceil(Size/math.Log2(float64(n)))), leastBands), mostBands)
}

// cuts divides a code into m bands, the wider ones first.
func cuts(m int) []cut {
	all := make([]cut, m)
	bit := uint(0)
	for i := range all {
		width := uint(Size / m)
		if i < Size%m {
			width++
		}
		all[i] = cut{word: int(bit / 64), next: min(int(bit/64)+1, 3), shift: bit % 64, width: width}
		bit += width
	}
	return all
}

// build makes a segment of entries, which may repeat and which it reorders.
// One of fewer than banded codes has no bands.
func build(entries []Entry, banded int) *segment {
	slices.SortFunc(entries, Entry.compare)
	entries = slices.Compact(entries)
	s := &segment{ids: make([]uint64, len(entries)), dead: newMarks(len(entries))}
	distinct := 0
	for i := range entries {
		if i == 0 || entries[i].Code != entries[i-1].Code {
			distinct++
		}
	}
	s.codes = make([]Code, 0, distinct)
	s.starts = make([]uint32, 0, distinct+1)
	for i := range entries {
		if i == 0 || entries[i].Code != entries[i-1].Code {
			s.codes = append(s.codes, entries[i].Code)
			s.starts = append(s.starts, uint32(i))
		}
		s.ids[i] = entries[i].ID
	}
	s.starts = append(s.starts, uint32(len(entries)))
	s.bands = bandsOf(s.codes, bandsFor(len(s.codes), banded))
	return s
}

// bandsOf sorts ascending codes by the bits of each of m bands.
func bandsOf(codes []Code, m int) []band {
	bands := emptyBands(m)
	for i := range bands {
		b := &bands[i]
		b.starts = make([]uint32, 1<<b.width+1)
		for j := range codes {
			b.starts[b.key(&codes[j])+1]++
		}
		for k := range 1 << b.width {
			b.starts[k+1] += b.starts[k]
		}
		if i == 0 {
			continue
		}
		b.order = make([]uint32, len(codes))
		for j := len(codes) - 1; j >= 0; j-- {
			k := b.key(&codes[j]) + 1
			b.starts[k]--
			b.order[b.starts[k]] = uint32(j)
		}
		// Each starts[k+1] went down to where its bucket begins, which is
		// where starts[k] belongs.
		copy(b.starts, b.starts[1:])
		b.starts[1<<b.width] = uint32(len(codes))
	}
	return bands
}

// emptyBands is m bands that know their bits only.
func emptyBands(m int) []band {
	if m == 0 {
		return nil
	}
	bands := make([]band, m)
	known := map[uint]flips{}
	for i, c := range cuts(m) {
		if _, ok := known[c.width]; !ok {
			known[c.width] = flipsOf(c.width)
		}
		bands[i] = band{cut: c, flips: known[c.width]}
	}
	return bands
}

func (s *segment) live() int { return len(s.ids) - int(s.killed.Load()) }

// wasteful reports whether most of the entries are dead.
func (s *segment) wasteful() bool { return 2*s.live() < len(s.ids) }

// find is where the entry stands in ids, and whether it does and lives.
func (s *segment) find(e Entry) (int, bool) {
	i := sort.Search(len(s.codes), func(i int) bool { return s.codes[i].Compare(e.Code) >= 0 })
	if i == len(s.codes) || s.codes[i] != e.Code {
		return 0, false
	}
	at, ok := slices.BinarySearch(s.ids[s.starts[i]:s.starts[i+1]], e.ID)
	at += int(s.starts[i])
	runtime.KeepAlive(s)
	return at, ok && !s.dead.has(at)
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
	if radius < 0 {
		return true
	}
	var p plan
	if !p.choose(s, &q, radius) {
		return near(s.codes, q, radius, func(i, distance int) bool { return s.yield(i, distance, yield) })
	}
	return s.probe(&q, radius, &p, yield)
}

// probe looks up the keys that the plan names.
func (s *segment) probe(q *Code, radius int, p *plan, yield func(Match) bool) bool {
	for i := range s.bands {
		b := &s.bands[i]
		key := p.keys[i]
		for _, flip := range b.flips.within(p.radii[i]) {
			from, to := b.starts[key^flip], b.starts[key^flip+1]
			for at := from; at < to; at++ {
				j := at
				if b.order != nil {
					j = b.order[at]
				}
				c := &s.codes[j]
				d := bits.OnesCount64(c[0]^q[0]) + bits.OnesCount64(c[1]^q[1])
				if d > radius {
					continue
				}
				d += bits.OnesCount64(c[2]^q[2]) + bits.OnesCount64(c[3]^q[3])
				if d <= radius && !s.foundBefore(c, i, p) && !s.yield(int(j), d, yield) {
					return false
				}
			}
		}
	}
	return true
}

// foundBefore reports whether a band before the i-th finds the code as well:
// each is given once, without a list of those given.
func (s *segment) foundBefore(c *Code, i int, p *plan) bool {
	for j := range i {
		if bits.OnesCount32(s.bands[j].key(c)^p.keys[j]) <= int(p.radii[j]) {
			return true
		}
	}
	return false
}

// yield gives the live entries of the i-th code.
func (s *segment) yield(i, distance int, yield func(Match) bool) bool {
	for at := int(s.starts[i]); at < int(s.starts[i+1]); at++ {
		if !s.dead.has(at) && !yield(Match{Entry{s.codes[i], s.ids[at]}, distance}) {
			return false
		}
	}
	return true
}

// appendLive appends the entries that are not dead.
func (s *segment) appendLive(entries []Entry) []Entry {
	for i, c := range s.codes {
		for at := int(s.starts[i]); at < int(s.starts[i+1]); at++ {
			if !s.dead.has(at) {
				entries = append(entries, Entry{c, s.ids[at]})
			}
		}
	}
	runtime.KeepAlive(s)
	return entries
}
