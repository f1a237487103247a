// Package normal gives a text two plain forms, whatever disguise it is written in.
//
// The raw form is composed, lower-case and free of invisible characters. The folded
// form also undoes what people do to hide words: accents and stacked marks, letters
// of other alphabets that look alike, digits and signs for letters, letters spelled
// out one by one, repeats. Every byte of a form remembers the bytes of the original
// that it came from.
package normal

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A Form is one normalised shape of a text. Its words are lower-case; what stands
// between them is kept, with white space reduced to " ", "  " (two or more) or "\n".
//
// Every byte of Text remembers the bytes of the original that it came from, so that
// a match in a Form is reported as a range of what the person actually wrote.
type Form struct {
	Text  []byte // UTF-8
	Words []Word

	from, to []int32 // for each byte of Text: its source is original[from:to]
}

// A Word is a run of letters, digits and marks, one ideograph, or one emoji.
// Start and End are byte offsets into Form.Text.
type Word struct {
	Start, End int
	Opens      bool // first word of a sentence or line
	Joined     bool // was spelled out letter by letter: "s p e l t", "s.p.e.l.t"
}

// Span gives the byte range of the original text behind Text[start:end].
func (f *Form) Span(start, end int) (from, to int) {
	if start >= end {
		return 0, 0
	}
	return int(f.from[start]), int(f.to[end-1])
}

// Bytes gives the letters of w. They are valid until the Form is used again.
func (f *Form) Bytes(w Word) []byte { return f.Text[w.Start:w.End] }

func (f *Form) reset() {
	f.Text, f.Words, f.from, f.to = f.Text[:0], f.Words[:0], f.from[:0], f.to[:0]
}

func (f *Form) addByte(b byte, from, to int32) {
	f.Text = append(f.Text, b)
	f.from = append(f.from, from)
	f.to = append(f.to, to)
}

func (f *Form) addRune(r rune, from, to int32) {
	n := len(f.Text)
	f.Text = utf8.AppendRune(f.Text, r)
	for range len(f.Text) - n {
		f.from = append(f.from, from)
		f.to = append(f.to, to)
	}
}

// copyRange appends src.Text[start:end] with its offsets.
func (f *Form) copyRange(src *Form, start, end int) {
	f.Text = append(f.Text, src.Text[start:end]...)
	f.from = append(f.from, src.from[start:end]...)
	f.to = append(f.to, src.to[start:end]...)
}

// dropLast removes the last byte.
func (f *Form) dropLast() {
	n := len(f.Text) - 1
	f.Text, f.from, f.to = f.Text[:n], f.from[:n], f.to[:n]
}

// Forms are the two shapes of a text. Matching looks at both and believes the
// stronger: folding undoes disguises, but can also destroy what was written plainly.
type Forms struct {
	// Raw is compatibility-composed (NFKC) and lower-case, without invisible
	// characters, direction marks, skin tones and variation selectors.
	Raw Form
	// Folded also undoes disguises: letters spelled out one by one, accents and
	// stacked marks, look-alikes from other scripts, digits and signs for letters,
	// and letters repeated more than twice. "*" inside a word stands for one letter.
	Folded Form
	// Plain is true if folding changed nothing; Folded is then empty.
	Plain bool

	joined Form // between Raw and Folded: spelled-out words joined
	buf    []byte
}

// A Normaliser turns text into its Forms. It is safe for concurrent use.
type Normaliser struct {
	classes   []class
	latin     map[rune]string
	lookalike map[rune]byte
}

// New builds the character tables (a few milliseconds).
func New() *Normaliser {
	return &Normaliser{
		classes:   classTable(),
		latin:     latinTable(),
		lookalike: lookalikeTable(),
	}
}

// Normalise fills out with the Forms of s. What out held before is overwritten, so
// one Forms can serve many texts in turn without allocating. Invalid UTF-8
// reads as U+FFFD. The cost is linear in len(s), and so is the size of the Forms:
// at most 6 bytes for each byte of s.
func (n *Normaliser) Normalise(s string, out *Forms) {
	n.clean(s, out)
	n.split(&out.Raw, false)
	out.Folded.reset()
	out.Plain = !n.fold(out)
}

