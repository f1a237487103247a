package db_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// BenchmarkInsert commits rows of 1 KiB with a unique random key of 16 bytes,
// as a journal does: one, then a hundred in a transaction, in a table that has
// so many rows already. BREAKWATER_BENCH_ROWS adds a size, such as 2000000.
// ns/op is of a transaction, p99-ms what one in a hundred exceeds.
func BenchmarkInsert(b *testing.B) {
	sizes := []int{10_000}
	if more, err := strconv.Atoi(os.Getenv("BREAKWATER_BENCH_ROWS")); err == nil {
		sizes = append(sizes, more)
	}
	for _, size := range sizes {
		t := table{body: make([]byte, 1<<10)}
		b.Run(fmt.Sprintf("engine=sqlite/rows=%d", size), func(b *testing.B) {
			t.DB = dbtest.Open(b, dbtest.SQLite(b), rowTable)
			for t.rows < size {
				t.commit(b, min(1000, size-t.rows))
			}
			for _, group := range []int{1, 100} {
				b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) { t.measure(b, group) })
			}
		})
	}
}

type table struct {
	*db.DB
	rows int
	body []byte
}

func (t *table) measure(b *testing.B, group int) {
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		t.commit(b, group)
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(group*len(times))/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
}

func (t *table) commit(b *testing.B, rows int) {
	ctx := b.Context()
	err := t.Tx(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, `INSERT INTO row_row (id, key, body, ok) VALUES ($1, $2, $3, true)`)
		if err != nil {
			return err
		}
		defer insert.Close()
		for range rows {
			key := make([]byte, 16)
			rand.Read(key)
			t.rows++
			if _, err := insert.ExecContext(ctx, t.rows, key, t.body); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
