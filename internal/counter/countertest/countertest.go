// Package countertest holds every counter.Store to the same contract.
package countertest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/counter"
)

// Open opens an empty store whose clock is now.
type Open func(t *testing.T, now func() time.Time) counter.Store

// Start is when the clock of a test begins: in the middle of an hour and a day.
var Start = time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)

// Clock is a clock that a test turns.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Turn turns the clock on.
func (c *Clock) Turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"counts an element once", once},
		{"counts from after the beginning of a window to its end", edges},
		{"keeps the latest time", latest},
		{"takes no notice of order", order},
		{"keeps counts apart", apart},
		{"counts somebody who meets themself", self},
		{"takes in before it answers, in order", batch},
		{"knows nothing of what was never added", unknown},
		{"refuses times that it cannot keep", refuses},
		{"takes no notice of what is too late", late},
		{"counts a log of last year by its own times", old},
		{"lets the future take no other's place", future},
		{"is exact for as many as it says", exact},
		{"estimates a crowd", crowd},
		{"estimates a crowd over days", crowdOfDays},
		{"is exact for the newest of a crowd", newest},
		{"has the same crowd in any order, however often", repeated},
		{"survives a flood within one second", flood},
		{"forgets an owner", forgets},
		{"counts side by side", sideBySide},
		{"agrees with counting by hand", byHand},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := NewClock()
			test.run(t, &bench{t: t, Clock: clock, Store: open(t, clock.Now)})
		})
	}
}

// bench is a store under test.
type bench struct {
	*Clock
	counter.Store
	t *testing.T
}

// add adds elements of the counter "met" at Start and so much.
func (b *bench) add(owner string, after time.Duration, elements ...string) {
	b.t.Helper()
	b.count(Adds("met", owner, day, after, elements...), nil)
}

// Adds are elements of one time.
func Adds(name, owner string, keep, after time.Duration, elements ...string) []counter.Add {
	adds := make([]counter.Add, len(elements))
	for i, e := range elements {
		adds[i] = counter.Add{Counter: name, Owner: owner, Element: e, At: Start.Add(after), Keep: keep}
	}
	return adds
}

func (b *bench) count(adds []counter.Add, reads []counter.Read) []float64 {
	b.t.Helper()
	got, err := b.Count(b.t.Context(), adds, reads)
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// has is how many elements the counter "met" has in a window that ends at Start
// and so much.
func (b *bench) has(owner string, after, window time.Duration) float64 {
	b.t.Helper()
	return b.read("met", owner, after, window)
}

func (b *bench) read(name, owner string, after, window time.Duration) float64 {
	b.t.Helper()
	return b.count(nil, []counter.Read{{Counter: name, Owner: owner, Window: window, At: Start.Add(after)}})[0]
}

func (b *bench) want(what string, got, want float64) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: counted %v, want %v", what, got, want)
	}
}

// near holds an estimate to four standard errors, below and above.
func (b *bench) near(what string, got, least, most float64) {
	b.t.Helper()
	if got < least*0.93 || got > most*1.07 || math.IsNaN(got) {
		b.t.Errorf("%s: estimated %v, want %v to %v", what, got, least, most)
	}
}

// seeded is the same numbers each time.
func seeded(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // nothing secret
}

func once(_ *testing.T, b *bench) {
	b.add("a", 0, "x", "y", "x")
	b.add("a", 0, "x")
	b.add("a", time.Second, "y")
	b.want("two elements, five times", b.has("a", time.Second, day), 2)
}

func edges(_ *testing.T, b *bench) {
	b.add("a", 0, "x")
	for _, c := range []struct {
		after, window time.Duration
		want          float64
	}{
		{0, time.Second, 1},
		{-time.Second, day, 0},
		{time.Hour - time.Second, time.Hour, 1},
		{time.Hour, time.Hour, 0},
		{time.Hour, time.Hour + time.Second, 1},
		{time.Hour, time.Hour + time.Millisecond, 1}, // whole seconds, up
		{day - time.Second, day, 1},
		{day, day, 0},
	} {
		b.want(fmt.Sprintf("%s after it, within %s", c.after, c.window), b.has("a", c.after, c.window), c.want)
	}
}

