package normal

import (
	"bytes"
	"unicode/utf8"
)

// Mask is the sign that stands for one hidden letter of a word.
const Mask = '*'

// fold writes out.Folded from out.Raw and reports whether the two differ.
func (n *Normaliser) fold(out *Forms) bool {
	src := &out.Raw
	if n.join(out) {
		src = &out.joined
	} else if !needsFold(src.Text) {
		return false
	}
	f := &out.Folded
	mixed := n.mixesScripts(src.Text)
	for i := 0; i < len(src.Text); {
		if isBlank(src.Text[i]) {
			f.copyRange(src, i, i+1)
			i++
			continue
		}
		end := i
		for end < len(src.Text) && !isBlank(src.Text[end]) {
			end++
		}
		n.foldChunk(f, src, i, end, mixed)
		i = end
	}
	if bytes.Equal(f.Text, out.Raw.Text) && bytes.IndexByte(f.Text, Mask) < 0 {
		f.reset()
		return false
	}
	n.split(f, true)
	markJoined(f, &out.joined)
	return true
}

// needsFold reports whether b has anything that folding might change. It may be
// wrong only in saying yes.
func needsFold(b []byte) bool {
	for i, c := range b {
		switch {
		case c >= utf8.RuneSelf, c == Mask:
			return true
		case isLeet(c):
			if i+1 < len(b) && isWordByte(b[i+1]) || i > 0 && isASCIILetter(b[i-1]) {
				return true
			}
		case c == '#', c == '%':
			if i+1 < len(b) && isWordByte(b[i+1]) {
				return true
			}
		case isASCIILetter(c):
			if i > 1 && b[i-1] == c && b[i-2] == c {
				return true
			}
		}
	}
	return false
}

// foldChunk folds src.Text[start:end], which has no blanks, onto the end of f.
func (n *Normaliser) foldChunk(f *Form, src *Form, start, end int, mixed bool) {
	at := len(f.Text)
	for i := start; i < end; {
		wordEnd := n.letterRun(src.Text, i, end)
		if wordEnd == i {
			_, size := utf8.DecodeRune(src.Text[i:])
			f.copyRange(src, i, i+size)
			i += size
			continue
		}
		n.foldScript(f, src, i, wordEnd, mixed)
		i = wordEnd
	}
	n.squeeze(f, at)
	unleet(f.Text[at:])
	unmask(f.Text[at:])
	n.squeeze(f, at)
}

// letterRun gives the end of the letters, and the signs that may stand for letters,
// that start at i.
func (n *Normaliser) letterRun(b []byte, i, end int) int {
	for i < end {
		c, size := n.classAt(b, i)
		if c != classLetter && c != classDigit && c != classMark && !isLeet(b[i]) && !isMaskSign(b[i]) {
			break
		}
		i += size
	}
	return i
}

// foldScript turns one word into plain Latin letters if it is a Latin word: accents
// and stacked marks go, and so do look-alikes from other scripts. A word that is
// entirely in another script stays, except a word made of look-alikes only in a text
// that already mixes scripts inside its words.
func (n *Normaliser) foldScript(f *Form, src *Form, start, end int, mixed bool) {
	latin, _, foreign := n.scripts(src.Text[start:end])
	disguised := latin || mixed && !foreign
	var base rune // the last letter, on which marks stack
	for i := start; i < end; {
		b := src.Text[i]
		if b < utf8.RuneSelf {
			f.addByte(b, src.from[i], src.to[i])
			base = rune(b)
			i++
			continue
		}
		r, size := utf8.DecodeRune(src.Text[i:end])
		from, to := src.from[i], src.to[i+size-1]
		i += size
		if n.class(r) == classMark {
			if base == 0 || !isStacked(base, r) {
				f.addRune(r, from, to)
			}
			continue
		}
		base = r
		switch plain, isLatin := n.latin[r]; {
		case isLatin:
			for k := range len(plain) {
				f.addByte(plain[k], from, to)
			}
		case disguised && n.lookalike[r] != 0:
			f.addByte(n.lookalike[r], from, to)
		default:
			f.addRune(r, from, to)
		}
	}
}

