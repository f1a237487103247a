package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/embed"
	"github.com/breakwater-project/breakwater/internal/detect/text"
)

// row is one text to learn from, or to tune with.
type row struct {
	vector embed.Vector
	first  [text.LabelCount]float32 // what the first tier says
	yes    [text.LabelCount]float32 // what it is: from 0 to 1
	weight [text.LabelCount]float32 // how much that counts; 0 where it is not known
	gold   [text.LabelCount]bool    // people, or a grammar, said so
	made   bool                     // by a grammar
}

const (
	rounds  = 12
	rate    = 0.15
	decay   = 2e-5
	fewest  = 25 // texts of a label, and as many without, to tune it by
	halfway = 0.6
)

// fit learns a head for each label from learn, and how much it and the first
// tier count from tune. The same rows give the same bytes.
func fit(learn, tune []row, done func(int)) *embed.Heads {
	h := new(embed.Heads)
	for l := range h.Of {
		weights, bias := logistic(learn, l)
		first, second := combine(tune, l, &weights, bias)
		h.Of[l].First, h.Of[l].Bias = first, second*bias
		for i, w := range weights {
			h.Of[l].Weights[i] = second * w
		}
		h.Of[l].Bias += shift(append(slices.Clone(learn), tune...), l, &h.Of[l])
		done(l + 1)
	}
	return h
}

// logistic is a regression on the vector alone, by AdaGrad.
func logistic(rows []row, l int) (weights embed.Vector, bias float32) {
	var squares embed.Vector
	var squareOfBias float32
	order := make([]int, 0, len(rows))
	var yes, no float64
	for i := range rows {
		if w := rows[i].weight[l]; w > 0 {
			order = append(order, i)
			yes += float64(w * rows[i].yes[l])
			no += float64(w * (1 - rows[i].yes[l]))
		}
	}
	if len(order) == 0 {
		return weights, 0
	}
	bias = float32(math.Log((yes + 1) / (no + 1)))
	random := rand.New(rand.NewPCG(1, uint64(l))) //nolint:gosec // must repeat
	for range rounds {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			r := &rows[i]
			slope := (sigmoid(dot(&weights, &r.vector)*scale+bias) - r.yes[l]) * r.weight[l]
			for j := range weights {
				g := slope*r.vector[j]*scale + decay*weights[j]
				squares[j] += g * g
				weights[j] -= rate * g / (float32(math.Sqrt(float64(squares[j]))) + 1e-6)
			}
			squareOfBias += slope * slope
			bias -= rate * slope / (float32(math.Sqrt(float64(squareOfBias))) + 1e-6)
		}
	}
	for j := range weights {
		weights[j] *= scale
	}
	return weights, bias
}

// scale brings the numbers of a vector, about 1/√512 each, near 1.
const scale = 20

func dot(a, b *embed.Vector) (sum float32) {
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

func sigmoid(z float32) float32 { return float32(1 / (1 + math.Exp(-float64(z)))) }

// combine says how much the first tier's log odds and the head's count, learned
// from rows that the head has not seen. Where there are too few of them, each
// counts a little more than half.
func combine(rows []row, l int, weights *embed.Vector, bias float32) (first, second float32) {
	type point struct{ a, b, y float64 }
	var points []point
	yes := 0
	for i := range rows {
		r := &rows[i]
		if !r.gold[l] {
			continue
		}
		points = append(points, point{float64(embed.LogOdds(float64(r.first[l]))), float64(dot(weights, &r.vector) + bias), float64(r.yes[l])})
		if r.yes[l] > 0.5 {
			yes++
		}
	}
	if yes < fewest || len(points)-yes < fewest {
		return halfway, halfway
	}
	a, b, c := halfway, halfway, 0.0
	for range 3000 { // convex, three numbers: plain descent will do
		var ga, gb, gc float64
		for _, p := range points {
			d := 1/(1+math.Exp(-(a*p.a+b*p.b+c))) - p.y
			ga += d * p.a
			gb += d * p.b
			gc += d
		}
		n := float64(len(points))
		a -= 0.1 * ga / n
		b -= 0.1 * gb / n
		c -= 0.1 * gc / n
	}
	return float32(min(max(a, 0.05), 1)), float32(min(max(b, 0), 1))
}

// high is where both tiers agree on how many texts score higher.
const high = 0.99

// shift is what makes as many natural texts score high by both tiers as do by
// the first: which they are is the heads' to say, how many there are is not,
// since what they learn from has more harm in it than people write.
func shift(rows []row, l int, h *embed.Head) float32 {
	var first, both []float32
	for i := range rows {
		r := &rows[i]
		if r.made {
			continue
		}
		z := embed.LogOdds(float64(r.first[l]))
		first = append(first, z)
		both = append(both, h.First*z+dot(&h.Weights, &r.vector)+h.Bias)
	}
	if len(first) == 0 {
		return 0
	}
	slices.Sort(first)
	slices.Sort(both)
	at := int(high * float64(len(first)-1))
	return first[at] - both[at]
}
