package model

import (
	"context"
	"math"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// Explain gives the words of f, from first to last, that speak most for l in the window
// where l scores highest: the run with the largest sum of what its features add to the
// label, around the network's working point. ok is false if nothing speaks for it.
func (m *Model) Explain(ctx context.Context, f *normal.Form, terms *Terms, x *Extractor, l Label) (first, last int, ok bool, err error) {
	x.keep = true
	defer func() { x.keep = false }()
	x.Read(m.lexicon, f)
	best, highest := 0, float32(-math.MaxFloat32)
	for i := range x.Windows() {
		if err := ctx.Err(); err != nil {
			return 0, 0, false, err
		}
		x.Window(f, i)
		var sum [Width]float32
		n := m.sum(x.Features, &sum)
		if out := m.head.apply(&sum, n, terms); out[l] > highest {
			best, highest = i, out[l]
		}
	}
	x.Window(f, best)
	var sum [Width]float32
	n := m.sum(x.Features, &sum)
	slope := m.head.slope(&sum, n, terms, l)
	worth := make([]float32, len(f.Words))
	for i, feature := range x.Features {
		if at := m.row(feature); at >= 0 {
			for d, v := range m.rows[at : at+Width] {
				worth[x.origin[i]] += float32(int(v)-128) * m.scale[d] * slope[d]
			}
		}
	}
	first, last, ok = heaviest(worth)
	return first, last, ok, nil
}

// slope gives how much l changes with each number of the sum. It changes sum.
func (h *Head) slope(sum *[Width]float32, n int, terms *Terms, l Label) (slope [Width]float32) {
	norm := 1 / float32(math.Sqrt(float64(max(n, 1))))
	hidden := h.Offset
	for d, v := range sum {
		for k := range hidden {
			hidden[k] += float32(v * norm * h.Inner[d][k])
		}
	}
	for t, v := range terms {
		for k := range hidden {
			hidden[k] += float32(v * h.Inner[Width+t][k])
		}
	}
	slope[l] = norm
	for d := range slope {
		for k, v := range hidden {
			if v > 0 {
				slope[d] += float32(norm * h.Inner[d][k] * h.Outer[k][l])
			}
		}
	}
	return slope
}

// heaviest gives the run with the largest sum (Kadane's algorithm).
func heaviest(worth []float32) (first, last int, ok bool) {
	var sum, best float32
	start := 0
	for i, w := range worth {
		if sum <= 0 {
			sum, start = 0, i
		}
		if sum += w; sum > best {
			best, first, last, ok = sum, start, i, true
		}
	}
	return first, last, ok
}
