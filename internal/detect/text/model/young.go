package model

import "github.com/breakwater-project/breakwater/internal/detect/text/normal"

// How clearly a word says that somebody is a child. Two of them are clearer than one.
const (
	sureYoung  = 0.8 // an age below 18, underage
	childYoung = 0.5 // a word of class Child
	maybeYoung = 0.2 // a word of class Youth, which adults share
)

// young says how clearly window i of f, which was read, speaks of a child: from 0 to 1.
func (x *Extractor) young(f *normal.Form, i int) float32 {
	low := i * windowStep
	atoms := x.atoms[min(low, len(x.atoms)):min(low+windowWords, len(x.atoms))]
	doubt := float32(1)
	for k := range atoms {
		switch a := &atoms[k]; {
		case a.class == Child:
			doubt *= 1 - childYoung
		case a.class == Youth:
			doubt *= 1 - maybeYoung
		case isAge(f.Bytes(f.Words[a.start])) && (x.follows(f, atoms, k) || x.precedes(f, atoms, k)):
			doubt *= 1 - sureYoung
		}
	}
	return 1 - doubt
}

// isAge is true for a number from 3 to 17, perhaps with a unit: "14", "14yo", "14f".
func isAge(b []byte) bool {
	n, i := 0, 0
	for ; i < len(b) && i < 2 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = 10*n + int(b[i]-'0')
	}
	if n < 3 || n > 17 {
		return false
	}
	switch string(b[i:]) {
	case "", "yo", "y", "f", "m", "yr", "yrs":
		return true
	}
	return false
}

// follows reports whether atom k is followed by a unit of age.
func (x *Extractor) follows(f *normal.Form, atoms []atom, k int) bool {
	if len(f.Bytes(f.Words[atoms[k].start])) > 2 {
		return true // it has its unit with it
	}
	if k+1 == len(atoms) {
		return false
	}
	switch string(f.Bytes(f.Words[atoms[k+1].start])) {
	case "year", "years", "yr", "yrs", "yo", "y", "jahre", "jährige", "años", "ans", "anni", "anos", "jaar", "lat", "yaşında", "лет":
		return true
	}
	return false
}

// precedes reports whether atom k comes after a word that makes a number an age.
func (x *Extractor) precedes(f *normal.Form, atoms []atom, k int) bool {
	if k == 0 {
		return false
	}
	switch string(f.Bytes(f.Words[atoms[k-1].start])) {
	case "aged", "age", "im", "i'm", "she's", "he's", "only", "just", "turned", "under", "was", "is", "am", "you're", "youre":
		return true
	}
	return false
}
