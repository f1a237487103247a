package train

import (
	"context"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// A judged text is one that was held back, with what the model says of it.
type judged struct {
	row    *labelled.Row
	raw    model.Raw
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
		j.raw = model.Start()
		if err := m.Score(ctx, &c.reader.text.Raw, &j.terms, &c.reader.extractor, &j.raw); err != nil {
			return err
		}
		if c.reader.text.Plain {
			continue
		}
		if err := m.Score(ctx, &c.reader.text.Folded, &j.terms, &c.reader.extractor, &j.raw); err != nil {
			return err
		}
	}
	for _, l := range model.Labels() {
		t.Curves[l] = curveOf(all, l)
		t.Flags[l] = flagOf(all, l, t.Curves[l])
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
			x := float64(all[i].raw[l])
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

// Flags are chosen so that of the plain talk that was held back at most this share is
// flagged for a label, and of what is flagged at least this share is rightly so.
const (
	mostFalse     = 0.0002
	leastPrecise  = 0.7
	lowestFlag    = 0.5
	highestFlag   = 0.98
	leastForProof = 20 // flagged texts, for a share to mean anything
)

// flagOf is the lowest probability, in steps of a hundredth, that keeps both bounds.
func flagOf(all []judged, l model.Label, curve model.Curve) float32 {
	for step := 50; step < 98; step++ {
		flag := float32(step) / 100
		var hit, wrong, plainWrong, plainAll int
		for i := range all {
			j := &all[i]
			over := curve.At(j.raw[l]) >= flag
			if slices.Contains(plain, j.row.Source) {
				plainAll++
				if over {
					plainWrong++
				}
			}
			switch {
			case !over || j.target.Weight[l] == 0:
			case j.target.Yes[l]:
				hit++
			default:
				wrong++
			}
		}
		if float32(plainWrong) <= mostFalse*float32(plainAll) &&
			(hit+wrong < leastForProof || float32(hit) >= leastPrecise*float32(hit+wrong)) {
			return max(flag, lowestFlag)
		}
	}
	return highestFlag
}
