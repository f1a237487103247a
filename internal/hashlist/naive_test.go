package hashlist_test

import (
	"cmp"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/hamming"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/hashlist"
)

// naive is what Lists must be equal to: entries in a map, all looked at.
type naive struct {
	banks   map[string]*hashlist.Bank
	entries map[[2]string]hashlist.Entry // by bank and id
	now     func() time.Time
}

// found is what the test compares of a match: numbers are the database's.
type found struct {
	Bank, Entry, Kind string
	Distance          int
	Review            bool
	By                string
}

var naiveKinds = []hashlist.Kind{hashlist.SHA256, hashlist.SHA1, hashlist.MD5, hashlist.URL, hashlist.PDQ}

func valueOf(h hashlist.Hashes, k hashlist.Kind) string {
	return map[hashlist.Kind]string{
		hashlist.SHA256: h.SHA256, hashlist.SHA1: h.SHA1, hashlist.MD5: h.MD5, hashlist.URL: h.URL, hashlist.PDQ: h.PDQ,
	}[k]
}

func distanceOf(a, b string) int {
	x, err1 := hamming.Parse(a)
	y, err2 := hamming.Parse(b)
	if err1 != nil || err2 != nil {
		panic("not codes")
	}
	n := 0
	for i := range x {
		n += bits.OnesCount64(x[i] ^ y[i])
	}
	return n
}

type naiveHit struct {
	bank     *hashlist.Bank
	entry    hashlist.Entry
	kind     int // in naiveKinds
	distance int
}

func (n *naive) hits(q hashlist.Query) (hits []naiveHit) {
	for at, e := range n.entries {
		b := n.banks[at[0]]
		if b == nil || b.Ratio == 0 || e.Verdict == hashlist.Denied || e.Until.After(n.now()) {
			continue
		}
		for i, kind := range naiveKinds {
			has, want := valueOf(e.Hashes, kind), valueOf(q.Hashes, kind)
			if has == "" || want == "" {
				continue
			}
			limit, distance := b.Distance, 0
			if q.MaxDistance != nil && b.Kind != hashlist.Innocent {
				limit = *q.MaxDistance
			}
			if kind == hashlist.PDQ {
				if distance = distanceOf(has, want); distance > limit {
					continue
				}
			} else if has != want {
				continue
			}
			hits = append(hits, naiveHit{b, e, i, distance})
		}
	}
	return hits
}

func (n *naive) match(q hashlist.Query) (matches, suppressed []found) {
	hits := n.hits(q)
	slices.SortFunc(hits, func(a, b naiveHit) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.kind, b.kind), cmp.Compare(a.bank.Name+a.entry.ID, b.bank.Name+b.entry.ID))
	})
	excuse := func(h naiveHit) string {
		var by []string
		for _, i := range hits {
			if i.bank.Kind != hashlist.Innocent {
				continue
			}
			if i.kind == 0 || i.kind == h.kind && h.distance >= i.distance {
				by = append(by, i.bank.Name)
			}
		}
		if by == nil {
			return ""
		}
		return by[0]
	}
	seen := map[string]bool{}
	for _, guilty := range []bool{true, false} {
		for _, h := range hits {
			by, id := excuse(h), h.bank.Name+"/"+h.entry.ID
			if h.bank.Kind == hashlist.Innocent || seen[id] || (by == "") != guilty {
				continue
			}
			seen[id] = true
			f := found{h.bank.Name, h.entry.ID, string(naiveKinds[h.kind]), h.distance, !h.entry.Quarantined.IsZero(), by}
			if guilty {
				matches = append(matches, f)
			} else {
				suppressed = append(suppressed, f)
			}
		}
	}
	return matches, suppressed
}

func foundIn(r hashlist.Result) (matches, suppressed []found) {
	for _, m := range r.Matches {
		matches = append(matches, found{m.Bank, m.Entry, string(m.Kind), m.Distance, m.Review, ""})
	}
	for _, s := range r.Suppressed {
		suppressed = append(suppressed, found{s.Bank, s.Entry, string(s.Kind), s.Distance, s.Review, s.By.Bank})
	}
	return matches, suppressed
}

// world draws hashes from few, so that they meet.
type world struct {
	*rand.Rand
	codes []hamming.Code
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1))}
	for range 12 {
		w.codes = append(w.codes, hamming.Code{w.Uint64(), w.Uint64(), w.Uint64(), w.Uint64()})
	}
	return w
}

func (w *world) pdq() string {
	c := w.codes[w.IntN(len(w.codes))]
	for range w.IntN(24) {
		c[w.IntN(4)] ^= 1 << w.IntN(64)
	}
	return c.String()
}

func (w *world) hashes() (h hashlist.Hashes) {
	for h == (hashlist.Hashes{}) {
		if w.IntN(2) == 0 {
			h.PDQ = w.pdq()
		}
		if w.IntN(3) == 0 {
			h.MD5 = fmt.Sprintf("%032x", w.IntN(9))
		}
		if w.IntN(3) == 0 {
			h.SHA256 = fmt.Sprintf("%064x", w.IntN(9))
		}
		if w.IntN(6) == 0 {
			h.SHA1 = fmt.Sprintf("%040x", w.IntN(9))
		}
		if w.IntN(6) == 0 {
			h.URL = fmt.Sprintf("https://example.org/%d", w.IntN(9))
		}
	}
	return h
}

