package hamming

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// naive is the reference: a set that is scanned.
type naive map[Entry]bool

func (n naive) search(q Code, radius int) []Match {
	var found []Match
	for e := range n {
		if d := q.Distance(e.Code); d <= radius {
			found = append(found, Match{e, d})
		}
	}
	return sorted(found)
}

// nearest is by another way than Index.Nearest: the first of all, in order.
func (n naive) nearest(q Code, radius int) (Match, bool) {
	found := n.search(q, radius)
	if len(found) == 0 {
		return Match{}, false
	}
	return slices.MinFunc(found, func(a, b Match) int {
		if a.before(b) {
			return -1
		}
		return 1
	}), true
}

func sorted(found []Match) []Match {
	slices.SortFunc(found, func(a, b Match) int { return a.compare(b.Entry) })
	return found
}

func random(r *rand.Rand) Code { return Code{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()} }

// flipped is c with n bits changed, chosen with replacement.
func flipped(r *rand.Rand, c Code, n int) Code {
	for range n {
		bit := r.IntN(Size)
		c[bit/64] ^= 1 << (bit % 64)
	}
	return c
}

// uniform is n entries with random codes.
func uniform(r *rand.Rand, n int) []Entry {
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{random(r), uint64(i)}
	}
	return entries
}

// clustered is n entries as lists of real images have them, only worse: a
// quarter are random, a quarter are families of a thousand within some forty
// bits, a quarter share two words of four, and a quarter have hardly any bits.
func clustered(r *rand.Rand, n int) []Entry {
	entries := uniform(r, n)
	var family, flat Code
	for i := range entries {
		c := &entries[i].Code
		switch i * 4 / n {
		case 1:
			if i%1000 == 0 || family == (Code{}) {
				family = random(r)
			}
			*c = flipped(r, family, r.IntN(40))
		case 2:
			c[0], c[2] = 0, ^uint64(0)
		case 3:
			*c = flipped(r, flat, 40+r.IntN(80))
			c[1] &= c[0]
		}
	}
	return entries
}

// check compares searches around q with the reference, whichever way the
// index goes and whichever it could have gone.
func check(t *testing.T, x *Index, want naive, q Code, radius int) {
	t.Helper()
	found := want.search(q, radius)
	if got := sorted(slices.Collect(x.Search(q, radius))); !slices.Equal(found, got) {
		t.Fatalf("radius %d (-naive +index):\n%s", radius, cmp.Diff(found, got))
	}
	var probed []Match
	collect := func(m Match) bool { probed = append(probed, m); return true }
	v := x.now.Load()
	for _, tail := range v.tails {
		tail.search(q, radius, collect)
	}
	for _, s := range v.segments {
		for i := range s.parts {
			p := &s.parts[i]
			yield := func(j, distance int) bool { return s.yield(p, j, distance, collect) }
			var plan plan
			if len(p.bands) == 0 || !plan.even(p.bands, radius) {
				p.search(&q, radius, yield)
				continue
			}
			for j := range p.bands {
				plan.keys[j] = p.bands[j].key(&q)
			}
			plan.weigh(p.bands, radius, 1<<30)
			p.probe(&q, radius, &plan, yield)
		}
	}
	if !slices.Equal(found, sorted(probed)) {
		t.Fatalf("radius %d, weighed (-naive +index):\n%s", radius, cmp.Diff(found, probed))
	}
	wantNearest, wantOK := want.nearest(q, radius)
	if nearest, ok := x.Nearest(q, radius); ok != wantOK || nearest != wantNearest {
		t.Fatalf("nearest within %d: %v %v, want %v %v", radius, nearest, ok, wantNearest, wantOK)
	}
	if x.Len() != len(want) {
		t.Fatalf("%d entries, want %d", x.Len(), len(want))
	}
}

