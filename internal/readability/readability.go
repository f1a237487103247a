// Package readability measures how hard a text is to read, by formulas that
// look at the length of sentences and words. They say nothing about sense: a
// low figure is needed for a text that children read, and is not enough.
package readability

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Measure is what the formulas look at.
type Measure struct {
	Words     int
	Sentences int
	Longest   int // words in the longest sentence
	Syllables int // as English writes them
	Long      int // words of more than six letters
}

// Of measures texts together. A text ends its last sentence.
func Of(texts ...string) Measure {
	var m Measure
	for _, text := range texts {
		for sentence := range strings.FieldsFuncSeq(text, ends) {
			m.sentence(sentence)
		}
	}
	return m
}

// ends reports whether r ends a sentence or a clause that is read as one.
func ends(r rune) bool { return strings.ContainsRune(".?!:;؟。।\n", r) }

func (m *Measure) sentence(s string) {
	words := 0
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return unicode.IsSpace(r) || r == '-' || r == '–' }) {
		word = strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if word == "" {
			continue
		}
		words++
		m.Syllables += syllables(word)
		if utf8.RuneCountInString(word) > 6 {
			m.Long++
		}
	}
	if words == 0 {
		return
	}
	m.Words += words
	m.Sentences++
	m.Longest = max(m.Longest, words)
}

// syllables counts groups of vowels, of which an e at the end is none.
func syllables(word string) int {
	word = strings.ToLower(word)
	if !strings.HasSuffix(word, "le") {
		word = strings.TrimSuffix(word, "e")
	}
	n, within := 0, false
	for _, r := range word {
		vowel := strings.ContainsRune("aeiouy", r)
		if vowel && !within {
			n++
		}
		within = vowel
	}
	return max(n, 1)
}

// Grade is the Flesch-Kincaid grade of English: the school year of the United
// States whose pupils can read it; the age is about five years more. Source:
// Kincaid et al., Research Branch Report 8-75, 1975.
func (m Measure) Grade() float64 {
	if m.Words == 0 {
		return 0
	}
	return 0.39*float64(m.Words)/float64(m.Sentences) + 11.8*float64(m.Syllables)/float64(m.Words) - 15.59
}

// LIX is Björnsson's index for languages that part words with spaces: words a
// sentence, and the percentage of long words. Below 30 is for children, below
// 40 easy, from 50 hard. Source: C. H. Björnsson, Läsbarhet, 1968.
func (m Measure) LIX() float64 {
	if m.Words == 0 {
		return 0
	}
	return float64(m.Words)/float64(m.Sentences) + 100*float64(m.Long)/float64(m.Words)
}
