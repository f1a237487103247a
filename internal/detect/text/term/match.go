package term

import (
	"cmp"
	"context"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// A token is a word of the text with the slots that it fills.
type token struct {
	start, end    int32 // in Form.Text
	first, beyond int32 // slots: Found.slots[first:beyond]
	sentence      int32
}

// A partial is a term of which some slots have been found.
type partial struct {
	node        int32
	begin, last int32 // tokens
	gap         int32 // widest so far
}

// A hit is an entry found in the text.
type hit struct {
	entry    int32
	score    float64
	from, to int // bytes of the original text
}

// Found is what a Finder found in one text, and its working memory.
type Found struct {
	tokens   []token
	slots    []int32
	found    []filled // by the word at hand
	stamps   []int    // symbol → the last token that filled it
	stamp    int      // of the token at hand; grows over all texts
	partials []partial
	hits     []hit
	taken    []taken
	Scores   []float64 // by signal, as Finder.Signals orders them
	counts   []int     // by signal: ranges taken
}

// taken is a range of the text that already counts for a signal.
type taken struct {
	signal   int
	from, to int
}

const (
	maxPartials = 1024 // terms begun at one time, all within a few words
	checkEvery  = 1024 // tokens between two looks at the context
)

// search finds all entries in text and leaves them in s.hits.
func (a *automaton) search(ctx context.Context, text *normal.Forms, s *Found) error {
	s.hits = s.hits[:0]
	if len(s.stamps) != len(a.begin) {
		s.stamps = make([]int, len(a.begin))
	}
	if err := a.searchForm(ctx, &text.Raw, false, s); err != nil {
		return err
	}
	if text.Plain {
		return nil
	}
	return a.searchForm(ctx, &text.Folded, true, s)
}

func (a *automaton) searchForm(ctx context.Context, f *normal.Form, folded bool, s *Found) error {
	s.tokens, s.slots, s.partials = s.tokens[:0], s.slots[:0], s.partials[:0]
	sentence := int32(0)
	for _, w := range f.Words {
		if w.Opens {
			sentence++
		}
		if w.Joined {
			a.addSpelled(f, w, sentence, s)
		} else {
			a.addToken(f, w.Start, w.End, folded, sentence, s)
		}
	}
	first := len(s.hits)
	for i := range s.tokens {
		if i%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		a.advance(int32(i), s)
	}
	for i := first; i < len(s.hits); i++ {
		a.weigh(f, &s.hits[i], s)
	}
	return nil
}

func (a *automaton) addToken(f *normal.Form, start, end int, folded bool, sentence int32, s *Found) {
	first := int32(len(s.slots))
	s.found = a.vocabulary.lookup(f.Text[start:end], folded, s.found[:0])
	for _, f := range s.found {
		s.slots = append(s.slots, f.symbol)
	}
	s.tokens = append(s.tokens, token{int32(start), int32(end), first, int32(len(s.slots)), sentence})
}

// addSpelled adds the words that a run of single letters may stand for: itself if it
// is a known word, else the longest known words from left to right.
func (a *automaton) addSpelled(f *normal.Form, w normal.Word, sentence int32, s *Found) {
	const shortest = 3
	b := f.Bytes(w)
	if a.vocabulary.longest(b, len(b)) == len(b) {
		a.addToken(f, w.Start, w.End, true, sentence, s)
		return
	}
	for i := 0; i < len(b); {
		n := max(1, a.vocabulary.longest(b[i:], shortest))
		a.addToken(f, w.Start+i, w.Start+i+n, true, sentence, s)
		i += n
	}
}

// advance moves every partial term on by token i and begins new ones. Until they are
// weighed, hits hold tokens instead of bytes.
func (a *automaton) advance(i int32, s *Found) {
	t := &s.tokens[i]
	if i > 0 && s.tokens[i-1].sentence != t.sentence {
		s.partials = s.partials[:0]
	}
	slots := s.slots[t.first:t.beyond]
	s.stamp++
	for _, symbol := range slots {
		s.stamps[symbol] = s.stamp
	}
	kept := s.partials[:0]
	for _, p := range s.partials {
		if int(i-p.last-1) <= a.nodes[p.node].gap {
			kept = append(kept, p)
		}
	}
	s.partials = kept
	for k := range kept {
		p := s.partials[k]
		gap := max(p.gap, i-p.last-1)
		for _, next := range a.nodes[p.node].next {
			if s.stamps[next.symbol] == s.stamp {
				a.reach(partial{next.node, p.begin, i, gap}, s)
			}
		}
	}
	for _, symbol := range slots {
		if node := a.begin[symbol]; node != 0 {
			a.reach(partial{node, i, i, 0}, s)
		}
	}
}

// reach records the terms that end at p, and keeps p if others go on.
func (a *automaton) reach(p partial, s *Found) {
	node := &a.nodes[p.node]
	for _, e := range node.ends {
		if int(p.gap) <= e.gap {
			s.hits = append(s.hits, hit{entry: e.entry, from: int(p.begin), to: int(p.last)})
		}
	}
	if len(node.next) > 0 && len(s.partials) < maxPartials {
		s.partials = append(s.partials, p)
	}
}

const (
	negatedBy  = 0.3 // what is left of a score after "not" or "never"
	reportedBy = 0.5 // after "he said"
	lookBehind = 4   // words before a match in which those count
)

// weigh gives h its score and its place in the original text. An entry whose context
// does not fit scores 0.
func (a *automaton) weigh(f *normal.Form, h *hit, s *Found) {
	e := &a.entries[h.entry]
	begin, last := h.from, h.to
	h.from, h.to = f.Span(int(s.tokens[begin].start), int(s.tokens[last].end))
	before, after := begin-e.within, last+e.within
	if e.with != 0 && !s.near(e.with, before, after, begin, last) || e.unless != 0 && s.near(e.unless, before, after, begin, last) {
		return
	}
	h.score = e.score
	if e.directed > 0 && e.roles.second != 0 && s.near(e.roles.second, before, after, begin, last) {
		h.score = e.directed
	}
	if e.always {
		return
	}
	if e.roles.negation != 0 && s.near(e.roles.negation, begin-lookBehind, begin-1, begin, last) {
		h.score *= negatedBy
	}
	if e.roles.report != 0 && s.near(e.roles.report, begin-lookBehind, begin-1, begin, last) {
		h.score *= reportedBy
	}
}

// near reports whether a token from low to high fills slot, in the sentence of the
// match from token begin to last but not in the match itself.
func (s *Found) near(slot int32, low, high, begin, last int) bool {
	for i := max(low, 0); i <= high && i < len(s.tokens); i++ {
		if i >= begin && i <= last || s.tokens[i].sentence != s.tokens[begin].sentence {
			continue
		}
		if slices.Contains(s.slots[s.tokens[i].first:s.tokens[i].beyond], slot) {
			return true
		}
	}
	return false
}

const (
	further  = 0.5 // what a second match adds, against the first
	maxScore = 0.99
	maxTaken = 16 // matches that count for one signal; the strongest do
)

// combine turns s.hits into one score for each signal, in s.Scores. The strongest match
// counts in full; others that do not overlap it add half of what independent evidence
// would (noisy-or).
func (a *automaton) combine(s *Found) {
	n := len(a.signals)
	s.Scores, s.counts = slices.Grow(s.Scores[:0], n)[:n], slices.Grow(s.counts[:0], n)[:n]
	clear(s.Scores)
	clear(s.counts)
	s.taken = s.taken[:0]
	slices.SortFunc(s.hits, func(x, y hit) int {
		return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(x.from, y.from), cmp.Compare(y.to, x.to), cmp.Compare(x.entry, y.entry))
	})
	for _, h := range s.hits {
		if h.score == 0 {
			break
		}
		for _, signal := range a.entries[h.entry].signals {
			if s.counts[signal] == maxTaken || s.overlaps(signal, h) {
				continue
			}
			s.counts[signal]++
			s.taken = append(s.taken, taken{signal, h.from, h.to})
			if s.Scores[signal] == 0 {
				s.Scores[signal] = min(h.score, maxScore)
			} else {
				s.Scores[signal] = min(1-(1-s.Scores[signal])*(1-further*h.score), maxScore)
			}
		}
	}
}

func (s *Found) overlaps(signal int, h hit) bool {
	for _, t := range s.taken {
		if t.signal == signal && h.from < t.to && t.from < h.to {
			return true
		}
	}
	return false
}
