// Package measure says how good a detector of texts is: how well it ranks, how much it
// finds at a rate of false alarms that one can live with, whether its probabilities
// are true, what it makes of disguises, and whether it errs more about some than about
// others.
package measure

import (
	"cmp"
	"math"
	"slices"
)

// A Sample is what a detector said of texts of which the truth is known.
type Sample struct {
	Scores []float64
	Yes    []bool
}

// Add adds a text.
func (s *Sample) Add(score float64, yes bool) {
	s.Scores = append(s.Scores, score)
	s.Yes = append(s.Yes, yes)
}

// Counts gives how many texts have the label, and how many have not.
func (s *Sample) Counts() (yes, no int) {
	for _, y := range s.Yes {
		if y {
			yes++
		}
	}
	return yes, len(s.Yes) - yes
}

// sorted gives the places of the texts, the highest score first.
func (s *Sample) sorted() []int {
	order := make([]int, len(s.Scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.Scores[b], s.Scores[a]) })
	return order
}

// AUPRC is the area under the curve of precision over recall, as average precision.
// Texts with one score count together. It is NaN without a text that has the label.
func (s *Sample) AUPRC() float64 {
	yes, _ := s.Counts()
	if yes == 0 {
		return math.NaN()
	}
	order := s.sorted()
	area, hits := 0.0, 0
	for i := 0; i < len(order); {
		end, more := i, 0
		for ; end < len(order) && s.Scores[order[end]] == s.Scores[order[i]]; end++ {
			if s.Yes[order[end]] {
				more++
			}
		}
		hits += more
		area += float64(more) / float64(yes) * float64(hits) / float64(end)
		i = end
	}
	return area
}

// A Rate is a share of so many, with its interval of 95 % (Wilson).
type Rate struct {
	Hits, Of  int
	Low, High float64
}

// Share is Hits of Of; 0 of none.
func (r Rate) Share() float64 { return float64(r.Hits) / float64(max(r.Of, 1)) }

// RateOf gives a Rate with its interval.
func RateOf(hits, of int) Rate {
	r := Rate{Hits: hits, Of: of, High: 1}
	if of == 0 {
		return r
	}
	const z = 1.959964
	n, p := float64(of), float64(hits)/float64(of)
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	r.Low, r.High = max(0, middle-half), min(1, middle+half)
	return r
}

// RecallAt gives how much is found when at most the given share of the others is
// flagged, and from which score on.
func (s *Sample) RecallAt(falsePositives float64) (recall Rate, from float64) {
	yes, no := s.Counts()
	allowed := int(falsePositives * float64(no))
	order := s.sorted()
	hits, wrong, best := 0, 0, 0
	from = math.Inf(1)
	for i := 0; i < len(order); {
		end := i
		for ; end < len(order) && s.Scores[order[end]] == s.Scores[order[i]]; end++ {
			if s.Yes[order[end]] {
				hits++
			} else {
				wrong++
			}
		}
		if wrong > allowed {
			break
		}
		best, from = hits, s.Scores[order[i]]
		i = end
	}
	return RateOf(best, yes), from
}

// A Table counts what was flagged from a score on.
type Table struct{ Hit, Missed, Wrong, Right int }

// At gives the table for a threshold.
func (s *Sample) At(threshold float64) (t Table) {
	for i, score := range s.Scores {
		switch over := score >= threshold; {
		case over && s.Yes[i]:
			t.Hit++
		case over:
			t.Wrong++
		case s.Yes[i]:
			t.Missed++
		default:
			t.Right++
		}
	}
	return t
}

// Precision is the share of what was flagged that has the label.
func (t Table) Precision() float64 { return float64(t.Hit) / float64(max(t.Hit+t.Wrong, 1)) }

// Recall is the share of what has the label that was flagged.
func (t Table) Recall() float64 { return float64(t.Hit) / float64(max(t.Hit+t.Missed, 1)) }

// FalsePositives is the share of what has not the label that was flagged.
func (t Table) FalsePositives() float64 { return float64(t.Wrong) / float64(max(t.Wrong+t.Right, 1)) }

// F1 is that of having the label.
func (t Table) F1() float64 { return float64(2*t.Hit) / float64(max(2*t.Hit+t.Wrong+t.Missed, 1)) }

// MacroF1 is the mean of the F1 of having and of not having the label.
func (t Table) MacroF1() float64 {
	return (t.F1() + float64(2*t.Right)/float64(max(2*t.Right+t.Wrong+t.Missed, 1))) / 2
}

// Best gives the threshold with the highest value of what, and that value.
func (s *Sample) Best(what func(Table) float64) (threshold, value float64) {
	order := s.sorted()
	yes, no := s.Counts()
	t := Table{Missed: yes, Right: no}
	for i, at := range order {
		if s.Yes[at] {
			t.Hit, t.Missed = t.Hit+1, t.Missed-1
		} else {
			t.Wrong, t.Right = t.Wrong+1, t.Right-1
		}
		if i+1 < len(order) && s.Scores[order[i+1]] == s.Scores[at] {
			continue
		}
		if v := what(t); v > value {
			threshold, value = s.Scores[at], v
		}
	}
	return threshold, value
}

// A Bin is the texts whose score is in a tenth of the scale.
type Bin struct {
	Count int
	Score float64 // mean
	Truth float64 // share that has the label
}

// Calibration gives ten bins and the expected calibration error: by how much score and
// truth differ, on average over the texts.
func (s *Sample) Calibration() (bins [10]Bin, expected float64) {
	for i, score := range s.Scores {
		b := &bins[min(max(int(score*10), 0), 9)]
		b.Count++
		b.Score += score
		if s.Yes[i] {
			b.Truth++
		}
	}
	for i := range bins {
		b := &bins[i]
		if b.Count == 0 {
			continue
		}
		b.Score /= float64(b.Count)
		b.Truth /= float64(b.Count)
		expected += math.Abs(b.Score-b.Truth) * float64(b.Count) / float64(len(s.Scores))
	}
	return bins, expected
}
