package hamming

import (
	"cmp"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	tailSize = 8192 // entries; a scan of them takes some 20 µs
	// crowded is how many tails a search may have to scan before whoever
	// adds more takes part in merging them.
	crowded = 16
)

// Index is a set of entries that can be searched by distance. Any number of
// goroutines may use it; changes wait for each other, searches for nobody.
type Index struct {
	now     atomic.Pointer[view]
	merging sync.Mutex // held through a merge; taken before writing

	writing    sync.Mutex // held through a change of the set or of the view
	background bool       // a goroutine merges
	recording  bool       // a merge is under way, which must learn of deletions
	deleted    []Entry    // since it began

	saving sync.Mutex // held while WriteFile writes

	tailSize int // entries
	banded   int // codes; a segment of fewer has no bands
}

// New returns an empty index.
func New() *Index { return sized(tailSize, fewestBanded) }

func sized(tailSize, banded int) *Index {
	x := &Index{tailSize: tailSize, banded: banded}
	x.now.Store(&view{tails: []*tail{newTail(tailSize)}})
	return x
}

// view is what a search sees. It is replaced, never changed; its tails and
// segments change only in ways that searches may watch: the newest tail grows,
// and entries die.
type view struct {
	tails    []*tail    // newest first; only tails[0] grows
	segments []*segment // largest first
}

// Add puts an entry into the set and reports whether it was new.
func (x *Index) Add(code Code, id uint64) bool {
	if len(x.now.Load().tails) > crowded {
		x.merge((*view).due)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.add(Entry{code, id})
}

// add is called with writing held.
func (x *Index) add(e Entry) bool {
	v := x.now.Load()
	if v.has(e) {
		return false
	}
	if v.tails[0].full() {
		v = x.seal(v)
		x.mergeInBackground()
	}
	v.tails[0].add(e)
	return true
}

// AddAll puts many entries into the set and returns how many were new. As many
// as a tail holds or more become a segment without passing through tails, and
// are found once it is built. Meanwhile searches and changes go on; another
// AddAll waits.
func (x *Index) AddAll(entries []Entry) int {
	if len(entries) >= x.tailSize {
		return x.addSegment(entries)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	added := 0
	for _, e := range entries {
		if x.add(e) {
			added++
		}
	}
	return added
}

func (x *Index) addSegment(entries []Entry) int {
	x.merging.Lock() // so that the segments stay the same
	defer x.merging.Unlock()
	if known := x.now.Load().segments; len(known) > 0 {
		entries = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
			return slices.ContainsFunc(known, func(s *segment) bool { return s.has(e) })
		})
	}
	s := build(entries, x.banded)

	x.writing.Lock()
	defer x.writing.Unlock()
	v := x.now.Load()
	for _, t := range v.tails {
		for e := range t.at {
			s.kill(e)
		}
	}
	x.now.Store(v.with(s))
	x.mergeInBackground()
	return s.live()
}

// Delete takes an entry out of the set and reports whether it was there.
func (x *Index) Delete(code Code, id uint64) bool {
	x.writing.Lock()
	defer x.writing.Unlock()
	e := Entry{code, id}
	if !x.now.Load().kill(e) {
		return false
	}
	if x.recording {
		x.deleted = append(x.deleted, e)
	}
	x.mergeInBackground()
	return true
}

// Len is the number of entries.
func (x *Index) Len() int {
	v := x.now.Load()
	n := 0
	for _, t := range v.tails {
		n += t.live()
	}
	for _, s := range v.segments {
		n += s.live()
	}
	return n
}

// Search gives each entry at most radius bits from code once, in no order. It
// sees every change that was finished when the loop began, and perhaps later
// ones. A radius below 0 finds nothing; one of Size finds everything, so a
// caller that accepts radii from others limits them or stops early.
func (x *Index) Search(code Code, radius int) iter.Seq[Match] {
	return func(yield func(Match) bool) {
		v := x.now.Load()
		// Newest first: an entry that is deleted and added again meanwhile
		// is then seen once, not in its old place and its new one.
		for _, t := range v.tails {
			if !t.search(code, radius, yield) {
				return
			}
		}
		for _, s := range v.segments {
			if !s.search(code, radius, yield) {
				return
			}
		}
		runtime.KeepAlive(v) // and with it a mapped file that it lies in
	}
}

// Nearest is the entry closest to code of those at most radius bits away, of
// several the one with the least id and then the least code; false if there
// is none.
func (x *Index) Nearest(code Code, radius int) (Match, bool) {
	radius = min(radius, Size)
	for within := 0; within <= radius; within = widen(within, radius) {
		var best Match
		found := false
		for m := range x.Search(code, within) {
			if !found || m.before(best) {
				best, found = m, true
			}
		}
		if found {
			return best, true
		}
	}
	return Match{}, false
}

// widen is the next radius that Nearest tries: narrow searches are so much
// cheaper that trying them first costs nearly nothing.
func widen(within, radius int) int {
	switch {
	case within == radius:
		return radius + 1
	case within < 7:
		return min(7, radius)
	case within < 63:
		return min(within+8, radius)
	default:
		return radius
	}
}

func (m Match) before(o Match) bool {
	return cmp.Or(cmp.Compare(m.Distance, o.Distance), cmp.Compare(m.ID, o.ID), m.Code.Compare(o.Code)) < 0
}

func (v *view) has(e Entry) bool {
	for _, t := range v.tails {
		if t.has(e) {
			return true
		}
	}
	for _, s := range v.segments {
		if s.has(e) {
			return true
		}
	}
	return false
}

func (v *view) kill(e Entry) bool {
	for _, t := range v.tails {
		if t.kill(e) {
			return true
		}
	}
	for _, s := range v.segments {
		if s.kill(e) {
			return true
		}
	}
	return false
}

// with is v and one segment more, unless that is empty.
func (v *view) with(s *segment) *view {
	next := &view{tails: v.tails, segments: slices.Clone(v.segments)}
	if len(s.ids) > 0 {
		next.segments = append(next.segments, s)
		slices.SortStableFunc(next.segments, func(a, b *segment) int { return cmp.Compare(len(b.ids), len(a.ids)) })
	}
	return next
}
