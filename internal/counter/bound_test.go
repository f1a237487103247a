package counter

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// turning is a clock that a test turns.
type turning struct{ nanos atomic.Int64 }

func newTurning() *turning {
	c := &turning{}
	c.set(began)
	return c
}

func (c *turning) now() time.Time  { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *turning) set(t time.Time) { c.nanos.Store(t.UnixNano()) }

// At its bound a store forgets the oldest counts, takes no more memory, and
// says so.
func TestBound(t *testing.T) {
	clock := newTurning()
	m := open(t, MemoryOptions{Bytes: LeastBytes, Now: clock.now})
	const owners = 100_000
	add := []Add{{Counter: "a", Keep: 24 * time.Hour}}
	for i := range owners {
		clock.set(began.Add(time.Duration(i) * time.Second / 10))
		add[0].Owner, add[0].Element, add[0].At = fmt.Sprint(i), fmt.Sprint(i%7), clock.now()
		if i%3 == 0 { // some have many, a few are crowds
			add[0].Owner = fmt.Sprint("many", i%300)
			add[0].Element = fmt.Sprint(i)
		}
		if _, err := m.Count(t.Context(), add, nil); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			if s := m.Stats(); s.Bytes > LeastBytes {
				t.Fatalf("after %d: %d bytes, more than %d", i, s.Bytes, LeastBytes)
			}
		}
	}
	s := m.Stats()
	if s.Evicted == 0 || s.Crowds == 0 {
		t.Fatalf("%+v: it was not full, or had no crowd", s)
	}
	has := func(i int) bool {
		n, err := m.Count(t.Context(), nil, []Read{{Counter: "a", Owner: fmt.Sprint(i), Window: 24 * time.Hour, At: clock.now()}})
		if err != nil {
			t.Fatal(err)
		}
		return n[0] > 0
	}
	old, young := 0, 0
	for i := range owners / 10 {
		if i%3 == 0 {
			continue
		}
		if has(i) {
			old++
		}
		if has(owners - 1 - i) {
			young++
		}
	}
	if young < 5*old || young == 0 {
		t.Errorf("of the oldest tenth %d are left, of the youngest %d", old, young)
	}
}

