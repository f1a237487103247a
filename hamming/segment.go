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

// build makes a segment of entries, which may repeat. One of fewer than banded
// codes has no bands.
func build(entries []Entry, banded int) *segment {
	codes, ids := sortEntries(entries)
	distinct, kept := 0, 0
	for i := range codes {
		switch {
		case i == 0 || codes[i] != codes[i-1]:
			distinct++
			kept++
		case ids[i] != ids[i-1]:
			kept++
		}
	}
	s := &segment{
		codes:  make([]Code, 0, distinct),
		starts: make([]uint32, 0, distinct+1),
		ids:    make([]uint64, 0, kept),
		dead:   newMarks(kept),
	}
	if kept == len(ids) {
		s.ids = ids[:0] // written no faster than read
	}
	if distinct == len(codes) {
		s.codes = codes[:0]
	}
	var last Entry
	for i := range codes {
		e := Entry{codes[i], ids[i]}
		if i > 0 && e == last {
			continue
		}
		if i == 0 || e.Code != last.Code {
			s.codes = append(s.codes, e.Code)
			s.starts = append(s.starts, uint32(len(s.ids)))
		}
		s.ids = append(s.ids, e.ID)
		last = e
	}
	s.starts = append(s.starts, uint32(len(s.ids)))
	s.bands = bandsOf(s.codes, bandsFor(len(s.codes), banded))
	return s
}

// sortEntries gives the codes and ids of entries in ascending order. It puts
// them into buckets by their first bits, about one in each if they are random,
// and sorts within buckets.
func sortEntries(entries []Entry) ([]Code, []uint64) {
	shift := 64 - min(bits.Len(uint(len(entries))), 24)
	ends := make([]uint32, 1<<(64-shift)+1) // of buckets
	for i := range entries {
		ends[entries[i].Code[0]>>shift+1]++
	}
	for k := range len(ends) - 1 {
		ends[k+1] += ends[k]
	}
	codes, ids := make([]Code, len(entries)), make([]uint64, len(entries))
	for i := range entries { // ends[k] goes from where bucket k begins to where it ends
		k := entries[i].Code[0] >> shift
		codes[ends[k]], ids[ends[k]] = entries[i].Code, entries[i].ID
		ends[k]++
	}
	var bucket []Entry
	from := 0
	for _, end := range ends[:len(ends)-1] {
		to := int(end)
		if to-from > 1 {
			bucket = bucket[:0]
			for i := from; i < to; i++ {
				bucket = append(bucket, Entry{codes[i], ids[i]})
			}
			slices.SortFunc(bucket, Entry.compare)
			for i, e := range bucket {
				codes[from+i], ids[from+i] = e.Code, e.ID
			}
		}
		from = to
	}
	return codes, ids
}

// bandsOf sorts ascending codes by the bits of each of m bands.
func bandsOf(codes []Code, m int) []band {
	bands := emptyBands(m)
	var room []uint64
	if m > 1 {
		room = make([]uint64, len(codes))
	}
	for i := range bands {
		b := &bands[i]
		b.starts = make([]uint32, 1<<b.width+1)
		if i == 0 { // the codes are in its order
			for j := range codes {
				b.starts[b.key(&codes[j])+1]++
			}
			for k := range 1 << b.width {
				b.starts[k+1] += b.starts[k]
			}
			continue
		}
		b.sort(codes, room)
	}
	return bands
}

// sort fills the band, first dividing the codes by the first half of the key
// so that what follows stays within a cache. It uses the room.
func (b *band) sort(codes []Code, room []uint64) {
	half := b.width / 2
	ends := make([]uint32, 1<<(b.width-half)+1)
	for j := range codes {
		ends[b.key(&codes[j])>>half+1]++
	}
	for k := range len(ends) - 1 {
		ends[k+1] += ends[k]
	}
	for j := range codes { // ends[k] goes from where part k begins to where it ends
		key := b.key(&codes[j])
		room[ends[key>>half]] = uint64(key)<<32 | uint64(j)
		ends[key>>half]++
	}
	b.order = make([]uint32, len(codes))
	from := uint32(0)
	for part, to := range ends[:len(ends)-1] {
		starts := b.starts[part<<half+1:][:1<<half]
		for _, keyed := range room[from:to] {
			starts[keyed>>32&(1<<half-1)]++
		}
		sum := from
		for k := range starts {
			starts[k], sum = sum, sum+starts[k]
		}
		for _, keyed := range room[from:to] { // starts[k] goes from where bucket k begins to where it ends
			k := keyed >> 32 & (1<<half - 1)
			b.order[starts[k]] = uint32(keyed)
			starts[k]++
		}
		from = to
	}
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

// gathered is how many positions probe collects before it compares their
// codes. Collecting and comparing are loops of their own, without branches
// that depend on what memory holds, so that a processor waits for many reads
// at once.
const gathered = 512

// probe looks up the keys that the plan names.
func (s *segment) probe(q *Code, radius int, p *plan, yield func(Match) bool) bool {
	var buf [gathered]uint32
	for i := range s.bands {
		b := &s.bands[i]
		key := p.keys[i]
		n := 0
		for _, flip := range b.flips.within(p.radii[i]) {
			from, to := b.starts[key^flip], b.starts[key^flip+1]
			for {
				if n > gathered-8 {
					if !s.compare(q, radius, p, i, buf[:n], yield) {
						return false
					}
					n = 0
				}
				// Eight at a time, whether there are as many or not.
				if b.order == nil {
					*(*[8]uint32)(buf[n:]) = [8]uint32{from, from + 1, from + 2, from + 3, from + 4, from + 5, from + 6, from + 7}
				} else if int(from)+8 <= len(b.order) {
					*(*[8]uint32)(buf[n:]) = [8]uint32(b.order[from:])
				} else {
					copy(buf[n:], b.order[from:])
				}
				if to-from <= 8 {
					n += int(to - from)
					break
				}
				n += 8
				from += 8
			}
		}
		if !s.compare(q, radius, p, i, buf[:n], yield) {
			return false
		}
	}
	return true
}

// compare gives those of the codes that are near, unless a band before the
// i-th, which led here, gave them.
func (s *segment) compare(q *Code, radius int, p *plan, i int, at []uint32, yield func(Match) bool) bool {
	for _, j := range at {
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
