// Package text finds terms in text, whatever disguise they are written in.
//
// A text passes three steps, each usable on its own:
//
//   - Normalise gives it two plain forms, of which every byte remembers the bytes of
//     the original that it came from (normalise.go, fold.go).
//   - An automaton compiled from term banks finds terms in both forms in one pass each
//     (bank.go, term.go, compile.go, vocabulary.go).
//   - What stands around a match raises, lowers or voids its score, and the matches are
//     combined into one score for each signal (match.go).
//
// Banks are YAML files that an operator edits: docs/howto-terms.md.
package text

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// A Detector gives the text signals of its term banks. It is safe for concurrent use.
type Detector struct {
	normaliser *Normaliser
	automaton  *automaton
	version    string
	pool       sync.Pool // of *scratch
}

// New compiles banks. The error joins one error for each faulty term, each beginning
// with file:line:column.
func New(banks *Banks) (*Detector, error) {
	n := NewNormaliser()
	a, err := compile(banks, n)
	if err != nil {
		return nil, err
	}
	return &Detector{
		normaliser: n,
		automaton:  a,
		version:    banks.Digest,
		pool:       sync.Pool{New: func() any { return new(scratch) }},
	}, nil
}

// Name is "text".
func (d *Detector) Name() string { return "text" }

// Version is the digest of the banks.
func (d *Detector) Version() string { return d.version }

// Names lists, sorted, what text can be scored for. A bank may add names of its
// operator's own; a name that no bank counts for always scores 0.
func Names() []string {
	return []string{
		"text.age_probe", "text.coercive_control", "text.contact_move", "text.doxxing",
		"text.eating_disorder_promotion", "text.grooming", "text.harassment", "text.hate",
		"text.identity_attack", "text.insult", "text.meeting", "text.misogyny", "text.profanity", "text.secrecy",
		"text.self_harm_disclosure", "text.self_harm_encouragement", "text.severe_toxic",
		"text.sexual", "text.sexual_minors", "text.sextortion", "text.solicitation", "text.spam",
		"text.suicide", "text.threat", "text.toxic", "text.violence", "text.violence_graphic",
	}
}

// Signals lists Names and the signals that some bank counts for, sorted. Rules
// may read all of them whatever banks an operator keeps.
func (d *Detector) Signals() []string {
	all := append(Names(), d.automaton.signals...)
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
	if err := d.automaton.search(ctx, s); err != nil {
		return nil, err
	}
	if len(s.hits) == 0 {
		return nil, nil
	}
	d.automaton.combine(s)
	var signals []decision.Signal
	for i, score := range s.scores {
		if score > 0 {
			signals = append(signals, decision.Signal{Name: d.automaton.signals[i], Score: score})
		}
	}
	return signals, nil
}

// A Match is one place of a text that counts for a signal.
type Match struct {
	Signal     string
	Bank       string
	Kind       string  // kind of harm, if the bank says
	Score      float64 // after context
	Start, End int     // byte range in the text
}

// Matches gives what was found in text, strongest first: for showing a person why.
func (d *Detector) Matches(ctx context.Context, text string) ([]Match, error) {
	s := d.pool.Get().(*scratch)
	defer d.release(s)
	d.normaliser.Normalise(text, &s.text)
	if err := d.automaton.search(ctx, s); err != nil {
		return nil, err
	}
	d.automaton.combine(s)
	var matches []Match
	for _, h := range s.hits {
		e := &d.automaton.entries[h.entry]
		for _, signal := range e.signals {
			m := Match{d.automaton.signals[signal], e.bank, e.kind, h.score, h.from, h.to}
			if h.score > 0 && !slices.Contains(matches, m) {
				matches = append(matches, m)
			}
		}
	}
	return matches, nil
}

// maxKept is the most text, in bytes, whose working memory is kept for the next one.
const maxKept = 16 << 10

func (d *Detector) release(s *scratch) {
	if cap(s.text.Raw.Text) <= maxKept {
		d.pool.Put(s)
	}
}
