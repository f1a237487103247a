package policy

import (
	"encoding/binary"
	"math"
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
	s.row = s.row[:0]
	for slot, key := range names {
		n, ok := m.Counts[key]
		if !ok || !(n >= 0) || s.lacks[slot] {
			n = math.NaN()
		}
		s.tallies = append(s.tallies, n)
		s.row = binary.LittleEndian.AppendUint64(s.row, math.Float64bits(n))
	}
	last := len(s.tallies)/len(names) - 1
	if row, ok := s.rows[string(s.row)]; ok {
		s.tallies = s.tallies[:last*len(names)]
		return row
	}
	s.rows[string(s.row)] = last
	return last
}