// FuzzIndex does what the bytes say to an index with tails of 16 entries and
// bands from 16 codes, and to the reference.
func FuzzIndex(f *testing.F) {
	f.Add(uint64(1), []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	f.Add(uint64(2), []byte{0, 9, 18, 27, 36, 45, 54, 63, 7, 8, 6, 255, 254, 3, 2, 1, 5, 4})
	f.Add(uint64(3), make([]byte, 100))
	long := make([]byte, 100)
	for i := range long {
		long[i] = byte(i * 37)
	}
	f.Add(uint64(4), long)
	f.Fuzz(func(t *testing.T, seed uint64, steps []byte) {
		r := rand.New(rand.NewPCG(seed, 0))
		x, want := sized(16, 16), naive{}
		x.background = true // so none merges but the steps, and a failure repeats
		var once []Entry    // that were ever added, in order
		centre := random(r)
		pick := func() Code { // clustered, flat, known or random
			switch r.IntN(5) {
			case 0:
				return random(r)
			case 1:
				return Code{0, r.Uint64() & 3}
			case 2:
				if len(once) > 0 {
					return flipped(r, once[r.IntN(len(once))].Code, r.IntN(3))
				}
			}
			return flipped(r, centre, r.IntN(48))
		}
		for _, step := range steps[:min(len(steps), 100)] {
			switch step % 9 {
			default:
				e := Entry{pick(), uint64(step / 9)}
				if added := x.Add(e.Code, e.ID); added == want[e] {
					t.Fatalf("Add says %v", added)
				}
				want[e] = true
				once = append(once, e)
			case 4:
				x.merge((*view).due)
			case 5:
				many := make([]Entry, step)
				for i := range many {
					many[i] = Entry{pick(), uint64(r.IntN(3))}
					want[many[i]] = true
				}
				once = append(once, many...)
				before := x.Len()
				if added := x.AddAll(slices.Clone(many)); added != len(want)-before {
					t.Fatalf("AddAll says %d, want %d", added, len(want)-before)
				}
			case 6, 7:
				if len(once) == 0 {
					continue
				}
				e := once[r.IntN(len(once))]
				if deleted := x.Delete(e.Code, e.ID); deleted != want[e] {
					t.Fatalf("Delete says %v", deleted)
				}
				delete(want, e)
			case 8:
				switch step {
				case 8:
					x.Compact()
				case 17:
					x = again(t, x)
					x.background = true
				default:
					check(t, x, want, pick(), r.IntN(70))
				}
			}
		}
		for range 3 {
			check(t, x, want, pick(), r.IntN(70))
			check(t, x, want, pick(), 31)
		}
		x.Compact()
		check(t, x, want, pick(), 31)
		check(t, again(t, x), want, pick(), 31)
	})
}

// TestLargeAgainstNaive has the sizes at which bands are cut and plans are
// weighed as they are in use.
func TestLargeAgainstNaive(t *testing.T) {
	n := 30_000
	if testing.Short() {
		n = 12_000
	}
	for name, entriesOf := range map[string]func(*rand.Rand, int) []Entry{"uniform": uniform, "clustered": clustered} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 7))
			entries := entriesOf(r, n)
			x, want := New(), naive{}
			for _, e := range entries {
				want[e] = true
			}
			x.AddAll(slices.Clone(entries[:n/2]))
			for _, e := range entries[n/2:] {
				x.Add(e.Code, e.ID)
			}
			doomed := slices.Collect(maps.Keys(want))[:n/10]
			for _, e := range doomed {
				x.Delete(e.Code, e.ID)
				delete(want, e)
			}
			for range 12 {
				q := flipped(r, entries[r.IntN(n)].Code, r.IntN(32))
				check(t, x, want, q, 31)
				check(t, x, want, random(r), r.IntN(40))
			}
			x.Compact()
			check(t, x, want, entries[n-1].Code, 31)
			check(t, again(t, x), want, entries[n-1].Code, 31)
		})
	}
}