func latest(_ *testing.T, b *bench) {
	b.add("a", 0, "x")
	b.add("a", -5*hour, "x")
	b.want("seen later before", b.has("a", 0, hour), 1)
	b.Turn(3 * hour)
	b.add("a", 3*hour, "x")
	b.want("seen again", b.has("a", 3*hour, hour), 1)
	b.want("seen again, in a window before that", b.has("a", hour, day), 0)
}

func order(t *testing.T, b *bench) {
	random := seeded(1)
	var adds []counter.Add
	for i := range 100 {
		adds = append(adds, Adds("met", "", 7*day, -time.Duration(random.IntN(6*24*60))*time.Minute, fmt.Sprint("e", i%60))...)
	}
	var want []float64
	for round := range 3 {
		owner := fmt.Sprint("owner", round)
		for i := range adds {
			adds[i].Owner = owner
		}
		random.Shuffle(len(adds), func(i, j int) { adds[i], adds[j] = adds[j], adds[i] })
		b.count(adds, nil)
		b.count(adds[:50], nil)
		var got []float64
		for _, window := range []time.Duration{hour, 12 * hour, 2 * day, 7 * day} {
			got = append(got, b.has(owner, 0, window))
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("another order counts differently (-first +now):\n%s", diff)
		}
	}
	if want[3] != 60 {
		t.Errorf("counted %v within a week, want 60", want[3])
	}
}

func apart(_ *testing.T, b *bench) {
	b.count(Adds("ab", "c", day, 0, "x"), nil)
	b.count(Adds("a", "bc", day, 0, "x", "y"), nil)
	b.count(Adds("a", "c", day, 0, "x", "y", "z"), nil)
	b.count(Adds("", "", day, 0, ""), nil)
	b.want("ab of c", b.read("ab", "c", 0, day), 1)
	b.want("a of bc", b.read("a", "bc", 0, day), 2)
	b.want("a of c", b.read("a", "c", 0, day), 3)
	b.want("no names", b.read("", "", 0, day), 1)
	b.want("ab of bc", b.read("ab", "bc", 0, day), 0)
}

func self(_ *testing.T, b *bench) {
	b.add("a", 0, "a", "b")
	b.want("with themself", b.has("a", 0, day), 2)
}