// clean writes the text of the raw form.
func (n *Normaliser) clean(s string, out *Forms) {
	f := &out.Raw
	f.reset()
	composed := 0 // s[:composed] needs no composing
	if utf8.ValidString(s) {
		composed = norm.NFKC.QuickSpanString(s)
	}
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf && i < composed {
			n.cleanASCII(f, c, int32(i))
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if i < composed || r == utf8.RuneError {
			n.cleanRune(f, r, int32(i), int32(i+size))
			i += size
			continue
		}
		end := i + segment(s[i:])
		out.buf = norm.NFKC.AppendString(out.buf[:0], s[i:end])
		if len(out.buf) > maxGrowth*(end-i) {
			out.buf = append(out.buf[:0], s[i:end]...)
		}
		for b := out.buf; len(b) > 0; {
			r, size := utf8.DecodeRune(b)
			n.cleanRune(f, r, int32(i), int32(end))
			b = b[size:]
		}
		i = end
	}
}

// maxGrowth is how much longer, in bytes, composing may make a character. The few Arabic
// signs that stand for a whole sentence stay as they are.
const maxGrowth = 6

// segment gives the length of the valid start of s that composes into one character.
func segment(s string) int {
	end := norm.NFKC.NextBoundaryInString(s, true)
	if end <= 0 {
		end = len(s)
	}
	for i, r := range s[:end] {
		if r == utf8.RuneError && i > 0 {
			return i
		}
	}
	return end
}

func (n *Normaliser) cleanASCII(f *Form, c byte, at int32) {
	switch {
	case c >= 'A' && c <= 'Z':
		f.addByte(c+'a'-'A', at, at+1)
	case n.classes[c] == classSpace:
		f.addSpace(c == '\n', at, at+1)
	case n.classes[c] != classInvisible:
		f.addByte(c, at, at+1)
	}
}

func (n *Normaliser) cleanRune(f *Form, r rune, from, to int32) {
	switch n.class(r) {
	case classInvisible:
		return
	case classSpace:
		f.addSpace(r == '\n' || r == '\u2028' || r == '\u2029', from, to)
		return
	}
	switch r {
	case '\u2018', '\u2019', '\u02bc', '\u0060', '\u00b4':
		r = '\''
	case 'ς':
		r = 'σ'
	case 'İ', 'I':
		r = 'i'
	default:
		r = unicode.ToLower(r)
	}
	f.addRune(r, from, to)
}

// addSpace keeps at most two blanks in a row, and a line end instead of any.
func (f *Form) addSpace(line bool, from, to int32) {
	k := len(f.Text)
	switch {
	case k > 0 && f.Text[k-1] == '\n':
		return
	case line:
		for k > 0 && f.Text[k-1] == ' ' {
			f.dropLast()
			k--
		}
		f.addByte('\n', from, to)
	case k > 1 && f.Text[k-1] == ' ' && f.Text[k-2] == ' ':
		return
	default:
		f.addByte(' ', from, to)
	}
}

// split finds the words of f.Text. With masks, a "*" that touches a word's letters
// is one of its letters.
func (n *Normaliser) split(f *Form, masks bool) {
	f.Words = f.Words[:0]
	opens := true
	for i := 0; i < len(f.Text); {
		c, size := n.classAt(f.Text, i)
		switch c {
		case classLetter, classDigit, classMark:
			end := n.wordEnd(f.Text, i+size, masks)
			f.Words = append(f.Words, Word{Start: i, End: end, Opens: opens})
			opens, i = false, end
			continue
		case classAlone:
			f.Words = append(f.Words, Word{Start: i, End: i + size, Opens: opens})
			opens = false
		case classStop:
			opens = opens || i+size == len(f.Text) || isBlank(f.Text[i+size])
		case classSpace:
			opens = opens || f.Text[i] == '\n'
		}
		i += size
	}
}

