package train

import (
	"context"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/grammar"
	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// A judged text is one that was held back, with what the model says of it.
type judged struct {
	row    *labelled.Row
	answer model.Answer
	terms  model.Terms
	target Target
}

// calibrate fits the curves and chooses the flags on the texts that were held back.
func (c *corpus) calibrate(ctx context.Context, t *model.Trained) error {
	for l := range t.Curves {
		t.Curves[l] = model.Curve{Slope: 1}
	}
	m, err := model.New(t)
	if err != nil {
		return err
	}
	all := make([]judged, len(c.held))
	for i := range c.held {
		j := &all[i]
		j.row = &c.held[i]
		if err := c.reader.read(j.row.Text, &j.terms); err != nil {
			return err
		}
		hits := c.rude.in(c.reader.words())
		j.target = targetOf(j.row, &j.terms, &hits)
		j.answer = model.Start()
		if err := m.Score(ctx, &c.reader.text.Raw, &j.terms, &c.reader.extractor, &j.answer); err != nil {
			return err
		}
		if c.reader.text.Plain {
			continue
		}
		if err := m.Score(ctx, &c.reader.text.Folded, &j.terms, &c.reader.extractor, &j.answer); err != nil {
			return err
		}
	}
	for _, l := range model.Labels() {
		t.Curves[l] = curveOf(all, l)
		t.Trust[l] = trustOf(all, l, t.Curves[l])
		t.Flags[l] = flagOf(all, l, t.Curves[l])
		t.Points[l].Likely = pointOf(all, l, t.Curves[l], mostLikely, lowestFlag)
		t.Points[l].Clear = pointOf(all, l, t.Curves[l], mostClear, max(sure, t.Points[l].Likely+0.01))
	}
	return nil
}

// curveOf fits a curve by logistic regression with Newton's method (Platt 1999), in
// float64 without fused operations.
func curveOf(all []judged, l model.Label) model.Curve {
	slope, shift := 1.0, 0.0
	for range 30 {
		var g0, g1, h00, h01, h11 float64
		for i := range all {
			w := float64(all[i].target.Weight[l])
			if w == 0 {
				continue
			}
			x := float64(all[i].answer.Raw[l])
			p := float64(model.Logistic(float32(float64(slope*x) + shift)))
			y := 0.0
			if all[i].target.Yes[l] {
				y = 1
			}
			e, v := float64(w*(p-y)), float64(float64(w*p)*(1-p))
			g0 += e
			g1 += float64(e * x)
			h00 += v
			h01 += float64(v * x)
			h11 += float64(float64(v*x) * x)
		}
		const ridge = 2 // few texts move the curve little
		h00, h11 = h00+1e-3, h11+ridge
		g1 += float64(ridge * (slope - 1))
		det := float64(h00*h11) - float64(h01*h01)
		if det <= 0 {
			break
		}
		shift -= (float64(h11*g0) - float64(h01*g1)) / det
		slope -= (float64(h00*g1) - float64(h01*g0)) / det
		slope = min(max(slope, 0.2), 3)
		shift = min(max(shift, -20), 20)
	}
	return model.Curve{Slope: float32(slope), Shift: float32(shift)}
}

// trustOf is the share of texts with a clear term, and no conviction of the model, that
// people gave the label; 1 where there are too few of them to tell.
func trustOf(all []judged, l model.Label, curve model.Curve) float32 {
	hit, of := 0, 0
	for i := range all {
		j := &all[i]
		if j.terms[l] < sure || j.target.Weight[l] < 1 || j.row.Source == grammar.Source || curve.At(j.answer.Raw[l]) >= likely {
			continue
		}
		of++
		if j.target.Yes[l] {
			hit++
		}
	}
	if of < leastForProof {
		return 1
	}
	return float32(hit) / float32(of)
}

// Flags are chosen so that of the plain talk that was held back at most this share is
// flagged for a label, and of what is flagged at least this share is rightly so.
const (
	mostFalse     = 0.0005
	leastPrecise  = 0.45
	lowestFlag    = 0.5
	highestFlag   = 0.98
	leastForProof = 20 // flagged texts, for a share to mean anything
)

// Of benign texts at most these shares may seem likely, or clear, to have a label. They
// are those of the term banks, about, so that the rules that were written for terms
// keep no more from anybody that is harmless.
const (
	mostLikely = 0.0004
	mostClear  = 0.0002

	helpIsCheap = 5 // times as many may be offered help who need none
)

// oneLabel are sources that were read for one kind of harm and come from places full
// of others: what lacks that label is not thereby benign.
var oneLabel = []string{"edos", "hatemoji_build"}

// pointOf is the lowest probability, in steps of a hundredth, that keeps a bound.
func pointOf(all []judged, l model.Label, curve model.Curve, most, lowest float32) float32 {
	var over [101]int // benign texts, by hundredths of probability
	benign := 0
	for i := range all {
		j := &all[i]
		if slices.Contains(oneLabel, j.row.Source) || !isBenign(j.row) || j.target.is(l) {
			continue
		}
		benign++
		over[int(100*curve.At(j.answer.Raw[l]))]++
	}
	if l == model.SelfHarmDisclosure {
		most *= helpIsCheap
	}
	allowed := int(most * float32(benign))
	for step := 100; step > int(100*lowest+0.5); step-- {
		if allowed -= over[step-1]; allowed < 0 {
			return min(float32(step)/100, highestFlag+0.01)
		}
	}
	return lowest
}

func isBenign(r *labelled.Row) bool {
	for _, v := range r.Labels {
		if v != 0 {
			return false
		}
	}
	return true
}

// flagOf is the lowest probability, in steps of a hundredth, that keeps both bounds.
func flagOf(all []judged, l model.Label, curve model.Curve) float32 {
	for step := 50; step < 98; step++ {
		flag := float32(step) / 100
		var hit, wrong float32 // by how sure it is what they are
		var plainWrong, plainAll int
		for i := range all {
			j := &all[i]
			over := curve.At(j.answer.Raw[l]) >= flag
			if slices.Contains(plain, j.row.Source) {
				plainAll++
				if over {
					plainWrong++
				}
			}
			switch {
			case !over || j.target.Weight[l] == 0:
			case j.target.Yes[l]:
				hit += j.target.Weight[l]
			default:
				wrong += j.target.Weight[l]
			}
		}
		if float32(plainWrong) <= mostFalse*float32(plainAll) &&
			(hit+wrong < leastForProof || hit >= leastPrecise*(hit+wrong)) {
			return max(flag, lowestFlag)
		}
	}
	return highestFlag
}
