package normal

import "bytes"

// A Speller reads words that are no words as the ones that a reader takes them for:
// two letters swapped, a letter doubled, vowels hidden behind "*", several words
// spelled out in one run. It changes only what its Lexicon does not know.
//
// A Speller has working memory and serves one text at a time.
type Speller struct {
	word  []byte
	best  []byte
	costs []int32 // of the cheapest reading of each start of a run
	back  []int32 // where its last word begins
	form  Form
}

const (
	minRepaired = 4  // letters; short words are too like one another
	maxRepaired = 24 // letters
	maxSpelled  = 400
	maxWord     = 18 // letters of a word in a run
)

// Repair rewrites out.Folded with the words that l knows in the place of those that
// it does not, and reports whether it changed anything.
func (n *Normaliser) Repair(l *Lexicon, out *Forms, s *Speller) bool {
	src := &out.Folded
	if out.Plain {
		src = &out.Raw
	}
	s.form.reset()
	copied := 0
	for _, w := range src.Words {
		b := src.Bytes(w)
		switch {
		case w.Joined && len(b) <= maxSpelled:
			if !s.separate(l, b) {
				continue
			}
			s.form.copyRange(src, copied, w.Start)
			s.addSeparated(src, w)
		case len(b) >= minRepaired-1 && len(b) <= maxRepaired && isRepairable(b):
			if l.cost(b) != 0 || !s.read(l, b) {
				continue
			}
			s.form.copyRange(src, copied, w.Start)
			s.addRead(src, w)
		default:
			continue
		}
		copied = w.End
	}
	if copied == 0 {
		return false
	}
	s.form.copyRange(src, copied, len(src.Text))
	out.Folded, s.form = s.form, out.Folded
	out.Plain = false
	n.split(&out.Folded, true)
	markJoined(&out.Folded, &out.joined)
	return true
}

// isRepairable is true for words of plain letters, of which some may be hidden.
func isRepairable(b []byte) bool {
	for _, c := range b {
		if !isMaskable(c) {
			return false
		}
	}
	return b[0] != Mask
}

// read looks for the most frequent word that b may stand for, and leaves it in s.best.
func (s *Speller) read(l *Lexicon, b []byte) bool {
	s.best = s.best[:0]
	s.word = append(s.word[:0], b...)
	switch masks := bytes.Count(b, []byte{Mask}); {
	case masks > 3:
		return false
	case masks > 0:
		s.unhide(l, 0, masks, new(int))
	case len(b) >= minRepaired:
		cost := 0
		s.single(l, b, &cost)
		if cost == 0 {
			s.swap(l, &cost)
		}
	}
	return len(s.best) > 0
}

// try keeps s.word if the lexicon knows it better than what was kept before.
func (s *Speller) try(l *Lexicon, best *int) {
	if c := l.cost(s.word); c != 0 && (*best == 0 || c < *best) {
		*best = c
		s.best = append(s.best[:0], s.word...)
	}
}

// unhide tries letters for the hidden ones from s.word[i:]: any for one, vowels for more.
func (s *Speller) unhide(l *Lexicon, i, masks int, best *int) {
	const vowels, letters = "aeiou", "abcdefghijklmnopqrstuvwxyz"
	at := bytes.IndexByte(s.word[i:], Mask)
	if at < 0 {
		s.try(l, best)
		return
	}
	from := vowels
	if masks == 1 {
		from = letters
	}
	for k := range len(from) {
		s.word[i+at] = from[k]
		s.unhide(l, i+at+1, masks, best)
	}
	s.word[i+at] = Mask
}

// single tries b with doubled letters single: all of them, then each alone.
func (s *Speller) single(l *Lexicon, b []byte, best *int) {
	doubled := 0
	s.word = s.word[:0]
	for i, c := range b {
		if i > 0 && b[i-1] == c {
			doubled++
			continue
		}
		s.word = append(s.word, c)
	}
	if doubled > 0 {
		s.try(l, best)
	}
	for i := 1; doubled > 1 && i < len(b); i++ {
		if b[i] == b[i-1] {
			s.word = append(append(s.word[:0], b[:i]...), b[i+1:]...)
			s.try(l, best)
		}
	}
	s.word = append(s.word[:0], b...)
}

// swap tries s.word with two neighbouring letters in the other order.
func (s *Speller) swap(l *Lexicon, best *int) {
	w := s.word
	for i := 0; i+1 < len(w); i++ {
		if w[i] == w[i+1] {
			continue
		}
		w[i], w[i+1] = w[i+1], w[i]
		s.try(l, best)
		w[i], w[i+1] = w[i+1], w[i]
	}
}

// addRead adds s.best in the place of w. Letters keep their places while the lengths
// agree; what is shorter ends where w does.
func (s *Speller) addRead(src *Form, w Word) {
	f := &s.form
	n := len(s.best)
	for i, c := range s.best {
		to := src.to[w.Start+i]
		if i == n-1 {
			to = src.to[w.End-1]
		}
		f.addByte(c, src.from[w.Start+i], to)
	}
}

// unknownLetter is what a letter costs that is in no known word.
const unknownLetter = 255

// separate finds the words of a run by the cheapest reading (Viterbi), and leaves
// where each begins in s.back. It fails if a part of the run is in no known word.
func (s *Speller) separate(l *Lexicon, run []byte) bool {
	n := len(run)
	s.costs, s.back = s.costs[:0], s.back[:0]
	for range n + 1 {
		s.costs = append(s.costs, 1<<30)
		s.back = append(s.back, 0)
	}
	s.costs[0] = 0
	for i := range n {
		if s.costs[i] == 1<<30 {
			continue
		}
		h := uint64(14695981039346656037)
		for k := i; k < n && k < i+maxWord; k++ {
			h = (h ^ uint64(run[k])) * 1099511628211
			cost := int32(l.Of(Mix(h)).Cost)
			switch {
			case k == i && run[k] != 'a' && run[k] != 'i' && run[k] != 'u':
				cost = unknownLetter
			case cost == 0:
				continue
			}
			if c := s.costs[i] + cost + 20; c < s.costs[k+1] { // every further word is a little less likely
				s.costs[k+1], s.back[k+1] = c, int32(i)
			}
		}
	}
	return s.costs[n] < int32(unknownLetter+20)*int32(n)/2
}

// addSeparated adds the words of a run, with blanks between them.
func (s *Speller) addSeparated(src *Form, w Word) {
	starts := s.costs[:0] // no longer needed
	for end := w.End - w.Start; end > 0; end = int(s.back[end]) {
		starts = append(starts, s.back[end])
	}
	f := &s.form
	end := w.Start
	for i := len(starts) - 1; i >= 0; i-- {
		from := w.Start + int(starts[i])
		to := w.End
		if i > 0 {
			to = w.Start + int(starts[i-1])
		}
		if from > w.Start {
			f.addByte(' ', src.to[end-1], src.from[from])
		}
		f.copyRange(src, from, to)
		end = to
	}
}
