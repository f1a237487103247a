package hamming

import (
	"bufio"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func Example() {
	known := New()
	code, _ := Parse("f162eb9daab170c0567fe3632d9a5548c5612982dd5e374a7424ebbc8a835c95")
	known.Add(code, 42)

	seen, _ := Parse("f162eb9daab170c0567fe3632d9a5548c5612982dd5e374a7424ebbc8a835c00")
	for m := range known.Search(seen, 31) {
		fmt.Println(m.ID, m.Distance)
	}
	// Output: 42 4
}

func TestParse(t *testing.T) {
	const digits = "F162eb9daab170c0567fe3632d9a5548c5612982dd5e374a7424ebbc8a835c95"
	c, err := Parse(digits)
	if err != nil || c.String() != strings.ToLower(digits) || c[0]>>60 != 0xf {
		t.Errorf("%v, %v", c, err)
	}
	for _, wrong := range []string{"", digits[1:], digits + "0", "x" + digits[1:], "é" + digits[2:]} {
		if _, err := Parse(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

// vectors is the folder of published test data; a test that needs it is
// skipped where there is none.
func vectors(t *testing.T, name string) []Code {
	t.Helper()
	folder := os.Getenv("BREAKWATER_VECTORS")
	if folder == "" {
		folder = "../../shared/vectors"
	}
	f, err := os.Open(filepath.Join(folder, "pdq", name))
	if os.IsNotExist(err) {
		t.Skipf("no vectors: %v (BREAKWATER_VECTORS names their folder)", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var codes []Code
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		c, err := Parse(strings.TrimSpace(lines.Text()))
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, c)
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return codes
}

// TestVectors searches the PDQ reference's haystack for its needles, with
// bands and in the tail.
func TestVectors(t *testing.T) {
	needles, haystack := vectors(t, "needles.txt"), vectors(t, "haystack.txt")
	for name, x := range map[string]*Index{"bands": sized(1024, 1000), "scan": New()} {
		t.Run(name, func(t *testing.T) {
			want := naive{}
			entries := make([]Entry, len(haystack))
			for i, c := range haystack {
				entries[i] = Entry{c, uint64(i)}
				want[entries[i]] = true
			}
			x.AddAll(entries)
			matches := 0
			for _, q := range needles {
				for _, radius := range []int{0, 15, 31, 63} {
					check(t, x, want, q, radius)
				}
				matches += len(want.search(q, 31))
			}
			if len(needles) < 100 || len(haystack) < 1000 || matches == 0 {
				t.Errorf("%d needles, %d codes, %d matches", len(needles), len(haystack), matches)
			}
			t.Logf("%d needles in %d codes: %d matches within 31", len(needles), len(haystack), matches)
		})
	}
}

// TestMergesAreNotSeen searches while others add and delete and everything is
// merged again and again: what stays in the set is found in every search,
// once; what was never in it is not; what was deleted before is not.
func TestMergesAreNotSeen(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	x := sized(64, 32)
	kept := uniform(r, 500)
	x.AddAll(slices.Clone(kept))
	gone := Entry{kept[0].Code, 1 << 40}
	x.Add(gone.Code, gone.ID)
	x.Delete(gone.Code, gone.ID)

	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 12))
			for i := range 3000 {
				e := Entry{flipped(r, kept[r.IntN(len(kept))].Code, 3), 1<<32 + uint64(w)<<20 + uint64(i)}
				x.Add(e.Code, e.ID)
				if i%3 > 0 && !x.Delete(e.Code, e.ID) {
					t.Error("an entry was lost")
				}
				if i%500 == 0 {
					x.Compact()
				}
			}
		})
	}
	for w := range 2 {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 13))
			for {
				select {
				case <-done:
					return
				default:
				}
				e := kept[r.IntN(len(kept))]
				times := map[Entry]int{}
				for m := range x.Search(e.Code, 6) {
					times[m.Entry]++
					if times[m.Entry] > 1 || m.Entry == gone || m.Distance > 6 {
						t.Errorf("%v, %d times", m, times[m.Entry])
					}
				}
				if times[e] != 1 {
					t.Errorf("an entry is found %d times", times[e])
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if want := len(kept) + 2*1000; x.Len() != want {
		t.Errorf("%d entries, want %d", x.Len(), want)
	}
}

// TestAddedAtTheSameTime adds the same entries one by one and all at once: each
// is new to one of them only, and in the set once.
func TestAddedAtTheSameTime(t *testing.T) {
	for round := range 20 {
		r := rand.New(rand.NewPCG(uint64(round), 14))
		x := sized(64, 32)
		entries := uniform(r, 600)
		var added atomic.Int64
		var writers sync.WaitGroup
		for w := range 2 {
			writers.Go(func() {
				for i := range entries {
					e := entries[(i+w*300)%len(entries)]
					if x.Add(e.Code, e.ID) {
						added.Add(1)
					}
				}
			})
			writers.Go(func() { added.Add(int64(x.AddAll(entries[w*100:]))) })
		}
		writers.Wait()
		found := map[Entry]int{}
		for m := range x.Search(Code{}, Size) {
			found[m.Entry]++
		}
		if int(added.Load()) != len(entries) || len(found) != len(entries) || x.Len() != len(entries) {
			t.Fatalf("%d are said to be new and %d to be there, %d are found, of %d", added.Load(), x.Len(), len(found), len(entries))
		}
		for e, times := range found {
			if times != 1 {
				t.Fatalf("%v is found %d times", e, times)
			}
		}
	}
}

// TestDuplicatesAreFolded holds that a code is kept and compared once however
// many entries have it.
func TestDuplicatesAreFolded(t *testing.T) {
	x := New()
	entries := make([]Entry, 3*tailSize)
	for i := range entries {
		entries[i] = Entry{Code{uint64(i % 5)}, uint64(i)}
	}
	x.AddAll(append(slices.Clone(entries), entries...))
	if s := x.now.Load().segments; len(s) != 1 || len(s[0].parts) != 1 || len(s[0].parts[0].codes) != 5 || x.Len() != len(entries) {
		t.Errorf("%d segments, %d entries", len(s), x.Len())
	}
}

// TestDeletedEntriesFreeTheirMemory waits for no clock: the merge that a
// deletion starts is waited for by the lock that merges hold.
func TestDeletedEntriesFreeTheirMemory(t *testing.T) {
	x := New()
	entries := uniform(rand.New(rand.NewPCG(1, 2)), 2*tailSize)
	x.AddAll(slices.Clone(entries))
	for _, e := range entries {
		x.Delete(e.Code, e.ID)
	}
	x.merge((*view).due)
	if v := x.now.Load(); len(v.segments) != 0 || x.Len() != 0 {
		t.Errorf("%d segments, %d entries", len(v.segments), x.Len())
	}
}

// TestCrowdedBucketsAreAvoided holds the plan to less work than a scan where
// codes share bits, which even radii would not do.
func TestCrowdedBucketsAreAvoided(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	entries := uniform(r, 40_000)
	for i := range entries {
		entries[i].Code[2] = 5 // a quarter of the bands says nothing
	}
	s := build(entries, fewestBanded)
	if len(s.parts) != 1 {
		t.Fatalf("%d parts, though all are alike", len(s.parts))
	}
	part := &s.parts[0]
	q := random(r)
	q[2] = 5
	var p plan
	if !p.even(part.bands, 31) || !p.choose(part, &q, 31) {
		t.Fatal("the plan is a scan")
	}
	work := 0
	for i := range part.bands {
		work += part.bands[i].held(p.keys[i], part.bands[i].flips.within(p.radii[i]))
	}
	if work > len(entries)/12 {
		t.Errorf("%d codes are compared, of %d", work, len(entries))
	}
	same := build([]Entry{{Code{1}, 1}}, 0)
	if p.choose(&same.parts[0], &q, 31) {
		t.Error("one code is not scanned")
	}
}

// TestCrowdsStandApart holds codes with half their bits in common to a part
// of their own, whose ids are theirs.
func TestCrowdsStandApart(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	entries := uniform(r, 40_000)
	for i := range 10_000 {
		entries[i].Code[0], entries[i].Code[2] = 1, 2
	}
	s := build(entries, fewestBanded)
	if len(s.parts) != 2 || len(s.parts[1].codes) != 10_000 || len(s.ids) != len(entries) {
		t.Fatalf("%d parts, %d ids", len(s.parts), len(s.ids))
	}
	for i, e := range entries {
		if !s.has(e) || s.has(Entry{e.Code, e.ID + 1}) {
			t.Fatalf("entry %d is not itself", i)
		}
	}
}

// TestPieces cuts a part as one of very many codes is cut.
func TestPieces(t *testing.T) {
	entries := uniform(rand.New(rand.NewPCG(3, 5)), 1000)
	entries = append(entries, Entry{entries[5].Code, 1 << 40})
	whole := build(entries, fewestBanded)
	s := &segment{ids: whole.ids, dead: whole.dead, parts: whole.parts[0].pieces(300)}
	if len(s.parts) != 4 || len(s.parts[3].codes) != 100 || !s.sound() {
		t.Fatalf("%d parts", len(s.parts))
	}
	for i := range s.parts {
		s.parts[i].bands = bandsOf(s.parts[i].codes, leastBands, 0)
	}
	for i, e := range entries {
		found := false
		s.search(e.Code, 31, func(m Match) bool { found = found || m.Entry == e; return true })
		if !found || !s.has(e) {
			t.Errorf("entry %d is lost", i)
		}
	}
}

// TestFour compares values four at a time and one by one.
func TestFour(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 6))
	for most := range 17 {
		for range 1000 {
			want, values := uint16(r.Uint32()), r.Uint64()
			if most < 8 {
				values = uint64(want)*eachOfFour ^ r.Uint64()&r.Uint64()&r.Uint64()
			}
			near := fourWithin(want, most).of(values)
			for i := range 4 {
				is := bits.OnesCount16(uint16(values>>(16*i))^want) <= most
				if wants := map[bool]uint64{true: 0x8000}[is]; near>>(16*i)&0xffff != wants {
					t.Fatalf("within %d of %x: %x says %x", most, want, values, near)
				}
			}
		}
	}
}

func TestSearchDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x := New()
	x.AddAll(uniform(r, 2*tailSize))
	queries := uniform(r, 100)
	i := 0
	if n := testing.AllocsPerRun(99, func() {
		for range x.Search(queries[i].Code, 31) {
		}
		i++
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
