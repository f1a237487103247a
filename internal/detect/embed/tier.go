package embed

import (
	"context"
	"slices"
	"strings"

	"github.com/abadojack/whatlanggo"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/text"
)

// First is the first tier of text detection; *text.Detector is one.
type First interface {
	Version() string
	Score(ctx context.Context, text string, into *text.Scores) error
	Threshold(text.Label) float64
	// Signal is the probability that a model alone gives a label, on the scale of rules.
	Signal(l text.Label, p float64) float64
}

// Detector is the second tier: where the first is not sure that an English text
// is harmless, it raises the scores of what the text is about. It never lowers one, so that
// having it makes nothing less strict. It is safe for concurrent use.
type Detector struct {
	first   First
	encoder *Encoder
	heads   *Heads
}

// NewDetector stands the second tier over first.
func NewDetector(first First, e *Encoder, h *Heads) *Detector {
	return &Detector{first: first, encoder: e, heads: h}
}

// Name is "sentence".
func (d *Detector) Name() string { return "sentence" }

// Version names the heads and the first tier.
func (d *Detector) Version() string { return d.heads.version + "+" + d.first.Version() }

// Signals lists the labels' signals, sorted: those of the first tier, of which
// the stronger counts.
func (d *Detector) Signals() []string {
	var names []string
	for _, l := range text.Labels() {
		names = append(names, l.Signal())
	}
	slices.Sort(names)
	return names
}

// doubt is the first tier's highest score from which a text is in the grey zone.
// There is no end to it: what is surely one thing may be another too.
const doubt = 0.05

// Score scores text for every label by both tiers.
func (d *Detector) Score(ctx context.Context, of string, into *text.Scores) error {
	_, err := d.score(ctx, of, "", into)
	return err
}

// labels says of each label whether something is so.
type labels [text.LabelCount]bool

// score says which labels the second tier raised: none where it was not asked.
func (d *Detector) score(ctx context.Context, of, language string, into *text.Scores) (raised labels, err error) {
	if err := d.first.Score(ctx, of, into); err != nil {
		return labels{}, err
	}
	if slices.Max(into.Of[:]) < doubt || !english(of, language) {
		return labels{}, nil
	}
	if err := ctx.Err(); err != nil {
		return labels{}, err
	}
	var v Vector
	d.encoder.Embed(of, &v)
	return d.raise(into, &v), nil
}

// raise raises the scores that the heads find too low, and says which.
func (d *Detector) raise(scores *text.Scores, v *Vector) (raised labels) {
	refined := *scores
	d.heads.Refine(&refined, v)
	refined.Temper()
	for l, p := range refined.Of {
		if p > scores.Of[l] {
			scores.Of[l], raised[l] = p, true
		}
	}
	return raised
}

// Threshold is the first tier's.
func (d *Detector) Threshold(l text.Label) float64 { return d.first.Threshold(l) }

// enough is how many bytes tell in which language a text is.
const enough = 2 << 10

// english is whether a text is in the language that the encoder knows, so far as
// can be told.
func english(of, language string) bool {
	if language != "" {
		base, _, _ := strings.Cut(strings.ToLower(language), "-")
		return base == "en"
	}
	info := whatlanggo.Detect(of[:min(len(of), enough)])
	return info.Lang == whatlanggo.Eng || !info.IsReliable()
}

// least is the lowest score that is a signal.
const least = 0.01

// Detect gives the signals that the second tier raised, on the scale of rules. Of
// everything else the first has said all.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	if strings.TrimSpace(ev.Content.Text) == "" {
		return nil, nil
	}
	var scores text.Scores
	raised, err := d.score(ctx, ev.Content.Text, ev.Content.Language, &scores)
	if err != nil {
		return nil, err
	}
	return d.signals(&scores, &raised), nil
}

func (d *Detector) signals(scores *text.Scores, raised *labels) (signals []decision.Signal) {
	for _, l := range text.Labels() {
		if p := d.first.Signal(l, scores.Of[l]); raised[l] && p >= least {
			signals = append(signals, decision.Signal{Name: l.Signal(), Score: p})
		}
	}
	return signals
}
