package hamming

import (
	"encoding/binary"
	"math"
)

// fewestBanded is how many codes make bands worth their memory.
const fewestBanded = 4096

// band is some neighbouring bits of every code, and which codes have which
// value of them.
type band struct {
	cut
	starts []uint32 // codes whose bits have the value k are at starts[k] to starts[k+1] of next and order
	next   []byte   // their bits in the band that follows: two bytes each, and six more
	order  []byte   // their positions in codes, three bytes each; nil in the first band, whose order is that of codes
	flips  flips
	after  int // the band that follows in the ring of this one
}

// position is where in codes the at-th of the order is.
func (b *band) position(at uint32) uint32 {
	if b.order == nil {
		return at
	}
	o := b.order[3*at:][:3]
	return uint32(o[0]) | uint32(o[1])<<8 | uint32(o[2])<<16
}

// put makes a code the at-th.
func (b *band) put(at, position uint32, next uint16) {
	binary.LittleEndian.PutUint16(b.next[2*at:], next)
	if b.order != nil {
		o := b.order[3*at:][:3]
		o[0], o[1], o[2] = byte(position), byte(position>>8), byte(position>>16)
	}
}

// cut says which bits of a code a band has.
type cut struct {
	word, next int  // the words of the first bit and, if it goes on there, of the last
	shift      uint // of the first bit in its word, from the left
	width      uint // bits, at most 16
}

// key is the value of the band's bits. Where they end in one word, bits of
// the next are shifted in and out again.
func (s cut) key(c *Code) uint32 {
	return uint32((c[s.word]<<s.shift | c[s.next]>>(64-s.shift)) >> (64 - s.width))
}

const (
	leastBands = 16      // widths of at most 16 bits
	mostBands  = 64      // widths of at least 4 bits
	mostBanded = 1 << 24 // codes of a part, whose positions have three bytes
)

// bandsFor is the number of bands for n codes: as many as leave a bucket about
// one code if codes are random, but at least 16. So a radius of 31 means one
// bit in each band, and few buckets that are read from end to end, which costs
// less than probing many.
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

// bandsOf sorts ascending codes by the bits of each of m bands, those that are
// crowded in a ring of their own.
func bandsOf(codes []Code, m int, crowded uint64) []band {
	bands := emptyBands(m, crowded)
	var room []uint64
	if m > 1 {
		room = large[uint64](len(codes))
	}
	for i := range bands {
		b, next := &bands[i], bands[bands[i].after].cut
		b.starts = make([]uint32, 1<<b.width+1)
		b.next = large[byte](2*len(codes) + 6)
		if i > 0 {
			b.order = large[byte](3 * len(codes))
			b.sort(codes, next, room)
			continue
		}
		for j := range codes { // they are in its order
			b.starts[b.key(&codes[j])+1]++
			b.put(uint32(j), uint32(j), uint16(next.key(&codes[j])))
		}
		for k := range 1 << b.width {
			b.starts[k+1] += b.starts[k]
		}
	}
	return bands
}

// sort fills the band, first dividing the codes by the first half of the key
// so that what follows stays within a cache. It uses the room.
func (b *band) sort(codes []Code, next cut, room []uint64) {
	half := b.width / 2
	ends := make([]uint32, 1<<(b.width-half)+1)
	for j := range codes {
		ends[b.key(&codes[j])>>half+1]++
	}
	for k := range len(ends) - 1 {
		ends[k+1] += ends[k]
	}
	for j := range codes { // ends[k] goes from where division k begins to where it ends
		key := b.key(&codes[j])
		room[ends[key>>half]] = uint64(key)<<48 | uint64(next.key(&codes[j]))<<32 | uint64(j)
		ends[key>>half]++
	}
	from := uint32(0)
	for division, to := range ends[:len(ends)-1] {
		starts := b.starts[division<<half+1:][:1<<half]
		for _, keyed := range room[from:to] {
			starts[keyed>>48&(1<<half-1)]++
		}
		sum := from
		for k := range starts {
			starts[k], sum = sum, sum+starts[k]
		}
		for _, keyed := range room[from:to] { // starts[k] goes from where bucket k begins to where it ends
			k := keyed >> 48 & (1<<half - 1)
			b.put(starts[k], uint32(keyed), uint16(keyed>>32))
			starts[k]++
		}
		from = to
	}
}

// emptyBands is m bands that know their bits only.
func emptyBands(m int, crowded uint64) []band {
	if m == 0 {
		return nil
	}
	bands := make([]band, m)
	known := map[uint]flips{}
	for i, c := range cuts(m) {
		if _, ok := known[c.width]; !ok {
			known[c.width] = flipsOf(c.width)
		}
		after := (i + 1) % m
		for crowded>>after&1 != crowded>>i&1 {
			after = (after + 1) % m
		}
		bands[i] = band{cut: c, flips: known[c.width], after: after}
	}
	return bands
}
