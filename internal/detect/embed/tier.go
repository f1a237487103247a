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

// score says whether the encoder was asked.
func (d *Detector) score(ctx context.Context, of, language string, into *text.Scores) (asked bool, err error) {
	if err := d.first.Score(ctx, of, into); err != nil {
		return false, err
	}
	if slices.Max(into.Of[:]) < doubt || !english(of, language) {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	var v Vector
	d.encoder.Embed(of, &v)
	refined := *into
	d.heads.Refine(&refined, &v)
	for l, p := range refined.Of {
		into.Of[l] = max(into.Of[l], p)
	}
	return true, nil
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

// Detect gives the signals of a text in the grey zone, and none of any other:
// the first tier has said all.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	if strings.TrimSpace(ev.Content.Text) == "" {
		return nil, nil
	}
	var scores text.Scores
	asked, err := d.score(ctx, ev.Content.Text, ev.Content.Language, &scores)
	if err != nil || !asked {
		return nil, err
	}
	var signals []decision.Signal
	for _, l := range text.Labels() {
		if p := scores.Of[l]; p >= least {
			signals = append(signals, decision.Signal{Name: l.Signal(), Score: p})
		}
	}
	return signals, nil
}
