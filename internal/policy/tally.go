package policy

import (
	"encoding/binary"
	"math"
	"slices"
)

// Counts that differ from viewer to viewer are kept as rows, one for each set
// of values that occurs, so that viewers who can't be told apart stay one
// class. Row 0 is all zeros: nobody counts what meets a band, or oneself.

func (s *state) clearTallies() {
	s.tallies = append(s.tallies[:0], make([]float64, len(s.inputs.tallies.names))...)
	clear(s.rows)
}

// tally is the row of that number.
func (s *state) tally(row int) []float64 {
	n := len(s.inputs.tallies.names)
	return s.tallies[row*n : (row+1)*n]
}

// tallyOf is the number of the row that has m's counts.
func (s *state) tallyOf(m *Member) int {
	names := s.inputs.tallies.names
	if len(names) == 0 {
		return 0
	}
	for slot, key := range names {
		n, ok := m.Counts[key]
		if !ok || !(n >= 0) || s.lacks[slot] {
			n = math.NaN()
		}
		s.tallies = append(s.tallies, n)
	}
	last := len(s.tallies)/len(names) - 1
	row := s.sameTally(last)
	if row < last {
		s.tallies = s.tallies[:last*len(names)]
	}
	return row
}

// sameTally is the first row that equals the last one.
func (s *state) sameTally(last int) int {
	const few = 16 // a scan beats a map below
	counts := s.tally(last)
	for row := 1; row < last && row <= few; row++ {
		if slices.EqualFunc(counts, s.tally(row), sameCount) {
			return row
		}
	}
	if last <= few {
		return last
	}
	s.row = s.row[:0]
	for _, n := range counts {
		s.row = binary.LittleEndian.AppendUint64(s.row, math.Float64bits(n))
	}
	if row, ok := s.rows[string(s.row)]; ok {
		return row
	}
	s.rows[string(s.row)] = last
	return last
}

// sameCount holds two missing counts to be the same.
func sameCount(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
