package hamming

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// BenchmarkSearch has radius 31; half the queries are near an entry and half
// are random. A scan of the same codes in the same run is the reference: how
// many searches take as long, by their medians, is given as p50-scans.
func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		for _, data := range []struct {
			name string
			make func(*rand.Rand, int) []Entry
		}{{"uniform", uniform}, {"clustered", clustered}} {
			b.Run(fmt.Sprintf("%s/%d", data.name, n), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, uint64(n)))
				entries := data.make(r, n)
				queries := make([]Code, 1000)
				for i := range queries {
					queries[i] = random(r)
					if i%2 == 0 {
						queries[i] = flipped(r, entries[r.IntN(n)].Code, r.IntN(32))
					}
				}
				x := New()
				x.AddAll(slices.Clone(entries))
				benchmarkSearch(b, x, entries, queries)
			})
		}
	}
}

func benchmarkSearch(b *testing.B, x *Index, entries []Entry, queries []Code) {
	const radius = 31
	found := 0
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		for range x.Search(queries[i%len(queries)], radius) {
			found++
		}
		took = append(took, time.Since(start))
	}
	mean := b.Elapsed() / time.Duration(b.N)

	var scans []time.Duration
	for _, q := range queries[:21] {
		start := time.Now()
		for i := range entries {
			if q.Distance(entries[i].Code) <= radius {
				found++
			}
		}
		scans = append(scans, time.Since(start))
	}
	if found == 0 {
		b.Fatal("nothing is found")
	}

	slices.Sort(took)
	slices.Sort(scans)
	b.ReportMetric(float64(time.Second)/float64(mean), "searches/s")
	b.ReportMetric(float64(scans[len(scans)/2])/float64(took[len(took)/2]), "p50-scans")
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

// BenchmarkBuild has a million codes, and says what an entry weighs.
func BenchmarkBuild(b *testing.B) {
	entries := uniform(rand.New(rand.NewPCG(1, 1)), 1_000_000)
	for b.Loop() {
		before := heap()
		x := New()
		x.AddAll(entries)
		b.ReportMetric(float64(heap()-before)/float64(len(entries)), "B/entry")
		runtime.KeepAlive(x)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRead reads a snapshot of a million entries from memory.
func BenchmarkRead(b *testing.B) {
	x := New()
	x.AddAll(uniform(rand.New(rand.NewPCG(1, 1)), 1_000_000))
	written := snapshot(b, x)
	b.SetBytes(int64(len(written)))
	for b.Loop() {
		if _, err := Read(bytes.NewReader(written)); err != nil {
			b.Fatal(err)
		}
	}
}
