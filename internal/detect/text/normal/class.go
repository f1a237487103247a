package normal

import (
	"unicode"
	"unicode/utf8"
)

// class says what a character does in a text.
type class uint8

const (
	classOther     class = iota // punctuation and signs
	classLetter                 // part of a word
	classDigit                  // part of a word
	classMark                   // part of a word: combining, such as Hindi vowel signs
	classAlone                  // a word of its own: ideographs, kana, Thai, emoji
	classStop                   // may end a sentence
	classSpace                  // white space and control characters
	classInvisible              // removed
)

// classTableSize covers all alphabets of the Basic Multilingual Plane that separate words.
const classTableSize = 0x3000

func classTable() []class {
	t := make([]class, classTableSize)
	for r := range t {
		t[r] = classify(rune(r))
	}
	return t
}

func (n *Normaliser) class(r rune) class {
	if r < classTableSize {
		return n.classes[r]
	}
	return classify(r)
}

// classAt gives the class and size of the character at b[i].
func (n *Normaliser) classAt(b []byte, i int) (class, int) {
	if b[i] < utf8.RuneSelf {
		return n.classes[b[i]], 1
	}
	r, size := utf8.DecodeRune(b[i:])
	return n.class(r), size
}

func classify(r rune) class {
	switch {
	case isInvisible(r):
		return classInvisible
	case r == '\u2800', unicode.IsSpace(r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return classSpace
	case isStop(r):
		return classStop
	case isAlone(r):
		return classAlone
	case unicode.IsLetter(r), isFramedLetter(r):
		return classLetter
	case unicode.IsDigit(r):
		return classDigit
	case unicode.IsMark(r):
		return classMark
	}
	return classOther
}

func isStop(r rune) bool {
	switch r {
	case '.', '!', '?', ';', '…', '。', '؟', '۔', '।', '¡', '¿':
		return true
	}
	return false
}

// isInvisible holds characters that change how a text is stored but not what is read:
// soft hyphen, joiners, zero-width and direction marks, fillers, variation selectors,
// tags, skin tones. Source: Unicode property Default_Ignorable_Code_Point, and UTS #51.
func isInvisible(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0xfeff:
		return true
	case r >= 0x17b4 && r <= 0x17b5, r >= 0x180b && r <= 0x180f:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xfff0 && r <= 0xfff8, r >= 0xe0000 && r <= 0xe0fff:
		return true
	case r >= 0x1bca0 && r <= 0x1bca3, r >= 0x1d173 && r <= 0x1d17a:
		return true
	}
	return r >= 0x1f3fb && r <= 0x1f3ff
}

// isAlone holds writing that does not put blanks between words, and pictures.
func isAlone(r rune) bool {
	switch {
	case r < 0xe00:
		return false
	case r <= 0xedf, r >= 0x1000 && r <= 0x109f, r >= 0x1780 && r <= 0x17ff: // Thai, Lao, Myanmar, Khmer
		return unicode.IsLetter(r)
	case r >= 0x2190 && r <= 0x21ff, r >= 0x2300 && r <= 0x23ff, r >= 0x2600 && r <= 0x27bf, r >= 0x2b00 && r <= 0x2bff:
		return true
	case r >= 0x3041 && r <= 0x30ff, r >= 0x31f0 && r <= 0x31ff, r >= 0x3400 && r <= 0x9fff, r >= 0xf900 && r <= 0xfaff:
		return true
	case isFramedLetter(r):
		return false
	case r >= 0x1f000 && r <= 0x1faff:
		return true
	}
	return r >= 0x20000 && r <= 0x3ffff
}

// isFramedLetter holds letters in squares, dark circles and dark squares.
func isFramedLetter(r rune) bool { return r >= 0x1f130 && r <= 0x1f189 }
