package hamming

import "math/bits"

// part is codes of a segment that are searched in one way. A segment has one,
// or a second for codes that crowd its buckets.
type part struct {
	codes  []Code   // ascending, each once
	starts []uint32 // the ids of codes[i] are the segment's ids[starts[i]:starts[i+1]], ascending
	bands  []band   // none in a small part
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

// gathered is how many positions probe collects before it compares their
// codes. Collecting and comparing are loops of their own, without branches
// that depend on what memory holds, so that a processor waits for many reads
// at once.
const gathered = 512

// probe looks up the keys that the plan names.
func (p *part) probe(q *Code, radius int, plan *plan, yield func(i, distance int) bool) bool {
	var buf [gathered]uint32
	for i := range p.bands {
		b := &p.bands[i]
		key := plan.keys[i]
		n := 0
		for _, flip := range b.flips.within(plan.radii[i]) {
			from, to := b.starts[key^flip], b.starts[key^flip+1]
			for {
				if n > gathered-8 {
					if !p.compare(q, radius, plan, i, buf[:n], yield) {
						return false
					}
					n = 0
				}
				b.eight((*[8]uint32)(buf[n:]), from)
				if to-from <= 8 {
					n += int(to - from)
					break
				}
				n += 8
				from += 8
			}
		}
		if !p.compare(q, radius, plan, i, buf[:n], yield) {
			return false
		}
	}
	return true
}

// eight copies eight positions of the order, whether they are of one bucket
// or not.
func (b *band) eight(to *[8]uint32, from uint32) {
	switch {
	case b.order == nil:
		*to = [8]uint32{from, from + 1, from + 2, from + 3, from + 4, from + 5, from + 6, from + 7}
	case int(from)+8 <= len(b.order):
		*to = [8]uint32(b.order[from:])
	default:
		copy(to[:], b.order[from:])
	}
}

// compare gives those of the codes that are near, unless a band before the
// i-th, which led here, gave them.
func (p *part) compare(q *Code, radius int, plan *plan, i int, at []uint32, yield func(i, distance int) bool) bool {
	for _, j := range at {
		c := &p.codes[j]
		d := bits.OnesCount64(c[0]^q[0]) + bits.OnesCount64(c[1]^q[1])
		if d > radius {
			continue
		}
		d += bits.OnesCount64(c[2]^q[2]) + bits.OnesCount64(c[3]^q[3])
		if d <= radius && !p.foundBefore(c, i, plan) && !yield(int(j), d) {
			return false
		}
	}
	return true
}

// foundBefore reports whether a band before the i-th finds the code as well:
// each is given once, without a list of those given.
func (p *part) foundBefore(c *Code, i int, plan *plan) bool {
	for j := range i {
		if bits.OnesCount32(p.bands[j].key(c)^plan.keys[j]) <= int(plan.radii[j]) {
			return true
		}
	}
	return false
}
