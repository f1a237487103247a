package text

import (
	"context"
	"slices"
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
	*into = Scores{}
	s := d.pool.Get().(*scratch)
	defer d.release(s)
	d.normaliser.Normalise(text, &s.text)
	if err := d.terms.Find(ctx, &s.text, &s.found); err != nil {
		return err
	}
	for i, score := range s.found.Scores {
		if l := d.labels[i]; l >= 0 {
			into.Of[l] = score
		}
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
func (d *Detector) Threshold(Label) float64 { return 0.8 }
