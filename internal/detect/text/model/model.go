// Package model scores normalised text for every Label with a small trained network.
//
// Its input is hashed: words, their neighbours, runs of characters, classes of words
// (feature.go). Each feature has a vector of Width small whole numbers. Their sum, over
// the square root of how many there are, is what the network sees: its first
// LabelCount numbers count for the labels directly, and all of them, with the scores
// of the term banks, pass one hidden layer. Each label is calibrated on texts that
// the network was not trained on.
//
// The numbers are in weights.bin, which package train writes; file.go reads it.
package model

import (
	"context"
	"math"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// Sizes of the network. They are part of the model file.
const (
	Width  = 32 // numbers of a feature
	Hidden = 24 // numbers of the hidden layer
	Inputs = Width + TermCount
)

// A Model scores texts. It is safe for concurrent use.
type Model struct {
	version string
	lexicon *normal.Lexicon
	slots   []uint32
	rows    []byte // Width for each feature, 128 is 0
	scale   [Width]float32
	head    Head
	curves  [LabelCount]Curve
	flags   [LabelCount]float32
	trust   [LabelCount]float32
	points  [LabelCount]Points
	banks   string
	size    int
}

// Head is the network above the sum of features.
type Head struct {
	Bias   [LabelCount]float32
	Terms  [TermCount][LabelCount]float32 // term score → label
	Inner  [Inputs][Hidden]float32
	Offset [Hidden]float32
	Outer  [Hidden][LabelCount]float32
}

// A Curve turns what the network says for a label into a probability: the logistic
// function of Slope*x + Shift.
type Curve struct{ Slope, Shift float32 }

// At gives the probability for x.
func (c Curve) At(x float32) float32 { return Logistic(float32(c.Slope*x) + c.Shift) }

// Raw are the numbers of all labels before calibration.
type Raw [LabelCount]float32

// An Answer is what a model says of a text. It begins with Start.
type Answer struct {
	Raw   Raw
	Minor float32 // how sexual a window is that speaks of a child, and how clearly it does
}

// TermCount is the number of term signals that the network sees.
const TermCount = LabelCount + 4

// Terms are the scores of the term banks: of the labels in order, then of
// contact_move, age_probe, secrecy and meeting.
type Terms [TermCount]float32

// Version names the content of the model file.
func (m *Model) Version() string { return m.version }

// Lexicon knows the words of the model, for reading disguised ones.
func (m *Model) Lexicon() *normal.Lexicon { return m.lexicon }

// Points are the probabilities that rules read as likely (0.5) and as clear (0.8): those
// from which so few benign texts are taken for the label that a child is kept from what
// is harmless no more often by one label than by another.
type Points struct{ Likely, Clear float32 }

// Signal scales a probability of l to what rules read.
func (m *Model) Signal(l Label, p float32) float32 {
	const likely, sure = 0.5, 0.8
	switch at := m.points[l]; {
	case p < at.Likely:
		return likely * p / at.Likely
	case p < at.Clear:
		return likely + (sure-likely)*(p-at.Likely)/(at.Clear-at.Likely)
	case at.Clear < 1:
		return sure + (1-sure)*(p-at.Clear)/(1-at.Clear)
	}
	return sure
}

// Flag is the probability from which a text counts as flagged for l.
func (m *Model) Flag(l Label) float32 { return m.flags[l] }

// Banks is the digest of the term banks that the model was trained beside.
func (m *Model) Banks() string { return m.banks }

// Trust is what a clear term is worth where the model, which sees it, is not convinced:
// the share of such texts that had the label. It holds for the banks that the model was
// trained beside.
func (m *Model) Trust(l Label) float32 { return m.trust[l] }

// Probability calibrates what the model said of a label. Nothing open teaches what
// sexual talk of children is, so there it is also what is sexual and speaks of a
// child: as much as that is worth, it is never clear by itself.
func (m *Model) Probability(l Label, a *Answer) float32 {
	p := m.curves[l].At(a.Raw[l])
	if l == SexualMinors {
		p = max(p, unclear*a.Minor)
	}
	return p
}

const unclear = 0.75

// Score raises into to what the network says of form f, of which x is the working
// memory: for each label the highest of all windows. It begins with Start. The error is
// that of ctx.
func (m *Model) Score(ctx context.Context, f *normal.Form, terms *Terms, x *Extractor, into *Answer) error {
	x.Read(m.lexicon, f)
	for i := range x.Windows() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var sum [Width]float32
		n := m.window(f, i, x, &sum)
		out := m.head.apply(&sum, n, terms)
		for l, v := range out {
			into.Raw[l] = max(into.Raw[l], v)
		}
		if young := x.young(f, i); young > 0 {
			into.Minor = max(into.Minor, young*m.curves[Sexual].At(out[Sexual]))
		}
	}
	return nil
}