// Lists find what a naive search finds, whatever was added, removed, judged
// and disabled before, in whatever order, and across restarts.
func TestMatchEqualsNaiveSearch(t *testing.T) {
	dbtest.Each(t, []db.Source{hashlist.Migrations()}, func(t *testing.T, d *db.DB) {
		for seed := range uint64(4) {
			empty(t, d)
			play(t, d, seed, 150)
		}
	})
}

func empty(t *testing.T, d *db.DB) {
	t.Helper()
	for _, table := range []string{"bank", "entry", "cursor", "feedback", "hit"} {
		if _, err := d.Write.ExecContext(t.Context(), "DELETE FROM hashlist_"+table); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Write.ExecContext(t.Context(), "UPDATE hashlist_state SET database = '', seq = 0, next = 1"); err != nil {
		t.Fatal(err)
	}
}

func play(t *testing.T, d *db.DB, seed uint64, steps int) {
	t.Helper()
	w := newWorld(seed)
	clock := newClock()
	o := options(t, clock)
	lists := open(t, d, o)
	other := open(t, d, options(t, clock)) // another instance, which follows
	defer func() { shut(t, lists); shut(t, other) }()
	n := &naive{map[string]*hashlist.Bank{}, map[[2]string]hashlist.Entry{}, clock.now}
	met, tookBack := 0, 0
	names := []string{"one", "TWO", "three.4"}
	for step := range steps {
		name := names[w.IntN(len(names))]
		id := fmt.Sprintf("e-%d", w.IntN(30))
		at := [2]string{name, id}
		_, thereBank := n.banks[name]
		entry, thereEntry := n.entries[at]
		switch w.IntN(14) {
		case 0:
			b := hashlist.Bank{Name: name, Kind: hashlist.BankKinds()[w.IntN(5)], Distance: w.IntN(40), Ratio: float64(min(1, w.IntN(6)))}
			if !thereBank {
				must(t, second(lists.Create(t.Context(), b)))
				n.banks[name] = &b
			} else {
				must(t, second(lists.Update(t.Context(), name, func(to *hashlist.Bank) { to.Kind, to.Distance, to.Ratio = b.Kind, b.Distance, b.Ratio })))
				*n.banks[name] = b
			}
		case 1:
			if thereBank && w.IntN(4) == 0 {
				must(t, lists.Remove(t.Context(), name))
				delete(n.banks, name)
				for k := range n.entries {
					if k[0] == name {
						delete(n.entries, k)
					}
				}
			}
		case 2:
			if thereEntry {
				entry.Verdict = []hashlist.Verdict{hashlist.Unseen, hashlist.Confirmed, hashlist.Denied}[w.IntN(3)]
				if entry.Verdict != hashlist.Unseen {
					entry.Quarantined = time.Time{}
				}
				must(t, second(lists.Judge(t.Context(), strings.ToUpper(name), id, hashlist.Feedback{Verdict: entry.Verdict})))
				n.entries[at] = entry
			}
		case 3:
			if thereEntry {
				entry.Until = clock.now().Add(time.Duration(w.IntN(5)-1) * time.Hour)
				must(t, second(lists.Disable(t.Context(), name, id, entry.Until)))
				n.entries[at] = entry
			}
		case 4:
			if thereEntry {
				entry.Quarantined = time.Time{}
				on := w.IntN(2) == 0
				if on {
					entry.Quarantined = clock.now()
				}
				must(t, second(lists.Quarantine(t.Context(), name, id, on)))
				n.entries[at] = entry
			}
		case 5:
			clock.add(20 * time.Minute)
		case 6:
			shut(t, lists)
			lists = open(t, d, o)
		case 7:
			if thereBank {
				must(t, second(lists.Apply(t.Context(), name, hashlist.Change{Removed: []string{id, "never-there"}})))
				delete(n.entries, at)
			}
		default:
			if thereBank {
				e := hashlist.Entry{ID: id, Hashes: w.hashes(), Verdict: entry.Verdict, Until: entry.Until, Quarantined: entry.Quarantined}
				must(t, second(lists.Apply(t.Context(), name, hashlist.Change{Upserts: []hashlist.Entry{e}})))
				n.entries[at] = e
			}
		}
		q := hashlist.Query{Hashes: w.hashes()}
		if w.IntN(4) == 0 {
			q.MaxDistance = new(w.IntN(hashlist.MaxDistance))
		}
		for who, l := range map[string]*hashlist.Lists{"lists": lists, "another instance": other} {
			must(t, l.Refresh(t.Context()))
			r, err := l.Match(t.Context(), q)
			must(t, err)
			matches, suppressed := foundIn(r)
			met += len(matches)
			tookBack += len(suppressed)
			wantMatches, wantSuppressed := n.match(q)
			byName := gocmp.Transformer("sorted", func(f []found) []string { return sorted(f) })
			if diff := gocmp.Diff(wantMatches, matches, byName) + gocmp.Diff(wantSuppressed, suppressed, byName); diff != "" {
				t.Fatalf("seed %d, step %d, %s: %s", seed, step, who, diff)
			}
		}
	}
	t.Logf("seed %d: %d matches, %d taken back", seed, met, tookBack)
	if met == 0 {
		t.Error("nothing matched")
	}
}

// sorted compares matches without the order of those that are as near, and
// without which of several innocents it was.
func sorted(f []found) []string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = fmt.Sprintf("%03d %s/%s %s review %t taken back %t", one.Distance, one.Bank, one.Entry, one.Kind, one.Review, one.By != "")
	}
	slices.Sort(lines)
	return lines
}
