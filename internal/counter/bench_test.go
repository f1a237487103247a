package counter_test

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/counter/countertest"
)

// event is what one message adds and reads: three counts of its sender.
func ofMessage(i, accounts int) ([]counter.Add, []counter.Read) {
	owner := "account-" + strconv.Itoa(i%accounts)
	names := [3]string{"contact.new_minors", "contact.messages", "contact.requests"}
	adds, reads := make([]counter.Add, 3), make([]counter.Read, 3)
	for k, name := range names {
		adds[k] = counter.Add{Counter: name, Owner: owner, Element: "account-" + strconv.Itoa(i/accounts+k), At: countertest.Start, Keep: 24 * time.Hour}
		reads[k] = counter.Read{Counter: name, Owner: owner, Window: 24 * time.Hour, At: countertest.Start}
	}
	return adds, reads
}

// BenchmarkMemory adds to one count and reads it: an operation is both.
func BenchmarkMemory(b *testing.B) {
	for _, accounts := range []int{1, 1000, 1_000_000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			m := openMemory(b, counter.MemoryOptions{Now: countertest.NewClock().Now})
			const batch = 4096
			var adds [batch][]counter.Add
			var reads [batch][]counter.Read
			for i := range adds {
				adds[i], reads[i] = ofMessage(i*7919, accounts)
			}
			var out [3]float64
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				k := i % batch
				j := i / batch % 3
				if err := m.CountInto(out[:1], adds[k][j:j+1], reads[k][j:j+1]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// BenchmarkCrowd adds to a count of many elements and reads it.
func BenchmarkCrowd(b *testing.B) {
	m := openMemory(b, counter.MemoryOptions{Now: countertest.NewClock().Now})
	add := countertest.Adds("senders", "target", 24*time.Hour, 0, "")
	read := []counter.Read{{Counter: "senders", Owner: "target", Window: 24 * time.Hour, At: countertest.Start}}
	var out [1]float64
	elements := make([]string, 1<<16)
	for i := range elements {
		elements[i] = "sender-" + strconv.Itoa(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		add[0].Element, add[0].At = elements[i%len(elements)], countertest.Start.Add(-time.Duration(i%86400)*time.Second)
		if err := m.CountInto(out[:], add, read); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// TestMemoryPerAccount prints what an account costs that is active in a day
// with six counters. BREAKWATER_COUNTER_ACCOUNTS says how many accounts:
// 10,000,000 take some 4 GB and some minutes.
func TestMemoryPerAccount(t *testing.T) {
	accounts := 50_000
	if s := os.Getenv("BREAKWATER_COUNTER_ACCOUNTS"); s != "" {
		accounts, _ = strconv.Atoi(s)
	}
	const counters = 6
	m := openMemory(t, counter.MemoryOptions{Bytes: int64(accounts) * 400, Now: countertest.NewClock().Now})
	before := resident(t)
	elements := 0
	var adds []counter.Add
	for i := range accounts {
		adds = adds[:0]
		owner := "account-" + strconv.Itoa(i)
		for c := range counters {
			// One element in half of the counts, three in a quarter …: three on average.
			n := 1 + 2*bits.TrailingZeros32(uint32(i*counters+c)|1<<12)
			for e := range n {
				adds = append(adds, counter.Add{Counter: "counter" + strconv.Itoa(c), Owner: owner, Element: strconv.Itoa(i + e), At: countertest.Start, Keep: 24 * time.Hour})
			}
		}
		elements += len(adds)
		if _, err := m.Count(t.Context(), adds, nil); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	s := m.Stats()
	if s.Evicted > 0 {
		t.Errorf("%d counts did not fit into 400 bytes an account", s.Evicted)
	}
	each := float64(s.Bytes) / float64(accounts)
	t.Logf("%d accounts, %d counts, %.1f elements each: %.0f bytes an account, %.2f GB for 10 million; the process has grown by %.2f GB",
		accounts, s.Counts, float64(elements)/float64(s.Counts), each, each/100, float64(resident(t)-before)/1e9)
}

// resident is how many bytes this process has in memory, 0 where unknown.
func resident(t *testing.T) int64 {
	t.Helper()
	status, _ := os.ReadFile("/proc/self/status") // Linux
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, _ := strconv.ParseInt(strings.Fields(after + " 0")[0], 10, 64)
	return kb << 10
}

// The hot path allocates nothing, but for the answer where Count makes it.
func TestMemoryAllocations(t *testing.T) {
	m := openMemory(t, counter.MemoryOptions{Now: countertest.NewClock().Now})
	adds, reads := ofMessage(1, 1)
	out := make([]float64, len(reads))
	both := func() {
		if err := m.CountInto(out, adds, reads); err != nil {
			t.Fatal(err)
		}
	}
	both()
	if n := testing.AllocsPerRun(100, both); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
