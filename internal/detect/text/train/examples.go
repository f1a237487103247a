package train

import (
	"context"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
	"github.com/breakwater-project/breakwater/internal/detect/text/model"
	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// A reader turns texts into features and term scores.
type reader struct {
	normaliser *normal.Normaliser
	terms      *term.Finder
	labels     []int // place in model.Terms of each signal of terms; -1 where it is none
	lexicon    *normal.Lexicon

	text      normal.Forms
	found     term.Found
	speller   normal.Speller
	extractor model.Extractor
}

func newReader(banks *term.Banks, lexicon *normal.Lexicon) (*reader, error) {
	r := &reader{normaliser: normal.New(), lexicon: lexicon}
	var err error
	if r.terms, err = term.New(banks, r.normaliser); err != nil {
		return nil, err
	}
	for _, signal := range r.terms.Signals() {
		r.labels = append(r.labels, model.TermIndex(signal))
	}
	return r, nil
}

// read normalises a text and finds its terms.
func (r *reader) read(text string, terms *model.Terms) error {
	r.normaliser.Normalise(text, &r.text)
	r.normaliser.Repair(r.lexicon, &r.text, &r.speller)
	if err := r.terms.Find(context.Background(), &r.text, &r.found); err != nil {
		return err
	}
	*terms = model.Terms{}
	for i, score := range r.found.Scores {
		if at := r.labels[i]; at >= 0 {
			terms[at] = float32(score)
		}
	}
	return nil
}

// words gives the words of the text that was read, with disguises undone.
func (r *reader) words() []string {
	f := r.strongest()
	words := make([]string, len(f.Words))
	for i, w := range f.Words {
		words[i] = string(f.Bytes(w))
	}
	return words
}

// features gives those of a form's first window.
func (r *reader) features(f *normal.Form) []uint32 {
	r.extractor.Read(r.lexicon, f)
	r.extractor.Window(f, 0)
	return r.extractor.Features
}

// A tally counts in how many texts a feature is, about: features that share 24 bits
// share a count.
type tally []uint8

func newTally() tally { return make(tally, 1<<24) }

func (t tally) add(features []int32) {
	for _, f := range features {
		if at := &t[uint32(f)>>8]; *at < 255 {
			*at++
		}
	}
}

func (t tally) of(f uint32) uint8 { return t[f>>8] }

// selection numbers the features that are in enough texts.
type selection struct {
	numbers  map[uint32]int32
	features []uint32
	seen     []uint32 // in how many texts each is
}

// pick gives the numbers of features, in their place, and counts them.
func (s *selection) pick(features []int32, counts tally, least uint8) []int32 {
	rows := features[:0]
	for _, bits := range features {
		f := uint32(bits)
		if counts.of(f) < least {
			continue
		}
		n, known := s.numbers[f]
		if !known {
			n = int32(len(s.features))
			s.numbers[f] = n
			s.features = append(s.features, f)
			s.seen = append(s.seen, 0)
		}
		s.seen[n]++
		rows = append(rows, n)
	}
	return rows
}

// countWords counts how often each word is used.
func countWords(rows []labelled.Row, normaliser *normal.Normaliser, counts map[string]int) {
	var text normal.Forms
	for i := range rows {
		normaliser.Normalise(rows[i].Text, &text)
		f := &text.Raw
		if !text.Plain {
			f = &text.Folded
		}
		for _, w := range f.Words {
			if b := f.Bytes(w); len(b) <= 24 && !w.Joined && !strings.Contains(string(b), "*") {
				counts[string(b)]++
			}
		}
	}
}

// sortedKeys gives the keys of counts, the most frequent first.
func sortedKeys(counts map[string]int) []string {
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if c := counts[b] - counts[a]; c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return keys
}
