package counter

import (
	"math"
	"math/bits"
	"slices"
)

// A sketch counts the different elements of one hour or day, of which it sees
// 32-bit digests. It is a sorted list of them while that is smaller, then the
// registers of a HyperLogLog (Flajolet et al., 2007). What it is depends on
// which elements it has seen, not on their order or how often.
type sketch struct {
	at    uint32   // the hour or day since 1970
	few   []uint32 // sorted
	dense []uint8  // registers; nil while few is used
}

const (
	precision = 12             // bits that choose a register
	registers = 1 << precision // standard error 1.04/√registers, 1.6 %
	maxFew    = registers / 4
	rest      = 32 - precision
	maxRank   = rest + 1
)

// add reports whether the sketch is another now.
func (s *sketch) add(e uint32) bool {
	if s.dense != nil {
		return raise(s.dense, e)
	}
	i, found := slices.BinarySearch(s.few, e)
	if found {
		return false
	}
	if len(s.few) < maxFew {
		s.few = slices.Insert(s.few, i, e)
		return true
	}
	s.dense = make([]uint8, registers)
	for _, had := range s.few {
		raise(s.dense, had)
	}
	s.few = nil
	raise(s.dense, e)
	return true
}

// remove removes an element while the sketch still knows it.
func (s *sketch) remove(e uint32) bool {
	i, found := slices.BinarySearch(s.few, e)
	if found {
		s.few = slices.Delete(s.few, i, i+1)
	}
	return found
}

// into adds what s has seen to a union.
func (s *sketch) into(u *union) {
	for _, e := range s.few {
		raise(u.registers[:], e)
	}
	for i, rank := range s.dense {
		u.registers[i] = max(u.registers[i], rank)
	}
}

// work is how much into has to do.
func (s *sketch) work() int { return len(s.few) + len(s.dense) }

// bytes is what s takes, about.
func (s *sketch) bytes() int { return sketchBytes + 4*cap(s.few) + cap(s.dense) }

const sketchBytes = 64

func raise(to []uint8, e uint32) bool {
	i := e >> rest
	rank := uint8(min(bits.LeadingZeros32(e<<precision), rest) + 1)
	if to[i] >= rank {
		return false
	}
	to[i] = rank
	return true
}

// A union is what several sketches have seen together.
type union struct {
	registers [registers]uint8
	ranks     [maxRank + 1]int // how many registers have which rank
}

// tally sets the ranks.
func (u *union) tally() {
	u.ranks = [maxRank + 1]int{}
	for _, r := range u.registers {
		u.ranks[min(r, maxRank)]++
	}
}

// add adds one element and keeps the ranks right.
func (u *union) add(e uint32) {
	had := u.registers[e>>rest]
	if raise(u.registers[:], e) {
		u.ranks[had]--
		u.ranks[u.registers[e>>rest]]++
	}
}

// estimate is how many different elements the union has seen, by the estimator
// of Ertl (2017, algorithm 6), which needs no correction for small or large
// numbers.
func (u *union) estimate() float64 {
	const m = registers
	z := m * tau(1-float64(u.ranks[maxRank])/m)
	for k := rest; k >= 1; k-- {
		z = (z + float64(u.ranks[k])) / 2
	}
	z += m * sigma(float64(u.ranks[0])/m)
	return m * m / (2 * math.Ln2) / z
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	z := x
	for y := 1.0; ; y += y {
		x *= x
		before := z
		z += x * y
		if z == before {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	z := 1 - x
	for y := 1.0; ; {
		x = math.Sqrt(x)
		before := z
		y /= 2
		z -= (1 - x) * (1 - x) * y
		if z == before {
			return z / 3
		}
	}
}
