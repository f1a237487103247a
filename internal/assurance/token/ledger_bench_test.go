package token_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// BenchmarkSpend is tokens that become durable, two thousand callers at a
// time; the aim is 10,000 a second. BREAKWATER_BENCH_ROWS is how many were spent
// before. B/nullifier is of the file, on SQLite.
func BenchmarkSpend(b *testing.B) {
	rows, _ := strconv.Atoi(os.Getenv("BREAKWATER_BENCH_ROWS"))
	for engine, dsn := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run("engine="+engine, func(b *testing.B) {
			at := dsn(b)
			d := dbtest.Open(b, at, token.Migrations())
			l, err := token.OpenLedger(b.Context(), d, token.LedgerOptions{})
			if err != nil {
				b.Fatal(err)
			}
			var next atomic.Uint64
			spend := func(n int) {
				var wg sync.WaitGroup
				end := next.Load() + uint64(n)
				for range 2000 {
					wg.Go(func() {
						for i := next.Add(1); i <= end; i = next.Add(1) {
							if err := l.Spend(context.Background(), epochOfTests, numbered(i)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				next.Store(end)
			}
			spend(max(rows, 100_000))
			b.ResetTimer()
			spend(b.N)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			spent := next.Load()
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
			if err := d.Close(); err != nil {
				b.Fatal(err)
			}
			if d.Engine == db.SQLite {
				info, err := os.Stat(filepath.Clean(at))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/float64(spent), "B/nullifier")
			}
		})
	}
}

// numbered is a nullifier of its own for each number.
func numbered(i uint64) (n agetoken.Nullifier) {
	binary.BigEndian.PutUint64(n[:], i)
	return n
}
