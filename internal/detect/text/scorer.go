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

	despair float64 // how probable the model finds it that a person in need speaks, who addresses nobody
}

// Harms is whether a label is of a harm: SelfHarmDisclosure is a person in need, and
// Profanity alone hurts nobody.
func Harms(l Label) bool { return l != SelfHarmDisclosure && l != Profanity }

// Any is the highest score of the labels that harm somebody, and which it is.
func (s *Scores) Any() (Label, float64) {
	best := Toxic
	for l, p := range s.Of {
		if Harms(Label(l)) && p > s.Of[best] {
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
	s := d.take()
	defer d.release(s)
	return d.score(ctx, text, s, into)
}

// find normalises text and finds its terms.
func (d *Detector) find(ctx context.Context, text string, s *scratch) error {
	d.normaliser.Normalise(text, &s.text)
	d.normaliser.Repair(d.model.Lexicon(), &s.text, &s.speller)
	return d.terms.Find(ctx, &s.text, &s.found)
}

// score gives each label the stronger of what the model and the terms say, as far as
// terms are to be trusted. The model sees both forms of the text, and the higher score
// counts.
func (d *Detector) score(ctx context.Context, text string, s *scratch, into *Scores) error {
	return d.join(ctx, text, s, into, func(_ Label, p float32) float32 { return p })
}

// signals is score on the scale of rules, on which the model alone is never certain.
func (d *Detector) signals(ctx context.Context, text string, s *scratch, into *Scores) error {
	return d.join(ctx, text, s, into, d.signal)
}

// join is score, with what the model says on a scale.
func (d *Detector) join(ctx context.Context, text string, s *scratch, into *Scores, scale func(Label, float32) float32) error {
	if err := d.weigh(ctx, text, s); err != nil {
		return err
	}
	for l := range into.Of {
		p := scale(Label(l), d.model.Probability(Label(l), &s.answer))
		into.Of[l] = float64(max(p, d.trust[l]*s.terms[l]))
	}
	into.despair = 0
	if !s.addresses {
		into.despair = float64(d.model.Probability(SelfHarmDisclosure, &s.answer))
	}
	into.Temper()
	return nil
}

// Signal is the probability that a model alone gives l, on the scale of rules. It ends at
// a ceiling: the shipped rules punish from 0.9, and report, restrict and preserve from 0.8
// what is done to children, and a person's account is not for a model to touch.
func (d *Detector) Signal(l Label, p float64) float64 { return float64(d.signal(l, float32(p))) }

func (d *Detector) signal(l Label, p float32) float32 {
	return min(d.model.Signal(l, p), ceiling(l))
}

// ceiling is the highest signal that the model alone gives.
func ceiling(l Label) float32 {
	switch l {
	case SexualMinors, Solicitation, Grooming, Sextortion, CoerciveControl, Doxxing, Spam, EatingDisorderPromotion:
		return 0.79 // nobody has labelled texts for these: it knows them from grammars
	default:
		return 0.89
	}
}

// weigh leaves in s what the terms and the model say of text.
func (d *Detector) weigh(ctx context.Context, text string, s *scratch) error {
	if err := d.find(ctx, text, s); err != nil {
		return err
	}
	s.terms = model.Terms{}
	for i, score := range s.found.Scores {
		if at := d.inputs[i]; at >= 0 {
			s.terms[at] = float32(score)
		}
	}
	s.answer = model.Start()
	if err := d.model.Score(ctx, &s.text.Raw, &s.terms, &s.extractor, &s.answer); err != nil {
		return err
	}
	s.addresses = s.extractor.Has(model.Second)
	if s.text.Plain {
		return nil
	}
	err := d.model.Score(ctx, &s.text.Folded, &s.terms, &s.extractor, &s.answer)
	s.addresses = s.addresses || s.extractor.Has(model.Second)
	return err
}

// Temper believes less of what a person in need says in despair: rough words about
// themselves, what was done to them, and how they think of death. What is aimed at
// others or at children, threats, hate, encouragement, is believed as before: a cry
// for help in front of it hides nothing. An insult is taken for one of oneself only
// where nobody is addressed and the model itself, not a term alone, reads despair.
func (s *Scores) Temper() {
	const share = 0.6 // of the probability that it is a person in need
	for _, l := range [...]Label{Toxic, SevereToxic, Profanity, Violence, Suicide} {
		s.Of[l] *= 1 - share*s.Of[SelfHarmDisclosure]
	}
	s.Of[Insult] *= 1 - share*s.despair
}

// Spans gives the parts of text that speak for labels, in the order of the text: the
// terms that were found, and for each label that the model is likely to be right about
// the words that convinced it.
func (d *Detector) Spans(ctx context.Context, text string) ([]Span, error) {
	s := d.take()
	defer d.release(s)
	if err := d.score(ctx, text, s, &s.scores); err != nil {
		return nil, err
	}
	var spans []Span
	for _, m := range d.terms.Matches(&s.found) {
		if l, ok := ParseLabel(m.Signal); ok {
			spans = append(spans, Span{Label: l, Score: min(m.Score, s.scores.Of[l]), Start: m.Start, End: m.End})
		}
	}
	f := &s.text.Raw
	if !s.text.Plain {
		f = &s.text.Folded
	}
	for l, p := range s.scores.Of {
		if p < likely {
			continue
		}
		first, last, ok, err := d.model.Explain(ctx, f, &s.terms, &s.extractor, Label(l))
		if err != nil {
			return nil, err
		}
		if ok {
			start, end := f.Span(f.Words[first].Start, f.Words[last].End)
			spans = append(spans, Span{Label: Label(l), Score: p, Start: start, End: end})
		}
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	return spans, nil
}

// likely is the probability from which a label is explained.
const likely = 0.5

// Threshold is the score from which a text counts as flagged for a label, where a
// platform has not said otherwise.
func (d *Detector) Threshold(l Label) float64 { return float64(d.model.Flag(l)) }

// Flagged is whether a text with these scores is flagged for a harm.
func (d *Detector) Flagged(s *Scores) bool {
	for l, p := range s.Of {
		if Harms(Label(l)) && p >= d.Threshold(Label(l)) {
			return true
		}
	}
	return false
}
