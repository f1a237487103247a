package hashlist_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/hamming"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// benchEntries is how many entries benchmarks have, half of them PDQ hashes
// with a digest: BREAKWATER_BENCH_ENTRIES, or a hundred thousand.
func benchEntries(b *testing.B) int {
	b.Helper()
	n, err := strconv.Atoi(os.Getenv("BREAKWATER_BENCH_ENTRIES"))
	if err != nil {
		return 100_000
	}
	return n
}

// code is hash number n of the bank.
func code(n int) hamming.Code {
	r := rand.New(rand.NewPCG(uint64(n), 11))
	return hamming.Code{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
}

// near is a hash that is not far from number n.
func near(r *rand.Rand, n int) string {
	c := code(n)
	for range r.IntN(20) {
		c[r.IntN(4)] ^= 1 << r.IntN(64)
	}
	return c.String()
}

// filled opens lists with n entries. It keeps them for the next run where
// BREAKWATER_BENCH_DIR says so.
func filled(b *testing.B, n int) (*db.DB, hashlist.Options) {
	b.Helper()
	dir := os.Getenv("BREAKWATER_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	d, err := db.Open(b.Context(), db.Options{Dir: dir})
	must(b, err)
	b.Cleanup(func() { must(b, d.Close()) })
	must(b, db.Migrate(b.Context(), d, hashlist.Migrations()))
	o := hashlist.Options{Now: time.Now, Dir: filepath.Join(dir, "index")}
	banks := hashlist.New(d, o)
	if have, err := banks.Bank(b.Context(), "ALL"); err == nil && have.Entries >= int64(n) {
		return d, o
	}
	_, _ = banks.Create(b.Context(), hashlist.NewBank("ALL")) // it may be there
	began := time.Now()
	for from := 0; from < n; from += 5000 {
		var entries []hashlist.Entry
		for i := from; i < min(n, from+5000); i++ {
			e := hashlist.Entry{ID: fmt.Sprintf("76-%d", i), Hashes: hashlist.Hashes{PDQ: code(i).String()}}
			if i%2 == 0 {
				var sum [16]byte
				for j := range sum {
					sum[j] = byte(code(i)[j%4] >> (j * 3))
				}
				e.Hashes.MD5 = hex.EncodeToString(sum[:])
			}
			entries = append(entries, e)
		}
		must(b, second(banks.Apply(b.Context(), "ALL", hashlist.Change{Upserts: entries})))
	}
	b.Logf("filled with %d entries in %.1f s", n, time.Since(began).Seconds())
	return d, o
}

func opened(b *testing.B, d *db.DB, o hashlist.Options) *hashlist.Lists {
	b.Helper()
	l := open(b, d, o)
	must(b, l.Ready(b.Context()))
	return l
}

// BenchmarkMatch looks up hashes of which half are near one that is known.
func BenchmarkMatch(b *testing.B) {
	n := benchEntries(b)
	d, o := filled(b, n)
	l := opened(b, d, o)
	defer func() { must(b, l.Close()) }()
	b.ReportAllocs()
	b.ResetTimer()
	var seeds atomic.Uint64
	b.RunParallel(func(p *testing.PB) {
		r := rand.New(rand.NewPCG(seeds.Add(1), 3))
		for p.Next() {
			q := hashlist.Query{}
			q.PDQ = near(r, r.IntN(2*n))
			if _, err := l.Match(b.Context(), q); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkMatchHTTP is the same over HTTP on the loopback address, caller and
// server on the same processors.
func BenchmarkMatchHTTP(b *testing.B) {
	n := benchEntries(b)
	d, o := filled(b, n)
	l := opened(b, d, o)
	defer func() { must(b, l.Close()) }()
	api := web.New(web.Options{Rate: 1e9, Burst: 1e9, Authenticate: func(context.Context, string) (keys.Principal, error) {
		return keys.Principal{ID: "k", Roles: []keys.Role{keys.Platform}}, nil
	}})
	(&hashlist.API{Lists: l, HashBytes: 1 << 20, ImageBytes: 1 << 20, ImportBytes: 1 << 20}).Routes(api)
	server := httptest.NewServer(api)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	client := &http.Client{Transport: transport}
	var seeds atomic.Uint64
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		r := rand.New(rand.NewPCG(seeds.Add(1), 3))
		for p.Next() {
			body := `{"hash":{"pdq":"` + near(r, r.IntN(2*n)) + `"}}`
			req, err := http.NewRequestWithContext(b.Context(), "POST", server.URL+"/v1/match", strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer k")
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			if resp.StatusCode != http.StatusOK {
				b.Errorf("status %d", resp.StatusCode)
			}
			must(b, resp.Body.Close())
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "matches/s")
	transport.CloseIdleConnections()
}

// BenchmarkRestart opens lists that were closed before.
func BenchmarkRestart(b *testing.B) {
	n := benchEntries(b)
	d, o := filled(b, n)
	must(b, opened(b, d, o).Close()) // leaves a snapshot
	for b.Loop() {
		l := opened(b, d, o)
		b.StopTimer()
		must(b, l.Close())
		b.StartTimer()
	}
}

// BenchmarkLoad makes the index from the database, without a snapshot.
func BenchmarkLoad(b *testing.B) {
	n := benchEntries(b)
	d, o := filled(b, n)
	for b.Loop() {
		o.Dir = b.TempDir()
		l := opened(b, d, o)
		b.StopTimer()
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/float64(n), "heap-B/entry")
		must(b, l.Close())
		b.StartTimer()
	}
}

// BenchmarkApply adds entries, 2,000 in each change.
func BenchmarkApply(b *testing.B) {
	d := dbtest.Open(b, dbtest.SQLite(b), hashlist.Migrations())
	banks := hashlist.New(d, hashlist.Options{Now: time.Now})
	must(b, second(banks.Create(b.Context(), hashlist.NewBank("ALL"))))
	n := 0
	for b.Loop() {
		entries := make([]hashlist.Entry, 2000)
		for i := range entries {
			n++
			entries[i] = hashlist.Entry{ID: strconv.Itoa(n), Hashes: hashlist.Hashes{PDQ: code(n).String()}}
		}
		must(b, second(banks.Apply(b.Context(), "ALL", hashlist.Change{Upserts: entries})))
	}
	b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