// scripts reports whether a word has Latin letters, letters of another script that
// look Latin, and letters that don't.
func (n *Normaliser) scripts(word []byte) (latin, alike, foreign bool) {
	for i := 0; i < len(word); {
		if word[i] < utf8.RuneSelf {
			latin = latin || isASCIILetter(word[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(word[i:])
		i += size
		if _, ok := n.latin[r]; ok {
			latin = true
		} else if n.lookalike[r] != 0 {
			alike = true
		} else if n.class(r) == classLetter {
			foreign = true
		}
	}
	return latin, alike, foreign
}

// mixesScripts reports whether some word has both Latin letters and look-alikes.
func (n *Normaliser) mixesScripts(b []byte) bool {
	for i := 0; i < len(b); {
		end := n.letterRun(b, i, len(b))
		if end == i {
			i++
			continue
		}
		if latin, alike, _ := n.scripts(b[i:end]); latin && alike {
			return true
		}
		i = end
	}
	return false
}

// squeeze shortens runs of three or more of one letter from f.Text[at:] to two.
func (n *Normaliser) squeeze(f *Form, at int) {
	keep := at
	var last rune
	run := 0
	for i := at; i < len(f.Text); {
		r, size := rune(f.Text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(f.Text[i:])
		}
		if r == last {
			run++
		} else {
			last, run = r, 1
		}
		if run > 2 && n.class(r) == classLetter {
			to := f.to[i+size-1]
			for k := keep - size; k < keep; k++ {
				f.to[k] = to
			}
			i += size
			continue
		}
		if keep != i {
			copy(f.Text[keep:], f.Text[i:i+size])
			copy(f.from[keep:], f.from[i:i+size])
			copy(f.to[keep:], f.to[i:i+size])
		}
		keep += size
		i += size
	}
	f.Text, f.from, f.to = f.Text[:keep], f.from[:keep], f.to[:keep]
}

// unmask writes "#" and "%" between letters as Mask.
func unmask(b []byte) {
	for i := 1; i+1 < len(b); i++ {
		if (b[i] == '#' || b[i] == '%') && isMaskable(b[i-1]) && (isMaskable(b[i+1]) || b[i+1] == '#' || b[i+1] == '%') {
			b[i] = Mask
		}
	}
}

func isMaskable(b byte) bool { return isASCIILetter(b) || b == Mask }

// unleet reads digits and signs inside words as the letters they stand for.
func unleet(b []byte) {
	for i := 0; i < len(b); {
		if !isWordByte(b[i]) && !isLeet(b[i]) {
			i++
			continue
		}
		end := i
		for end < len(b) && (isWordByte(b[end]) || isLeet(b[end])) {
			end++
		}
		word := b[i:end]
		for len(word) > 0 && isTrailing(word[len(word)-1]) {
			word = word[:len(word)-1]
		}
		if isDisguised(word) {
			for k := range word {
				word[k] = leetLetter(word, k)
			}
		}
		i = end
	}
}

// isDisguised tells a word with letters replaced ("5tup1d") from numbers with a unit
// ("10k", "5pm"), ordinals ("2nd") and names with a number ("user123").
func isDisguised(word []byte) bool {
	letters, lead, tail := 0, 0, 0
	for i, c := range word {
		switch {
		case isASCIILetter(c):
			letters++
			tail = 0
		case isASCIIDigit(c):
			tail++
			if lead == i {
				lead++
			}
		default:
			tail = 0
		}
	}
	switch {
	case letters == 0:
		return false
	case lead > 0 && lead+letters == len(word) && letters <= 2:
		return false
	case tail > 1 && tail+letters == len(word) && letters > 2:
		return false
	}
	return true
}

func leetLetter(word []byte, i int) byte {
	switch c := word[i]; c {
	case '0':
		return 'o'
	case '3':
		return 'e'
	case '4', '@':
		return 'a'
	case '5', '$':
		return 's'
	case '7', '+':
		return 't'
	case '8':
		return 'b'
	case '9':
		return 'g'
	case '1', '!', '|':
		return iOrL(word, i)
	default:
		return c
	}
}

// iOrL reads an upright stroke: mostly i, but l after i or l ("ki11") and before a
// vowel at the start ("1oser").
func iOrL(word []byte, i int) byte {
	last := i+1 == len(word)
	switch {
	case i == 0:
		if !last && bytes.IndexByte([]byte("aeou034"), word[1]) >= 0 {
			return 'l'
		}
	case word[i-1] == 'i':
		return 'l'
	case word[i-1] == 'l' && (last || word[i+1] == '1'):
		return 'l'
	}
	return 'i'
}

// markJoined marks the words of f that lie in a spelled-out word of joined.
func markJoined(f *Form, joined *Form) {
	k := 0
	for i := range f.Words {
		w := &f.Words[i]
		from := f.from[w.Start]
		for k < len(joined.Words) && joined.to[joined.Words[k].End-1] <= from {
			k++
		}
		if k < len(joined.Words) && joined.from[joined.Words[k].Start] <= from {
			w.Joined = true
		}
	}
}

func isASCIILetter(b byte) bool { return b >= 'a' && b <= 'z' }
func isASCIIDigit(b byte) bool  { return b >= '0' && b <= '9' }

// isWordByte is true for what a word may consist of besides leet signs.
func isWordByte(b byte) bool {
	return isASCIILetter(b) || isASCIIDigit(b) || isMaskSign(b)
}

// isLeet is true for digits and signs that may stand for a letter.
func isLeet(b byte) bool {
	switch b {
	case '0', '1', '3', '4', '5', '7', '8', '9', '@', '$', '!', '|', '+':
		return true
	}
	return false
}

// isTrailing is true for signs that end a word rather than belong to it.
func isTrailing(b byte) bool { return b == '!' || b == '|' || b == '+' || b == '@' }
