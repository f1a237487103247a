// Package text scores what people write for the harms it may do.
//
// A text is normalised (package normal), terms are found in it (package term), a
// trained network weighs it (package model), and both become one probability for each
// label. A Detector gives them to the rules as signals.
package text

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// A Detector scores texts. It is safe for concurrent use.
type Detector struct {
	normaliser *normal.Normaliser
	terms      *term.Finder
	model      *model.Model
	trust      [LabelCount]float32
	inputs     []int         // of each signal of terms, its place in model.Terms; -1 where it has none
	free       chan *scratch // kept, where a sync.Pool would forget some
}

// scratch is the working memory for one text.
type scratch struct {
	text      normal.Forms
	found     term.Found
	speller   normal.Speller
	extractor model.Extractor
	terms     model.Terms
	answer    model.Answer
	addresses bool // somebody, as "you"
	scores    Scores
}

// New compiles banks and stands the shipped model beside them. The error joins one
// error for each faulty term, each beginning with file:line:column.
func New(banks *term.Banks) (*Detector, error) {
	m, err := model.Shipped()
	if err != nil {
		return nil, err
	}
	return NewWith(banks, m)
}

// NewWith is New with a model of the caller's.
func NewWith(banks *term.Banks, m *model.Model) (*Detector, error) {
	n := normal.New()
	terms, err := term.New(banks, n)
	if err != nil {
		return nil, err
	}
	d := &Detector{
		normaliser: n,
		terms:      terms,
		model:      m,
		free:       make(chan *scratch, 2*runtime.GOMAXPROCS(0)),
	}
	for l := range d.trust { // the model knows what its own banks are worth; an operator's count in full
		d.trust[l] = 1
		if m.Banks() == terms.DigestOf(model.ReadsTerm) {
			d.trust[l] = m.Trust(Label(l))
		}
	}
	for _, signal := range terms.Signals() {
		d.inputs = append(d.inputs, model.TermIndex(signal))
	}
	return d, nil
}

// Name is "text".
func (d *Detector) Name() string { return "text" }

// Version is the digest of the model and that of the banks.
func (d *Detector) Version() string { return d.model.Version() + "+" + d.terms.Digest() }

// Model is the version of the model alone: the first part of Version.
func (d *Detector) Model() string { return d.model.Version() }

// Names lists, sorted, what text can be scored for. A bank may add names of its
// operator's own; a name that no bank counts for always scores 0.
func Names() []string {
	names := []string{
		"text.affection", "text.age_probe", "text.contact_move", "text.deadline", "text.exclusion", "text.gift",
		"text.image_request", "text.isolation", "text.location_demand", "text.meeting", "text.monitoring",
		"text.payment_demand", "text.recruitment", "text.secrecy", "text.share_threat",
	}
	for _, l := range Labels() {
		names = append(names, l.Signal())
	}
	slices.Sort(names)
	return names
}

// Signals lists Names and the signals that some bank counts for, sorted. Rules
// may read all of them whatever banks an operator keeps.
func (d *Detector) Signals() []string {
	all := Names()
	for _, name := range d.terms.Signals() {
		all = append(all, term.Plain(name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// least is the lowest score that is a signal: below it, nothing was seen.
const least = 0.2

// Detect scores the event's text on the scale of rules, on which 0.5 is likely and 0.8
// clear for every label. Signals with nothing found are left out.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	if strings.TrimSpace(ev.Content.Text) == "" {
		return nil, nil
	}
	s := d.take()
	defer d.release(s)
	if err := d.signals(ctx, ev.Content.Text, s, &s.scores); err != nil {
		return nil, err
	}
	var signals []decision.Signal
	for i, score := range s.found.Scores {
		if score == 0 || d.inputs[i] >= 0 && d.inputs[i] < LabelCount {
			continue
		}
		name := term.Plain(d.terms.Signals()[i])
		if last := len(signals) - 1; last >= 0 && signals[last].Name == name {
			signals[last].Score = max(signals[last].Score, score)
			continue
		}
		signals = append(signals, decision.Signal{Name: name, Score: score})
	}
	for l, p := range s.scores.Of {
		if p >= least {
			signals = append(signals, decision.Signal{Name: Label(l).Signal(), Score: p})
		}
	}
	return signals, nil
}

// Matches gives the terms that were found in text, strongest first: for showing a
// person why.
func (d *Detector) Matches(ctx context.Context, text string) ([]term.Match, error) {
	s := d.take()
	defer d.release(s)
	if err := d.find(ctx, text, s); err != nil {
		return nil, err
	}
	return d.terms.Matches(&s.found), nil
}

// maxKept is the most text, in bytes, whose working memory is kept for the next one.
const maxKept = 16 << 10

// take is working memory: some that is free, or new.
func (d *Detector) take() *scratch {
	select {
	case s := <-d.free:
		return s
	default:
		return new(scratch)
	}
}

func (d *Detector) release(s *scratch) {
	if cap(s.text.Raw.Text) > maxKept {
		return
	}
	select {
	case d.free <- s:
	default: // enough are free
	}
}