func batch(t *testing.T, b *bench) {
	adds := append(Adds("met", "a", day, 0, "x", "y"), Adds("sent", "b", 7*day, -hour, "m")...)
	got := b.count(append(adds, Adds("met", "a", day, -2*hour, "z")...), []counter.Read{
		{Counter: "sent", Owner: "b", Window: 2 * hour, At: Start},
		{Counter: "met", Owner: "a", Window: hour, At: Start},
		{Counter: "sent", Owner: "nobody", Window: hour, At: Start},
		{Counter: "met", Owner: "a", Window: day, At: Start},
		{Counter: "sent", Owner: "b", Window: hour, At: Start},
	})
	if diff := cmp.Diff([]float64{1, 2, 0, 3, 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func unknown(t *testing.T, b *bench) {
	b.want("no such counter", b.has("a", 0, day), 0)
	if got := b.count(nil, nil); len(got) != 0 {
		t.Errorf("nothing asked, %v answered", got)
	}
}

func refuses(t *testing.T, b *bench) {
	for _, keep := range []time.Duration{0, -hour, counter.MaxKeep + 1} {
		if _, err := b.Count(t.Context(), Adds("met", "a", keep, 0, "x"), nil); err == nil {
			t.Errorf("it took something to keep for %s", keep)
		}
		if _, err := b.Count(t.Context(), nil, []counter.Read{{Counter: "met", Owner: "a", Window: keep, At: Start}}); err == nil {
			t.Errorf("it answered within %s", keep)
		}
	}
}

func late(_ *testing.T, b *bench) {
	b.add("a", 0, "x")
	b.add("a", -day-counter.Late/2, "y")
	b.want("late by less than Late", b.has("a", -day-counter.Late/2, hour), 1)
	b.add("a", -3*day, "z")
	b.want("late by days", b.has("a", -3*day, day), 0)
	b.want("now", b.has("a", 0, day), 1)
	b.Turn(2 * day)
	b.want("two days later", b.has("a", 2*day, day), 0)
}

func old(_ *testing.T, b *bench) {
	const year = -365 * day
	for i := range 48 {
		b.add("a", year+time.Duration(i)*hour, fmt.Sprint("x", i))
		b.want(fmt.Sprint("hour ", i), b.has("a", year+time.Duration(i)*hour, day), float64(min(i+1, 24)))
	}
	b.want("today", b.has("a", 0, day), 0)
	b.add("a", 0, "y")
	b.want("today, met one", b.has("a", 0, day), 1)
	b.add("a", -3*day, "z")
	b.want("late by days, now that there is something of today", b.has("a", -3*day, day), 0)
}

func future(_ *testing.T, b *bench) {
	b.add("a", -5*hour, "w")
	b.add("a", counter.Ahead/2, "x")
	b.add("a", 365*day, "y")
	b.add("a", 0, "z")
	b.want("now", b.has("a", 0, day), 2)
	b.want("in half of Ahead", b.has("a", counter.Ahead/2, hour), 1)
	b.want("where it is said to be", b.has("a", 365*day, hour), 1)
	b.Turn(counter.Ahead)
	b.want("when that has come", b.has("a", counter.Ahead, hour), 1)
}

// many are different elements.
func many(from, to int) []string {
	list := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint("element", i))
	}
	return list
}

func exact(_ *testing.T, b *bench) {
	for i, e := range many(0, counter.Exact) {
		b.add("a", time.Duration(i-600)*time.Minute, e)
		b.want("within a day", b.has("a", 0, day), float64(i+1))
		b.want("within three hours", b.has("a", 0, 7*hour), float64(max(0, i-180)))
	}
}

// spread adds elements evenly over a time that ends at Start.
func (b *bench) spread(owner string, keep, over time.Duration, elements []string) {
	b.t.Helper()
	step := over / time.Duration(len(elements))
	var adds []counter.Add
	for i, e := range elements {
		adds = append(adds, Adds("met", owner, keep, step*time.Duration(i+1)-over, e)...)
		if len(adds) == 1000 || i == len(elements)-1 {
			b.count(adds, nil)
			adds = adds[:0]
		}
	}
}

func crowd(_ *testing.T, b *bench) {
	const n = 24_000
	b.spread("a", day, day, many(0, n))
	b.near("within a day", b.has("a", 0, day), n, n*25/24)
	b.near("within six hours", b.has("a", 0, 6*hour), n/4, n*7/24)
	b.near("within six hours, yesterday", b.has("a", -12*hour, 6*hour), n/4, n*7/24)
	b.near("of another", b.has("b", 0, day), 0, 0)
	b.add("a", 0, many(n, n+6000)...)
	b.near("within a day, with 6,000 more", b.has("a", 0, day), n+6000, n*25/24+6000)
	b.Turn(12 * hour)
	b.near("half a day later", b.has("a", 12*hour, day), n/2+6000, n*13/24+6000)
}

func crowdOfDays(_ *testing.T, b *bench) {
	const n = 30_000
	b.spread("a", 30*day, 30*day, many(0, n))
	b.near("within thirty days", b.has("a", 0, 30*day), n, n*31/30)
	b.near("within a week", b.has("a", 0, 7*day), n*7/30, n*8/30)
	b.near("within a day", b.has("a", 0, day), n/30, n*25/24/30)
}

func newest(_ *testing.T, b *bench) {
	b.spread("a", day, day, many(0, 24*60)) // one a minute
	for _, minutes := range []int{1, 5, 60, 120} {
		b.want(fmt.Sprint(minutes, " minutes"), b.has("a", 0, time.Duration(minutes)*time.Minute), float64(minutes))
	}
}

func repeated(t *testing.T, b *bench) {
	random := seeded(3)
	all := many(0, 5000)
	var want float64
	for round, owner := range []string{"a", "b", "c"} {
		list := append(many(0, 5000), all[:round*1000]...)
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for len(list) > 0 {
			n := min(len(list), 500)
			b.add(owner, -hour, list[:n]...)
			list = list[n:]
		}
		got := b.has(owner, 0, day)
		if round == 0 {
			want = got
		}
		if got != want {
			t.Errorf("the same elements are %v and %v", want, got)
		}
	}
}

func flood(_ *testing.T, b *bench) {
	const n = 10_000
	for i := 0; i < n; i += 1000 {
		b.add("a", 0, many(i, i+1000)...)
	}
	b.near("at once", b.has("a", 0, time.Minute), n, n)
	b.add("a", time.Minute, "and one more")
	b.want("after it", b.has("a", time.Minute, 30*time.Second), 1)
}

func forgets(t *testing.T, b *bench) {
	b.add("a", 0, "x", "y")
	b.count(Adds("sent", "a", 7*day, 0, many(0, 2*counter.Exact)...), nil)
	b.add("b", 0, "x", "a")
	if err := b.Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	b.want("forgotten", b.has("a", 0, day), 0)
	b.want("forgotten crowd", b.read("sent", "a", 0, 7*day), 0)
	if got := b.has("b", 0, day); got != 1 && got != 2 { // "a" is an element until the sweep
		t.Errorf("another's count is %v", got)
	}
	b.add("a", 0, "z")
	b.want("come back", b.has("a", 0, day), 1)
	if err := b.Forget(t.Context(), "who never was"); err != nil {
		t.Fatal(err)
	}
}

func sideBySide(t *testing.T, b *bench) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 50 {
				adds := Adds("met", "a", day, 0, fmt.Sprint(i), fmt.Sprint("of ", g, i%4))
				if _, err := b.Count(t.Context(), adds, []counter.Read{{Counter: "met", Owner: "a", Window: hour, At: Start}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.want("of all", b.has("a", 0, day), 50+8*4)
}

func byHand(_ *testing.T, b *bench) {
	random := seeded(5)
	naive := Naive{}
	at := time.Duration(0)
	for range 300 {
		at += time.Duration(random.IntN(7200)) * time.Second
		b.Turn(Start.Add(at).Sub(b.Now()))
		owner := fmt.Sprint("owner", random.IntN(3))
		add := Adds("met", owner, 3*day, at-time.Duration(random.IntN(7200))*time.Second, fmt.Sprint(random.IntN(40)))
		read := counter.Read{Counter: "met", Owner: owner, Window: time.Duration(1+random.IntN(3*86400)) * time.Second, At: Start.Add(at)}
		naive.Add(add...)
		b.want(fmt.Sprint("at ", at), b.count(add, []counter.Read{read})[0], naive.Read(read))
	}
}

// Naive counts by hand, and never forgets.
type Naive map[[2]string]map[string]int64

// Add takes elements in.
func (n Naive) Add(adds ...counter.Add) {
	for _, a := range adds {
		key := [2]string{a.Counter, a.Owner}
		if n[key] == nil {
			n[key] = map[string]int64{}
		}
		n[key][a.Element] = max(n[key][a.Element], a.At.Unix())
	}
}

// Read counts.
func (n Naive) Read(r counter.Read) float64 {
	in := 0.0
	to := r.At.Unix()
	from := to - int64((r.Window+time.Second-1)/time.Second)
	for _, at := range n[[2]string{r.Counter, r.Owner}] {
		if at > from && at <= to {
			in++
		}
	}
	return in
}
