package hamming

import "math"

// widest is the greatest radius within a band: looking up keys with
// five bits flipped costs more than a scan of a million codes.
const widest = 4

// flips are the ways to flip at most widest of a number of bits, fewest bits
// first.
type flips struct {
	masks []uint32
	count [widest + 2]int // count[r+1] of masks flip at most r bits
}

func flipsOf(width uint) flips {
	f := flips{masks: []uint32{0}, count: [widest + 2]int{0, 1}}
	from := 0
	for r := 1; r <= widest; r++ {
		to := len(f.masks)
		for _, mask := range f.masks[from:to] {
			for bit := range width {
				if 1<<bit > mask { // ascending bits: each combination once
					f.masks = append(f.masks, mask|1<<bit)
				}
			}
		}
		from = to
		f.count[r+1] = len(f.masks)
	}
	return f
}

// within is the flips of at most radius bits: none for -1.
func (f *flips) within(radius int8) []uint32 { return f.masks[:f.count[radius+1]] }

// exactly is the flips of radius bits.
func (f *flips) exactly(radius int) []uint32 { return f.masks[f.count[radius]:f.count[radius+1]] }

// plan says how a part is searched: which keys within which radius of
// each band. A radius of -1 leaves the band out.
type plan struct {
	keys  [mostBands]uint32
	radii [mostBands]int8
}

// left is how many bits may differ in the band after the i-th, if some are
// flipped in that one. Give each band its radius plus one, and let a code differ
// in fewer bits than that is together: then also in those of some ring. In that
// there is a band from which on the code never uses up what was given so far,
// however far one goes around: if each band led to one where it did, laps from
// there to there would add up to rounds in which it used as much as was given.
// So what is near is found by a band of whose gift, and the next one's,
// something is left.
func (p *plan) left(b *band, i, flipped int) int {
	return int(p.radii[i]) + int(p.radii[b.after]) + 1 - flipped
}

// Costs are counted in the time that a scan takes for a third of a code: what
// probing a bucket costs, and reading a code in one that is crowded, where the
// next band tells less apart.
const (
	scanning = 3
	probing  = 16
	reading  = 8
)

// choose fills the plan and reports whether it is better than a scan. It
// first divides the radius evenly, which is right for codes like random ones.
// Where that meets buckets far fuller than chance makes them, it weighs the
// bands, and others do more of the work of the full ones.
func (p *plan) choose(s *part, q *Code, radius int) bool {
	scan := scanning * len(s.codes)
	if len(s.bands) == 0 || !p.even(s.bands, radius) {
		return false
	}
	probes, chance := 0, 0
	for i := range s.bands {
		b := &s.bands[i]
		p.keys[i] = b.key(q)
		n := len(b.flips.within(p.radii[i]))
		probes += n
		chance += n * (len(s.codes)>>b.width + 8)
	}
	if probing*probes > scan {
		return false
	}
	codes := 0
	for i := range s.bands {
		codes += s.bands[i].held(p.keys[i], s.bands[i].flips.within(p.radii[i]))
	}
	if codes <= 2*chance {
		return true
	}
	return p.weigh(s.bands, radius, scan) < scan
}

// even divides radius+1 among the bands, the wider ones first. It reports
// whether that needs at most widest in each.
func (p *plan) even(bands []band, radius int) bool {
	m := len(bands)
	for i := range bands {
		r := (radius+1)/m - 1
		if i < (radius+1)%m {
			r++
		}
		if r > widest {
			return false
		}
		p.radii[i] = int8(r)
	}
	return true
}

// held is the number of codes in the buckets of a key and its flips.
func (b *band) held(key uint32, flips []uint32) int {
	n := 0
	for _, flip := range flips {
		n += int(b.starts[key^flip+1] - b.starts[key^flip])
	}
	return n
}

// weigh sets the radii whose probes cost least and returns what they cost, or
// limit if it is not less or weighing alone costs more. It begins as if all
// buckets were empty, and counts the codes in those that the cheapest radii
// would probe, until these are all counted: few are counted that are not
// probed.
func (p *plan) weigh(bands []band, radius, limit int) int {
	// cost[i][u] is what band i costs with radius u-1: counted below
	// counted[i], beyond that at least.
	var cost [mostBands][widest + 2]int
	var counted [mostBands]int
	weighed := 0
	for weighed < limit {
		for i := range bands {
			for u := counted[i]; u <= widest; u++ {
				cost[i][u+1] = cost[i][u] + probing*len(bands[i].flips.exactly(u))
			}
		}
		least := p.cheapest(cost[:len(bands)], radius+1)
		if least >= limit {
			break
		}
		all := true
		for i := range bands {
			for ; counted[i] <= int(p.radii[i]); counted[i]++ {
				flips := bands[i].flips.exactly(counted[i])
				u := counted[i]
				cost[i][u+1] = cost[i][u] + probing*len(flips) + reading*bands[i].held(p.keys[i], flips)
				weighed += len(flips)
				all = false
			}
		}
		if all {
			return least
		}
	}
	return limit
}

// cheapest chooses units for each band, need together, with the least sum of
// cost, by dynamic programming over the bands, and sets the radii to one less.
func (p *plan) cheapest(cost [][widest + 2]int, need int) int {
	const units = mostBands*(widest+1) + 1
	var least [units]int // of the bands so far, for each sum of units
	var chosen [mostBands][units]uint8
	for u := 1; u <= need; u++ {
		least[u] = math.MaxInt / 2
	}
	for i := range cost {
		for sum := need; sum >= 0; sum-- { // downwards: least[sum-u] is still that without band i
			best := least[sum]
			for u := 1; u <= min(widest+1, sum); u++ {
				if c := least[sum-u] + cost[i][u]; c < best {
					best, chosen[i][sum] = c, uint8(u)
				}
			}
			least[sum] = best
		}
	}
	sum := need
	for i := len(cost) - 1; i >= 0; i-- {
		u := int(chosen[i][sum])
		p.radii[i] = int8(u - 1)
		sum -= u
	}
	return least[need]
}
