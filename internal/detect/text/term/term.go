// Package term finds the words and phrases of term banks in a text, whatever disguise
// they are written in.
//
// Banks are YAML files that an operator edits (docs/howto-terms.md; bank.go reads
// them). An automaton compiled from them finds their terms in both forms of a text in
// one pass each (syntax.go, compile.go, vocabulary.go). What stands around a match
// raises, lowers or voids its score, and the matches are combined into one score for
// each signal (match.go).
package term

import (
	"context"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// A Finder finds the terms of banks. It is safe for concurrent use.
type Finder struct {
	automaton *automaton
	banks     *Banks
}

// New compiles banks, whose terms are normalised by n. The error joins one error for
// each faulty term, each beginning with file:line:column.
func New(banks *Banks, n *normal.Normaliser) (*Finder, error) {
	a, err := compile(banks, n)
	if err != nil {
		return nil, err
	}
	return &Finder{automaton: a, banks: banks}, nil
}

// Digest names the content of the banks.
func (f *Finder) Digest() string { return f.banks.Digest }

// DigestOf is the banks' own.
func (f *Finder) DigestOf(reads func(signal string) bool) string { return f.banks.DigestOf(reads) }

// Signals lists what banks count for, sorted: names of which Plain is the signal. Two
// that stand for one signal are next to each other. The caller must not
// change it.
func (f *Finder) Signals() []string { return f.automaton.signals }

// Find looks for all terms in text and leaves a score for each signal in found.Scores,
// 0 where nothing was found. One Found serves many texts in turn without allocating.
// The cost is linear in the length of text; the error is that of ctx.
func (f *Finder) Find(ctx context.Context, text *normal.Forms, found *Found) error {
	if err := f.automaton.search(ctx, text, found); err != nil {
		return err
	}
	f.automaton.combine(found)
	return nil
}

// A Match is one place of a text that counts for a signal.
type Match struct {
	Signal     string
	Bank       string
	Kind       string  // kind of harm, if the bank says
	Score      float64 // after context
	Start, End int     // byte range in the text
}

// Matches gives what Find has left in found, strongest first.
func (f *Finder) Matches(found *Found) []Match {
	var matches []Match
	for _, h := range found.hits {
		e := &f.automaton.entries[h.entry]
		for _, signal := range e.signals {
			m := Match{Plain(f.automaton.signals[signal]), e.bank, e.kind, h.score, h.from, h.to}
			if h.score > 0 && !slices.Contains(matches, m) {
				matches = append(matches, m)
			}
		}
	}
	return matches
}