// wordEnd gives the end of the word that has begun before i.
func (n *Normaliser) wordEnd(b []byte, i int, masks bool) int {
	for i < len(b) {
		c, size := n.classAt(b, i)
		switch {
		case c == classLetter, c == classDigit, c == classMark, masks && b[i] == Mask:
			i += size
		case b[i] == '\'' && n.isContraction(b[i+1:]):
			i++
		default:
			return i
		}
	}
	return i
}

// isContraction reports whether b begins with an English ending that belongs to the
// word before the apostrophe ("don't", "you're"). Others separate words ("t'es").
func (n *Normaliser) isContraction(b []byte) bool {
	for _, ending := range [...]string{"s", "t", "re", "ve", "ll", "d", "m"} {
		if len(b) < len(ending) || string(b[:len(ending)]) != ending {
			continue
		}
		if len(b) == len(ending) {
			return true
		}
		switch c, _ := n.classAt(b, len(ending)); c {
		case classLetter, classDigit, classMark:
		default:
			return true
		}
	}
	return false
}

func isBlank(b byte) bool { return b == ' ' || b == '\n' }

// minSpelled is the fewest single letters in a row that are taken for a spelled-out word.
const minSpelled = 3

// join writes to out.joined the raw text with spelled-out words joined. Letters
// belong together while the same characters stand between them: in "g.o a.w.a.y"
// the blank ends the first word, in "g o  a w a y" the wider blank does.
// It reports whether it joined anything; if not, out.joined is left empty.
func (n *Normaliser) join(out *Forms) bool {
	raw, f := &out.Raw, &out.joined
	f.reset()
	copied := 0
	for i := 0; i < len(raw.Words); {
		end := n.spelled(raw, i)
		if end-i < minSpelled {
			i++
			continue
		}
		f.copyRange(raw, copied, raw.Words[i].Start)
		start := len(f.Text)
		for _, w := range raw.Words[i:end] {
			f.copyRange(raw, w.Start, w.End)
		}
		f.Words = append(f.Words, Word{Start: start, End: len(f.Text)})
		copied = raw.Words[end-1].End
		i = end
	}
	if copied == 0 {
		return false
	}
	f.copyRange(raw, copied, len(raw.Text))
	return true
}

// spelled gives the end of the run of single letters that begins with word i.
func (n *Normaliser) spelled(f *Form, i int) int {
	var gap []byte
	letters := 0
	end := i
	for ; end < len(f.Words); end++ {
		c := n.single(f, f.Words[end])
		if c == classOther {
			break
		}
		if end > i {
			between := f.Text[f.Words[end-1].End:f.Words[end].Start]
			if end == i+1 {
				gap = between
			} else if !bytes.Equal(gap, between) {
				break
			}
		}
		if c == classLetter {
			letters++
		}
	}
	if len(gap) > 3 || bytes.ContainsRune(gap, '\n') || 2*letters < end-i {
		return i
	}
	return end
}

// single gives classLetter or classDigit if w is one character, with or without marks
// stacked on it, and classOther if it is a longer word or part of one ("f*").
func (n *Normaliser) single(f *Form, w Word) class {
	c, size := n.classAt(f.Text, w.Start)
	if c != classLetter && c != classDigit {
		return classOther
	}
	first, _ := utf8.DecodeRune(f.Text[w.Start:])
	for i := w.Start + size; i < w.End; {
		mark, size := utf8.DecodeRune(f.Text[i:])
		if n.class(mark) != classMark || !isStacked(first, mark) {
			return classOther
		}
		i += size
	}
	if w.Start > 0 && isMaskSign(f.Text[w.Start-1]) || w.End < len(f.Text) && isMaskSign(f.Text[w.End]) {
		return classOther
	}
	return c
}

func isMaskSign(b byte) bool { return b == Mask || b == '#' || b == '%' }
