package model

import (
	"slices"
	"unicode/utf8"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// Features of a window of words are 32-bit hashes: of words, of pairs and triples of
// neighbouring words, of pairs with one word between, of the 3 to 5 characters that
// follow each other in a word, of classes of words and of their order in a sentence.
// Each kind of feature has a seed of its own.
const (
	seedWord   uint64 = 0x9e3779b97f4a7c15
	seedPair   uint64 = 0xc2b2ae3d27d4eb4f
	seedSkip   uint64 = 0x165667b19e3779f9
	seedTriple uint64 = 0x27d4eb2f165667c5
	seedRunes  uint64 = 0x85ebca77c2b2ae63
	seedClass  uint64 = 0xd6e8feb86659fd93
	seedOrder  uint64 = 0xa0761d6478bd642f
	seedSign   uint64 = 0xe7037ed1a0b428db
)

const (
	// windowWords is the most words that are scored together; a longer text is
	// scored in windows, of which the highest score counts.
	windowWords  = 160
	windowStep   = 128
	longestWord  = 20 // characters of a word that are looked at
	maxInOrder   = 6  // classes of a sentence whose order is looked at
	minCharacter = 3  // characters of the shortest run
	maxCharacter = 5
)

// An atom is a word as the features see it.
type atom struct {
	hash  uint64
	start int32 // of the word in Form.Words
	class Class
	opens bool
	known bool // to the lexicon
}

// Extractor turns a form of a text into features. It has working memory and serves
// one text at a time.
type Extractor struct {
	Features []uint32 // of the last window
	origin   []int32  // of each feature: the word that it ends at
	atoms    []atom
	offsets  [longestWord + 3]int32 // of the characters of a word
	runes    []byte                 // a word between its boundaries
	keep     bool                   // fill origin
	memo     memo
}

// Read reads the words of f; Window gives their features.
func (x *Extractor) Read(l *normal.Lexicon, f *normal.Form) {
	x.atoms = x.atoms[:0]
	for i, w := range f.Words {
		h := normal.Hash(f.Bytes(w))
		entry := l.Of(h)
		class := Class(entry.Class)
		x.atoms = append(x.atoms, atom{hash: h, start: int32(i), class: class, opens: w.Opens, known: entry.Cost > 0})
		if class.isPeople() && i > 0 && x.atoms[i-1].class == Trait {
			x.atoms[i-1].class = Group
		}
	}
	for i := range x.atoms {
		if a := &x.atoms[i]; a.class.isHidden() {
			a.hash = normal.Mix(seedClass + uint64(a.class))
		}
	}
}

// Has reports whether a word of class c is among those that were read.
func (x *Extractor) Has(c Class) bool {
	return slices.ContainsFunc(x.atoms, func(a atom) bool { return a.class == c })
}

// Windows is how many windows the words that were read need: at least 1.
func (x *Extractor) Windows() int {
	return 1 + max(0, len(x.atoms)-windowWords+windowStep-1)/windowStep
}

// window gives the words of window i.
func (x *Extractor) window(i int) []atom {
	low := i * windowStep
	return x.atoms[min(low, len(x.atoms)):min(low+windowWords, len(x.atoms))]
}

// Window leaves the features of window i of f, which was read, in x.Features.
func (x *Extractor) Window(f *normal.Form, i int) {
	x.Features, x.origin = x.Features[:0], x.origin[:0]
	atoms := x.window(i)
	for k := range atoms {
		x.own(f, &atoms[k])
		x.beside(f, atoms, k)
	}
	x.classes(atoms)
}

// context leaves in x.Features those of window i that are of no word alone.
func (x *Extractor) context(f *normal.Form, atoms []atom) {
	x.Features, x.origin = x.Features[:0], x.origin[:0]
	for k := range atoms {
		x.beside(f, atoms, k)
	}
	x.classes(atoms)
}

// own adds the features of a word alone.
func (x *Extractor) own(f *normal.Form, a *atom) {
	x.add(seedWord+a.hash, a)
	if !a.class.isHidden() {
		x.characters(f.Bytes(f.Words[a.start]), a)
	}
}

// beside adds the features of word k with those before it, and of the signs after it.
func (x *Extractor) beside(f *normal.Form, atoms []atom, k int) {
	a := &atoms[k]
	if k > 0 {
		x.add(seedPair+atoms[k-1].hash*3+a.hash, a)
	}
	if k > 1 {
		x.add(seedSkip+atoms[k-2].hash*5+a.hash, a)
		x.add(seedTriple+atoms[k-2].hash*9+atoms[k-1].hash*3+a.hash, a)
	}
	x.signs(f, a)
}

func (x *Extractor) add(h uint64, a *atom) {
	x.Features = append(x.Features, uint32(normal.Mix(h)>>32))
	if x.keep {
		x.origin = append(x.origin, a.start)
	}
}

// characters adds the runs of characters of a word, which stands between boundaries.
func (x *Extractor) characters(word []byte, a *atom) {
	x.runes = append(append(append(x.runes[:0], '^'), word...), '$')
	n := 0
	for i := 0; i < len(x.runes) && n < len(x.offsets)-1; n++ {
		x.offsets[n] = int32(i)
		if x.runes[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := utf8.DecodeRune(x.runes[i:])
		i += size
	}
	x.offsets[n] = int32(len(x.runes))
	if n == len(x.offsets)-1 { // the word goes on
		_, size := utf8.DecodeRune(x.runes[x.offsets[n-1]:])
		x.offsets[n] = x.offsets[n-1] + int32(size)
	}
	for from := 0; from+minCharacter <= n; from++ {
		h := seedRunes
		at := x.offsets[from]
		for k := 1; k <= maxCharacter && from+k <= n; k++ {
			for ; at < x.offsets[from+k]; at++ {
				h = (h ^ uint64(x.runes[at])) * 1099511628211
			}
			if k >= minCharacter {
				x.add(h, a)
			}
		}
	}
}

// signs adds the question marks, exclamation marks and quotation marks after a word.
func (x *Extractor) signs(f *normal.Form, a *atom) {
	from, to := f.Words[a.start].End, len(f.Text)
	if int(a.start)+1 < len(f.Words) {
		to = f.Words[a.start+1].Start
	}
	for _, b := range f.Text[from:min(to, from+4)] {
		if b == '?' || b == '!' || b == '"' || b == ':' {
			x.add(seedSign+uint64(b), a)
		}
	}
}

// classes adds which classes a sentence has, and in which order.
func (x *Extractor) classes(atoms []atom) {
	var seen [maxInOrder]*atom
	n := 0
	for k := range atoms {
		a := &atoms[k]
		if a.opens {
			n = 0
		}
		if !a.class.isMarked() {
			continue
		}
		x.add(seedClass+64+uint64(a.class), a)
		for _, before := range seen[:n] {
			x.add(seedOrder+uint64(before.class)*64+uint64(a.class), a)
		}
		if n == maxInOrder {
			copy(seen[:], seen[1:])
			n--
		}
		seen[n] = a
		n++
	}
}
