package compat

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

func TestSentences(t *testing.T) {
	for text, want := range map[string][]string{
		"":                         nil,
		"  \n":                     nil,
		"one":                      {"one"},
		" One. Two?  Three!\n":     {"One.", "Two?", "Three!"},
		"No. 😀 is at 3.5. 😀😀 Good": {"No. 😀 is at 3.5.", "😀😀 Good"},
		"これは文です。これも文です。": {"これは文です。", "これも文です。"},
	} {
		if diff := cmp.Diff(want, textsOf(t, text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	many := textsOf(t, strings.Repeat("One. ", 1000))
	if len(many) != maxSentences || len(many[maxSentences-1]) < 800*5-1 {
		t.Errorf("%d sentences, the last has %d bytes", len(many), len(many[len(many)-1]))
	}
}

// textsOf is the sentences of a text by their places in it.
func textsOf(t *testing.T, text string) (all []string) {
	t.Helper()
	units := utf16.Encode([]rune(text))
	for _, s := range sentences(text) {
		if got := string(utf16.Decode(units[s.begin:s.end])); got != s.text {
			t.Errorf("%q: at [%d,%d) is %q, the sentence is %q", text, s.begin, s.end, got, s.text)
		}
		all = append(all, s.text)
	}
	return all
}

func FuzzSentences(f *testing.F) {
	f.Add("One. Two?  Three!\n")
	f.Add("😀. 😀😀 . \u2028 x")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "") // as bodies are
		end := 0
		units := utf16.Encode([]rune(text))
		for _, s := range sentences(text) {
			if s.begin < end || s.end <= s.begin || s.end > len(units) {
				t.Fatalf("[%d,%d) after %d of %d", s.begin, s.end, end, len(units))
			}
			if got := string(utf16.Decode(units[s.begin:s.end])); got != s.text {
				t.Fatalf("%q is not %q", got, s.text)
			}
			end = s.end
		}
	})
}