// Every owner is found as long as it should be, whatever goes around it: the
// table and the arena lose nothing.
func TestTable(t *testing.T) {
	clock := newTurning()
	m := open(t, MemoryOptions{Bytes: 64 << 20, Now: clock.now})
	random := rand.New(rand.NewPCG(1, 1))
	want := map[string]int{}
	for range 60_000 {
		owner := fmt.Sprint(random.IntN(9000))
		switch random.IntN(20) {
		case 0:
			if err := m.Forget(t.Context(), owner); err != nil {
				t.Fatal(err)
			}
			delete(want, owner)
		default:
			e := fmt.Sprint("element", want[owner])
			_, err := m.Count(t.Context(), []Add{{Counter: "a", Owner: owner, Element: e, At: began, Keep: time.Hour}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			want[owner]++
		}
	}
	m.sweep()
	for i := range 9000 {
		owner := fmt.Sprint(i)
		got, err := m.Count(t.Context(), nil, []Read{{Counter: "a", Owner: owner, Window: time.Hour, At: began}})
		if err != nil || got[0] != float64(want[owner]) {
			t.Fatalf("%s has %v (%v), want %d", owner, got, err, want[owner])
		}
	}
	if s := m.Stats(); s.Counts != len(want) || s.Evicted > 0 {
		t.Errorf("%+v, want %d counts", s, len(want))
	}
	clock.set(began.Add(2*time.Hour + time.Second))
	m.sweep()
	if s := m.Stats(); s.Counts != 0 || s.Bytes != 0 {
		t.Errorf("after all has expired there is %+v", s)
	}
}

// What was read last of a crowd is right after every change.
func TestMemos(t *testing.T) {
	clock := newTurning()
	m := open(t, MemoryOptions{Now: clock.now})
	random := rand.New(rand.NewPCG(1, 1))
	add := []Add{{Counter: "a", Owner: "o", Keep: 7 * 24 * time.Hour}}
	read := func() []float64 {
		var reads []Read
		for _, window := range []time.Duration{5 * time.Hour, 24 * time.Hour, 6 * 24 * time.Hour} {
			reads = append(reads, Read{Counter: "a", Owner: "o", Window: window, At: clock.now()})
		}
		n, err := m.Count(t.Context(), nil, reads)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 9000 {
		clock.set(clock.now().Add(10 * time.Second))
		add[0].Element, add[0].At = fmt.Sprint(random.IntN(20_000)), clock.now().Add(-time.Duration(random.IntN(3600))*time.Second)
		if _, err := m.Count(t.Context(), add, nil); err != nil {
			t.Fatal(err)
		}
		if i%500 != 0 {
			if i%10 == 0 {
				read()
			}
			continue
		}
		kept := read()
		for i := range m.shards {
			s := &m.shards[i]
			s.mu.Lock()
			for _, c := range s.crowds {
				before := c.bytes()
				c.memos = [memos]memo{}
				s.bulk += c.bytes() - before
			}
			s.mu.Unlock()
		}
		if anew := read(); fmt.Sprint(kept) != fmt.Sprint(anew) {
			t.Fatalf("after %d: kept %v, counted anew %v", i, kept, anew)
		}
	}
}

// A crowd may take more than its shard's own memory, while there is some.
func TestCrowdBorrows(t *testing.T) {
	clock := newTurning()
	m := open(t, MemoryOptions{Bytes: 16 << 20, Now: clock.now})
	add := []Add{{Counter: "a", Owner: "o", Keep: MaxKeep}}
	for i := range 300 {
		clock.set(began.Add(time.Duration(i) * 24 * time.Hour))
		for k := range 2 * maxFew {
			add[0].Element, add[0].At = fmt.Sprint(i, k), clock.now()
			if _, err := m.Count(t.Context(), add, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := m.Stats()
	if most := int64(m.shards[0].budget); s.Evicted > 0 || s.Bytes < most || m.lent.Load() != s.Bytes-most {
		t.Errorf("%+v, of which %d are borrowed beyond %d", s, m.lent.Load(), most)
	}
	if err := m.Forget(t.Context(), "o"); err != nil || m.lent.Load() != 0 {
		t.Errorf("%d borrowed of nothing (%v)", m.lent.Load(), err)
	}
}

// A crowd that has become quiet is exact again, and then nothing.
func TestCrowdEnds(t *testing.T) {
	clock := newTurning()
	m := open(t, MemoryOptions{Now: clock.now})
	var adds []Add
	for i := range 3 * Exact {
		adds = append(adds, Add{Counter: "a", Owner: "o", Element: fmt.Sprint(i), At: began, Keep: time.Hour})
	}
	adds = append(adds, Add{Counter: "a", Owner: "o", Element: "later", At: began.Add(time.Hour), Keep: time.Hour})
	if _, err := m.Count(t.Context(), adds, nil); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after          time.Duration
		counts, crowds int
	}{
		{time.Hour, 0, 1},
		{2*time.Hour + time.Second, 1, 0},
		{3*time.Hour + time.Second, 0, 0},
	} {
		clock.set(began.Add(step.after))
		m.sweep()
		if s := m.Stats(); s.Counts != step.counts || s.Crowds != step.crowds {
			t.Errorf("after %s: %+v, want %+v", step.after, s, step)
		}
	}
}

// What a crowd knew of days that have passed out of its longest window goes.
func TestCrowdExpires(t *testing.T) {
	clock := newTurning()
	m := open(t, MemoryOptions{Now: clock.now})
	add := []Add{{Counter: "a", Owner: "o", Keep: 30 * 24 * time.Hour}}
	for _, after := range []time.Duration{0, 20 * 24 * time.Hour} {
		clock.set(began.Add(after))
		for i := range 2 * Exact {
			add[0].Element, add[0].At = fmt.Sprint(i), clock.now()
			if _, err := m.Count(t.Context(), add, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	clock.set(began.Add(32 * 24 * time.Hour))
	m.sweep()
	for i := range m.shards {
		for _, c := range m.shards[i].crowds {
			if len(c.days) != 1 || len(c.hours) != 0 || len(c.recent) != 0 {
				t.Errorf("%d days, %d hours and %d elements are left, want one day", len(c.days), len(c.hours), len(c.recent))
			}
		}
	}
	if s := m.Stats(); s.Crowds != 1 {
		t.Errorf("%+v, want a crowd", s)
	}
}

func TestClosed(t *testing.T) {
	m := open(t, MemoryOptions{})
	add := []Add{{Counter: "a", Owner: "o", Element: "e", At: began, Keep: time.Hour}}
	if _, err := m.Count(t.Context(), add, nil); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Count(t.Context(), add, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("add after Close: %v", err)
	}
	if _, err := m.Count(t.Context(), nil, []Read{{Counter: "a", Owner: "o", Window: time.Hour, At: began}}); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if err := m.Forget(t.Context(), "o"); err != nil {
		t.Errorf("forget after Close: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := OpenMemory(MemoryOptions{Bytes: 5}); err == nil {
		t.Error("it opened with five bytes")
	}
}

// Names that an attacker chooses meet no more often than others: the digests
// are keyed.
func TestDigestsAreKeyed(t *testing.T) {
	a, b := Secret{1}.derive("owner"), Secret{2}.derive("owner")
	if a.digest("x") == b.digest("x") || a.under("x") == b.under("x") || a.digest("x") == a.under("c").digest("x") {
		t.Error("digests don't depend on the secret")
	}
	if a == (Secret{1}).derive("element") {
		t.Error("owners and elements have one key")
	}
	long := make([]byte, 5000)
	if a.digest(string(long)) == a.digest(string(long[1:])) {
		t.Error("long names are cut")
	}
}

// TestMillion counts a million different elements within the stated error.
func TestMillion(t *testing.T) {
	m := open(t, MemoryOptions{})
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	add := []Add{{Counter: "a", Owner: "target", At: began, Keep: 24 * time.Hour}}
	for i := range n {
		add[0].Element = fmt.Sprint("sender", i)
		if _, err := m.Count(t.Context(), add, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.Count(t.Context(), nil, []Read{{Counter: "a", Owner: "target", Window: 24 * time.Hour, At: began}})
	if err != nil || got[0] < float64(n)*0.94 || got[0] > float64(n)*1.06 {
		t.Errorf("estimated %v (%v), want %d", got, err, n)
	}
}

// TestError measures the standard error of estimates: it is what Memory says.
func TestError(t *testing.T) {
	for n, rounds := range map[int]int{300: 200, 3000: 100, 20_000: 50} {
		sum, bias := 0.0, 0.0
		for round := range rounds {
			var u union
			k := Secret{byte(round), byte(round >> 8), 3}.derive("element")
			for i := range n {
				raise(u.registers[:], uint32(k.digest(fmt.Sprint(i))))
			}
			u.tally()
			off := u.estimate()/float64(n) - 1
			sum += off * off
			bias += off
		}
		variance, mean := sum/float64(rounds), bias/float64(rounds)
		t.Logf("%d elements: standard error %.2f %%, bias %.2f %%", n, 100*math.Sqrt(variance), 100*mean)
		if variance > 0.0002*1.5 || mean > 0.004 || mean < -0.004 { // 0.016² is 0.00026
			t.Errorf("%d elements: standard error %v, bias %v", n, math.Sqrt(variance), mean)
		}
	}
}
