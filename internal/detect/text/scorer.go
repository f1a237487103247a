package text

import (
	"context"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// Scores says, for each label, how probable it is that a person who was asked would
// say it of the text: from 0 to 1.
type Scores struct {
	Of [LabelCount]float64 // by Label
}

// Any is the highest score of the labels that harm somebody, which leaves out
// SelfHarmDisclosure, and which it is.
func (s *Scores) Any() (Label, float64) {
	best := Toxic
	for l, p := range s.Of {
		if Label(l) != SelfHarmDisclosure && p > s.Of[best] {
			best = Label(l)
		}
	}
	return best, s.Of[best]
}

// A Span is a part of a text that speaks for a label.
type Span struct {
	Label      Label
	Score      float64
	Start, End int // byte range in the text
}

// Score scores text for every label. It may be called from many goroutines, each with
// a Scores of its own, and allocates nothing. Its cost grows with the length of the
// text; it ends early, with an error, only when ctx does.
func (d *Detector) Score(ctx context.Context, text string, into *Scores) error {
	s := d.pool.Get().(*scratch)
	defer d.release(s)
	return d.score(ctx, text, s, into)
}

// find normalises text and finds its terms.
func (d *Detector) find(ctx context.Context, text string, s *scratch) error {
	d.normaliser.Normalise(text, &s.text)
	d.normaliser.Repair(d.model.Lexicon(), &s.text, &s.speller)
	return d.terms.Find(ctx, &s.text, &s.found)
}

// score gives each label the stronger of what the model and the terms say. The model
// sees both forms of the text, and the higher score counts.
func (d *Detector) score(ctx context.Context, text string, s *scratch, into *Scores) error {
	if err := d.find(ctx, text, s); err != nil {
		return err
	}
	s.terms = model.Terms{}
	for i, score := range s.found.Scores {
		if at := d.inputs[i]; at >= 0 {
			s.terms[at] = float32(score)
		}
	}
	raw := model.Start()
	if err := d.model.Score(ctx, &s.text.Raw, &s.terms, &s.extractor, &raw); err != nil {
		return err
	}
	if !s.text.Plain {
		if err := d.model.Score(ctx, &s.text.Folded, &s.terms, &s.extractor, &raw); err != nil {
			return err
		}
	}
	for l := range into.Of {
		p := d.model.Probability(Label(l), raw[l])
		into.Of[l] = float64(max(p, s.terms[l]))
	}
	return nil
}

// Spans gives the parts of text that speak for labels, in the order of the text.
func (d *Detector) Spans(ctx context.Context, text string) ([]Span, error) {
	matches, err := d.Matches(ctx, text)
	if err != nil {
		return nil, err
	}
	var spans []Span
	for _, m := range matches {
		if l, ok := ParseLabel(m.Signal); ok {
			spans = append(spans, Span{Label: l, Score: m.Score, Start: m.Start, End: m.End})
		}
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	return spans, nil
}

// Threshold is the score from which a text counts as flagged for a label, where a
// platform has not said otherwise.
func (d *Detector) Threshold(l Label) float64 { return float64(d.model.Flag(l)) }
