package hamming

import "math"

// fewestBanded is how many codes make bands worth their memory.
const fewestBanded = 4096

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
