package train

import (
	"math"
	"math/rand/v2"

	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// An example is a text as the network sees it.
type example struct {
	rows   []int32 // of its features in network.rows; before they are selected, the features
	terms  model.Terms
	target *Target
	weight float32
}

type vector [model.Width]float32

// A network is model.Model while it learns: numbers instead of steps, and beside each
// the sum of the squares of its gradients, by which AdaGrad shortens later steps.
type network struct {
	rows, rowSquares []vector
	head, squares    model.Head
	rates            []vector // of each number of rows, against rate
	rate             float32
	drop             float32 // share of features left out of an example, so that none is relied on
	random           *rand.Rand

	sumRows []vector // of the states that were remembered
	sumHead model.Head
	states  int

	kept   []int32
	hidden [model.Hidden]float32
	sum    vector
}

func newNetwork(rows int, seed uint64) *network {
	n := &network{
		rows: make([]vector, rows), rowSquares: make([]vector, rows), rates: make([]vector, rows),
		rate: 0.1, drop: 0.1,
		random: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // must repeat, need not be secret
	}
	for i := range n.rows { // those that count for no label directly begin at random
		for d := model.LabelCount; d < model.Width; d++ {
			n.rows[i][d] = n.small(0.1)
		}
	}
	for i := range n.head.Inner {
		for k := range n.head.Inner[i] {
			n.head.Inner[i][k] = n.small(0.3)
		}
	}
	for k := range n.head.Outer {
		for l := range n.head.Outer[k] {
			n.head.Outer[k][l] = n.small(0.1)
		}
	}
	return n
}

// small is a random number from -size to size, of which all bits are exact.
func (n *network) small(size float32) float32 {
	return float32(float32(n.random.IntN(1<<16)-1<<15)/(1<<15)) * size
}

// logits gives what the network says.
func (n *network) logits(rows []int32, terms *model.Terms) (out model.Raw) {
	n.sum = vector{}
	for _, r := range rows {
		row := &n.rows[r]
		for d := range n.sum {
			n.sum[d] += row[d]
		}
	}
	norm := scaleOf(len(rows))
	for d := range n.sum {
		n.sum[d] *= norm
	}
	out = n.head.Bias
	n.hidden = n.head.Offset
	for l := range out {
		out[l] += n.sum[l]
	}
	for d, v := range n.sum {
		addScaled(&n.hidden, &n.head.Inner[d], v)
	}
	for t, v := range terms {
		if v == 0 {
			continue
		}
		addScaled(&n.hidden, &n.head.Inner[model.Width+t], v)
		for l := range out {
			out[l] += float32(v * n.head.Terms[t][l])
		}
	}
	for k, v := range n.hidden {
		if v <= 0 {
			continue
		}
		for l := range out {
			out[l] += float32(v * n.head.Outer[k][l])
		}
	}
	return out
}

func addScaled(to, from *[model.Hidden]float32, by float32) {
	for k := range to {
		to[k] += float32(by * from[k])
	}
}

func scaleOf(features int) float32 {
	return 1 / float32(math.Sqrt(float64(max(features, 1))))
}

// learn takes one step towards e's target, and gives its loss.
func (n *network) learn(e *example) (loss float64) {
	rows := n.dropped(e.rows)
	out := n.logits(rows, &e.terms)
	var slope model.Raw
	for l := range out {
		w := e.target.Weight[l] * e.weight
		if w == 0 {
			continue
		}
		p := model.Logistic(out[l])
		if e.target.Yes[l] {
			slope[l] = w * (p - 1)
			loss += float64(w) * -math.Log(max(float64(p), 1e-7))
		} else {
			slope[l] = w * p
			loss += float64(w) * -math.Log(max(1-float64(p), 1e-7))
		}
	}
	n.descend(rows, &e.terms, &slope)
	return loss
}

func (n *network) dropped(rows []int32) []int32 {
	limit := uint32(n.drop * (1 << 16))
	n.kept = n.kept[:0]
	for i := 0; i < len(rows); i += 4 {
		bits := n.random.Uint64()
		for k := i; k < min(i+4, len(rows)); k++ {
			if uint32(bits>>(16*(k-i))&0xffff) >= limit {
				n.kept = append(n.kept, rows[k])
			}
		}
	}
	return n.kept
}

// descend changes every number against the slope of the loss.
func (n *network) descend(rows []int32, terms *model.Terms, slope *model.Raw) {
	h, s := &n.head, &n.squares
	var toHidden [model.Hidden]float32
	for k, v := range n.hidden {
		if v <= 0 {
			continue
		}
		for l, g := range slope {
			toHidden[k] += float32(g * h.Outer[k][l])
			n.step(&h.Outer[k][l], &s.Outer[k][l], g*v)
		}
	}
	var toSum vector
	copy(toSum[:], slope[:])
	for d := range n.sum {
		for k, g := range toHidden {
			toSum[d] += float32(g * h.Inner[d][k])
			n.step(&h.Inner[d][k], &s.Inner[d][k], g*n.sum[d])
		}
	}
	for t, v := range terms {
		if v == 0 {
			continue
		}
		for k, g := range toHidden {
			n.step(&h.Inner[model.Width+t][k], &s.Inner[model.Width+t][k], g*v)
		}
		for l, g := range slope {
			n.step(&h.Terms[t][l], &s.Terms[t][l], g*v)
		}
	}
	for k, g := range toHidden {
		n.step(&h.Offset[k], &s.Offset[k], g)
	}
	for l, g := range slope {
		n.step(&h.Bias[l], &s.Bias[l], g)
	}
	norm := scaleOf(len(rows))
	for d := range toSum {
		toSum[d] *= norm
	}
	for _, r := range rows {
		row, square, rate := &n.rows[r], &n.rowSquares[r], &n.rates[r]
		for d, g := range toSum {
			square[d] += float32(g * g)
			row[d] -= float32(float32(n.rate*rate[d])*g) / (float32(math.Sqrt(float64(square[d]))) + 1e-6)
		}
	}
}

// step moves one number.
func (n *network) step(at, square *float32, g float32) {
	const share = 0.3 // of the rate of features: these are met in every text
	if g == 0 {
		return
	}
	*square += float32(g * g)
	*at -= float32(float32(share*n.rate)*g) / (float32(math.Sqrt(float64(*square))) + 1e-6)
}

// remember adds the numbers as they are to those that average takes the mean of.
func (n *network) remember() {
	if n.sumRows == nil {
		n.sumRows = make([]vector, len(n.rows))
	}
	for i := range n.rows {
		for d, v := range n.rows[i] {
			n.sumRows[i][d] += v
		}
	}
	sums := numbers(&n.sumHead)
	for i, v := range numbers(&n.head) {
		*sums[i] += *v
	}
	n.states++
}

// average makes the network the mean of the states that were remembered.
func (n *network) average() {
	if n.states == 0 {
		return
	}
	share := 1 / float32(n.states)
	for i := range n.rows {
		for d := range n.rows[i] {
			n.rows[i][d] = n.sumRows[i][d] * share
		}
	}
	sums := numbers(&n.sumHead)
	for i, v := range numbers(&n.head) {
		*v = *sums[i] * share
	}
}

// numbers gives all numbers of a head.
func numbers(h *model.Head) []*float32 {
	var all []*float32
	add := func(part []float32) {
		for i := range part {
			all = append(all, &part[i])
		}
	}
	add(h.Bias[:])
	for i := range h.Terms {
		add(h.Terms[i][:])
	}
	for i := range h.Inner {
		add(h.Inner[i][:])
	}
	add(h.Offset[:])
	for i := range h.Outer {
		add(h.Outer[i][:])
	}
	return all
}
