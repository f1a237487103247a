package measure

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// An Attack disguises a word of plain letters from a filter, and not from a reader.
type Attack struct {
	Name  string
	Hard  bool // letters are lost or out of order: it must be guessed what was meant
	apply func(word []byte, random *rand.Rand) string
}

// Attacks lists the attacks of the suite, in a fixed order.
func Attacks() []Attack {
	return []Attack{
		{Name: "leet", apply: leet},
		{Name: "homoglyph", apply: replaceWith("aeopcixy", "аеорсіху")},
		{Name: "dotted", apply: joinWith(".")},
		{Name: "spaced", Hard: true, apply: joinWith(" ")},
		{Name: "swapped", Hard: true, apply: swap},
		{Name: "starred", Hard: true, apply: star},
		{Name: "repeated", apply: repeat},
		{Name: "zero-width", apply: joinWith("\u200b")},
		{Name: "fullwidth", apply: func(w []byte, _ *rand.Rand) string {
			return strings.Map(func(r rune) rune { return r - 'a' + 'ａ' }, string(w))
		}},
		{Name: "combining", apply: joinWith("\u0336")},
	}
}

// shortest is the fewest letters of a word that is disguised.
const shortest = 3

// Disguise applies the attack to every word of text with three letters and more. What
// is random depends on random alone.
func (a *Attack) Disguise(text string, random *rand.Rand) string {
	var b strings.Builder
	low := strings.ToLower(text)
	if len(low) != len(text) { // letters whose lower case is longer
		text = low
	}
	for i := 0; i < len(low); {
		end := i
		for end < len(low) && low[end] >= 'a' && low[end] <= 'z' {
			end++
		}
		if end-i >= shortest {
			b.WriteString(a.apply([]byte(low[i:end]), random))
			i = end
			continue
		}
		if end == i {
			_, size := utf8.DecodeRuneInString(text[i:])
			end = min(i+size, len(low))
		}
		b.WriteString(text[i:end])
		i = end
	}
	return b.String()
}

func leet(w []byte, _ *rand.Rand) string {
	return strings.NewReplacer("a", "4", "e", "3", "i", "1", "o", "0", "s", "5", "t", "7").Replace(string(w))
}

func replaceWith(from, to string) func([]byte, *rand.Rand) string {
	foreign := []rune(to)
	return func(w []byte, _ *rand.Rand) string {
		return strings.Map(func(r rune) rune {
			if i := strings.IndexRune(from, r); i >= 0 {
				return foreign[i]
			}
			return r
		}, string(w))
	}
}

func joinWith(sign string) func([]byte, *rand.Rand) string {
	return func(w []byte, _ *rand.Rand) string { return strings.Join(strings.Split(string(w), ""), sign) }
}

// swap exchanges two neighbours within the word: its first letter stays.
func swap(w []byte, random *rand.Rand) string {
	if len(w) > 3 {
		i := 1 + random.IntN(len(w)-2)
		w[i], w[i+1] = w[i+1], w[i]
	} else {
		w[1], w[2] = w[2], w[1]
	}
	return string(w)
}

// star hides the first vowel that is not the first letter, or else the second letter.
func star(w []byte, _ *rand.Rand) string {
	at := 1
	for i := 1; i < len(w); i++ {
		if strings.IndexByte("aeiou", w[i]) >= 0 {
			at = i
			break
		}
	}
	w[at] = '*'
	return string(w)
}

// repeat writes one letter three to five times.
func repeat(w []byte, random *rand.Rand) string {
	i := random.IntN(len(w))
	return string(w[:i]) + strings.Repeat(string(w[i:i+1]), 3+random.IntN(3)) + string(w[i+1:])
}
