package hamming

import (
	"encoding/binary"
	"math/bits"
)

// part is codes of a segment that are searched in one way. A segment has one,
// or more: for codes that crowd its buckets, and where there are very many.
type part struct {
	codes  []Code   // ascending, each once
	starts []uint32 // the ids of codes[i] are the segment's ids[starts[i]:starts[i+1]], ascending
	bands  []band   // none in a small part

	crowded uint64 // a bit for each band in which many codes have the same value
}

// search gives the position and distance of each code within radius of q
// until yield returns false, and reports whether it never did.
func (p *part) search(q *Code, radius int, yield func(i, distance int) bool) bool {
	if radius < 0 {
		return true
	}
	var plan plan
	if !plan.choose(p, q, radius) {
		return near(p.codes, *q, radius, yield)
	}
	return p.probe(q, radius, &plan, yield)
}

// candidate is a code that may be near.
type candidate struct {
	at   uint32 // in the order of the band
	band uint32 // that led to it
}

// gathered is how many candidates probe collects before it compares their
// codes. Collecting and comparing are loops of their own, without branches
// that depend on what memory holds, so that a processor waits for many reads
// at once.
const gathered = 512

// probe looks up the keys that the plan names. The bits of the next band are
// there too, and rule out most of what chance brings.
func (p *part) probe(q *Code, radius int, plan *plan, yield func(i, distance int) bool) bool {
	var buf [gathered]candidate
	n := 0
	for i := range p.bands {
		b, key := &p.bands[i], plan.keys[i]
		b.fetch(key, b.flips.within(plan.radii[i]))
		for flipped := 0; flipped <= int(plan.radii[i]); flipped++ {
			four := fourWithin(uint16(plan.keys[b.after]), plan.left(b, i, flipped))
			for _, flip := range b.flips.exactly(flipped) {
				from, to := b.starts[key^flip], b.starts[key^flip+1]
				for ; from < to; from += 4 {
					found := four.of(binary.LittleEndian.Uint64(b.next[2*from:]))
					for ; found != 0; found &= found - 1 {
						at := from + uint32(bits.TrailingZeros64(found))/16
						if at >= to { // in another bucket
							break
						}
						if n == gathered {
							if !p.compare(q, radius, plan, buf[:n], yield) {
								return false
							}
							n = 0
						}
						buf[n] = candidate{at, uint32(i)}
						n++
					}
				}
			}
		}
	}
	return p.compare(q, radius, plan, buf[:n], yield)
}

// fetch reads something from each line of cache that the buckets lie in: a
// processor waits for all of them at once, and finds them near afterwards.
//
//go:noinline // or the compiler sees that nobody wants the sum
func (b *band) fetch(key uint32, flips []uint32) (sum byte) {
	const line = 64 / 2 // codes
	for _, flip := range flips {
		for from, to := b.starts[key^flip], b.starts[key^flip+1]; from < to; from += line {
			sum += b.next[2*from]
		}
	}
	return sum
}

// four says which of four neighbouring values of 16 bits are near one.
type four struct{ want, most uint64 }

const eachOfFour = 0x0001_0001_0001_0001

// fourWithin looks for values that differ from want in at most so many bits.
func fourWithin(want uint16, most int) four {
	return four{uint64(want) * eachOfFour, uint64(0x8000+most) * eachOfFour}
}

// of sets the highest bit of each value that is near, and no other. It counts
// the bits of all four at once.
func (f four) of(values uint64) uint64 {
	n := values ^ f.want
	n -= n >> 1 & 0x5555_5555_5555_5555
	n = n&0x3333_3333_3333_3333 + n>>2&0x3333_3333_3333_3333
	n = (n + n>>4) & 0x0f0f_0f0f_0f0f_0f0f
	n = (n + n>>8) & (0x1f * eachOfFour)
	return (f.most - n) & (0x8000 * eachOfFour)
}

// compare gives those of the codes that are near, unless a band before the
// one that led here gave them. It writes over the candidates.
func (p *part) compare(q *Code, radius int, plan *plan, candidates []candidate, yield func(i, distance int) bool) bool {
	for i := range candidates {
		x := &candidates[i]
		x.at = p.bands[x.band].position(x.at)
	}
	for _, x := range candidates {
		if int(x.at) >= len(p.codes) { // somebody made a snapshot that says so
			continue
		}
		c := &p.codes[x.at]
		d := bits.OnesCount64(c[0]^q[0]) + bits.OnesCount64(c[1]^q[1])
		if d > radius {
			continue
		}
		d += bits.OnesCount64(c[2]^q[2]) + bits.OnesCount64(c[3]^q[3])
		if d <= radius && !p.foundBefore(c, int(x.band), plan) && !yield(int(x.at), d) {
			return false
		}
	}
	return true
}

// foundBefore reports whether a band before the i-th finds the code as well:
// each is given once, without a list of those given.
func (p *part) foundBefore(c *Code, i int, plan *plan) bool {
	differ := func(j int) int { return bits.OnesCount32(p.bands[j].key(c) ^ plan.keys[j]) }
	for j := range i {
		b := &p.bands[j]
		if d := differ(j); d <= int(plan.radii[j]) && differ(b.after) <= plan.left(b, j, d) {
			return true
		}
	}
	return false
}