// Start is the least that the network can say.
func Start() (a Answer) {
	for l := range a.Raw {
		a.Raw[l] = -math.MaxFloat32
	}
	return a
}

// A feature's upper slotBits say where its search begins, the lower tagBits are kept
// in the slot. A slot has them above rowBits for 1 + the row; 0 is empty.
const (
	slotBits = 19
	tagBits  = 32 - slotBits
	rowBits  = 18
	rowMask  = 1<<rowBits - 1
)

// row gives where the numbers of a feature begin in m.rows; -1 if it is not known.
func (m *Model) row(feature uint32) int {
	want := feature & (1<<tagBits - 1)
	for i := feature >> tagBits; ; i++ {
		s := m.slots[i&(1<<slotBits-1)]
		if s == 0 {
			return -1
		}
		if s>>rowBits == want {
			return int(s&rowMask-1) * Width
		}
	}
}

// apply gives the network's answer for the sum of n features. It changes sum.
func (h *Head) apply(sum *[Width]float32, n int, terms *Terms) Raw {
	norm := 1 / float32(math.Sqrt(float64(max(n, 1))))
	for d := range sum {
		sum[d] *= norm
	}
	out := Raw(h.Bias)
	for l := range out {
		out[l] += sum[l]
	}
	hidden := h.Offset
	for d, v := range sum {
		for k := range hidden {
			hidden[k] += float32(v * h.Inner[d][k])
		}
	}
	for t, v := range terms {
		if v == 0 {
			continue
		}
		for k := range hidden {
			hidden[k] += float32(v * h.Inner[Width+t][k])
		}
		for l := range out {
			out[l] += float32(v * h.Terms[t][l])
		}
	}
	for k, v := range hidden {
		if v <= 0 {
			continue
		}
		for l := range out {
			out[l] += float32(v * h.Outer[k][l])
		}
	}
	return out
}

// Logistic is 1/(1+e^-x), computed from additions and multiplications only, so that
// every machine gives the same bits.
func Logistic(x float32) float32 {
	if x >= 0 {
		return 1 / (1 + exp(-x))
	}
	e := exp(x)
	return e / (1 + e)
}

// exp is e^x for x up to 0: 2^whole times the Taylor series of the rest.
func exp(x float32) float32 {
	if x < -60 {
		return 0
	}
	const log2e, ln2 = 1.44269504, 0.69314718
	whole := float32(int32(float32(x*log2e) - 0.5))
	r := x - float32(whole*ln2)
	p := float32(1)
	for k := float32(7); k > 0; k-- {
		p = 1 + float32(float32(r/k)*p)
	}
	return p * math.Float32frombits(uint32(127+int32(whole))<<23)
}

// ReadsTerm reports whether a signal of the term banks is an input of the model. Banks of
// other signals may change and leave the model as it is.
func ReadsTerm(signal string) bool { return TermIndex(signal) >= 0 }

// TermIndex is the place in Terms of a signal of the term banks; -1 where it has none.
func TermIndex(signal string) int {
	if l, ok := ParseLabel(signal); ok {
		return int(l)
	}
	for i, name := range [...]string{"text.contact_move", "text.age_probe", "text.secrecy", "text.meeting"} {
		if name == signal {
			return LabelCount + i
		}
	}
	return -1
}
