// Package text scores what people write for the harms it may do.
//
// A text is normalised (package normal), terms are found in it (package term), and
// both become one score for each label. A Detector gives them to the rules as signals.
package text

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// A Detector scores texts. It is safe for concurrent use.
type Detector struct {
	normaliser *normal.Normaliser
	terms      *term.Finder
	labels     []int // of each signal of terms; -1 where it is none
	pool       sync.Pool
}

// scratch is the working memory for one text.
type scratch struct {
	text  normal.Forms
	found term.Found
}

// New compiles banks. The error joins one error for each faulty term, each beginning
// with file:line:column.
func New(banks *term.Banks) (*Detector, error) {
	n := normal.New()
	terms, err := term.New(banks, n)
	if err != nil {
		return nil, err
	}
	d := &Detector{
		normaliser: n,
		terms:      terms,
		pool:       sync.Pool{New: func() any { return new(scratch) }},
	}
	for _, signal := range terms.Signals() {
		l, ok := ParseLabel(signal)
		if !ok {
			d.labels = append(d.labels, -1)
			continue
		}
		d.labels = append(d.labels, int(l))
	}
	return d, nil
}

// Name is "text".
func (d *Detector) Name() string { return "text" }

// Version is the digest of the banks.
func (d *Detector) Version() string { return d.terms.Digest() }

// Names lists, sorted, what text can be scored for. A bank may add names of its
// operator's own; a name that no bank counts for always scores 0.
func Names() []string {
	names := []string{"text.age_probe", "text.contact_move", "text.meeting", "text.secrecy"}
	for _, l := range Labels() {
		names = append(names, l.Signal())
	}
	slices.Sort(names)
	return names
}

// Signals lists Names and the signals that some bank counts for, sorted. Rules
// may read all of them whatever banks an operator keeps.
func (d *Detector) Signals() []string {
	all := append(Names(), d.terms.Signals()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Detect scores the event's text. Signals with nothing found are left out.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	if strings.TrimSpace(ev.Content.Text) == "" {
		return nil, nil
	}
	s := d.pool.Get().(*scratch)
	defer d.release(s)
	d.normaliser.Normalise(ev.Content.Text, &s.text)
	if err := d.terms.Find(ctx, &s.text, &s.found); err != nil {
		return nil, err
	}
	var signals []decision.Signal
	for i, score := range s.found.Scores {
		if score > 0 {
			signals = append(signals, decision.Signal{Name: d.terms.Signals()[i], Score: score})
		}
	}
	return signals, nil
}

// Matches gives the terms that were found in text, strongest first: for showing a
// person why.
func (d *Detector) Matches(ctx context.Context, text string) ([]term.Match, error) {
	s := d.pool.Get().(*scratch)
	defer d.release(s)
	d.normaliser.Normalise(text, &s.text)
	if err := d.terms.Find(ctx, &s.text, &s.found); err != nil {
		return nil, err
	}
	return d.terms.Matches(&s.found), nil
}

// maxKept is the most text, in bytes, whose working memory is kept for the next one.
const maxKept = 16 << 10

func (d *Detector) release(s *scratch) {
	if cap(s.text.Raw.Text) <= maxKept {
		d.pool.Put(s)
	}
}
