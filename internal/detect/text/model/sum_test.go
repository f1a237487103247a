package model

import (
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// TestWindowIsTheSumOfItsFeatures holds what is added by words, of which some are
// remembered, to be what all features of the window sum to.
func TestWindowIsTheSumOfItsFeatures(t *testing.T) {
	m, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var x, other Extractor
	var text normal.Forms
	for _, said := range []string{
		"", "are you coming to the match?", "the match, the match, the match!", "aré y0u coming to the m4tch", "muslims said: no zzqxw",
		strings.Repeat("we met at the station, and my brother brought an unpronounceably long word. ", 40),
	} {
		normal.New().Normalise(said, &text)
		x.Read(m.lexicon, &text.Raw)
		other.Read(m.lexicon, &text.Raw)
		for i := range x.Windows() {
			other.Window(&text.Raw, i)
			var got, want [Width]float32
			n, of := m.window(&text.Raw, i, &x, &got), m.sum(other.Features, &want)
			if n != of || got != want {
				t.Errorf("window %d of %.40q: %d rows, want %d; equal sums: %v", i, said, n, of, got == want)
			}
		}
	}
}
