package token_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// epochOfTests is the epoch that tests spend in.
var epochOfTests = agetoken.Epoch{Year: 2026, Month: time.November}

func openLedger(t testing.TB, d *db.DB, o token.LedgerOptions) *token.Ledger {
	t.Helper()
	l, err := token.OpenLedger(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, []db.Source{token.Migrations()}, f)
}

// A thousand spend one token at once, at two servers with one database: one of
// them may.
func TestSpentOnceByAThousand(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		ledgers := []*token.Ledger{openLedger(t, d, token.LedgerOptions{}), openLedger(t, d, token.LedgerOptions{MaxBatch: 7})}
		for round := range uint64(5) {
			var begin, done sync.WaitGroup
			var spent, refused atomic.Int64
			begin.Add(1)
			for i := range 1000 {
				done.Go(func() {
					begin.Wait()
					switch err := ledgers[i%2].Spend(t.Context(), epochOfTests, numbered(round)); {
					case err == nil:
						spent.Add(1)
					case errors.Is(err, agetoken.ErrSpent):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			begin.Done()
			done.Wait()
			if spent.Load() != 1 || refused.Load() != 999 {
				t.Errorf("%d spent it and %d were refused", spent.Load(), refused.Load())
			}
		}
		if n := count(t, d, `SELECT count(*) FROM token_spent`); n != 5 {
			t.Errorf("%d tokens are written down, want 5", n)
		}
	})
}

// Of many tokens, each sent twice and in batches of every size, each is spent
// once.
func TestEachOfManyOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := openLedger(t, d, token.LedgerOptions{})
		var spent, refused atomic.Int64
		for _, size := range []uint64{1, 7, 8, 9, 63, 64, 65, 200} {
			var wg sync.WaitGroup
			for i := range 2 * size {
				wg.Go(func() {
					switch err := l.Spend(t.Context(), epochOfTests, numbered(size<<32+i/2)); {
					case err == nil:
						spent.Add(1)
					case errors.Is(err, agetoken.ErrSpent):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		if want := int64(1 + 7 + 8 + 9 + 63 + 64 + 65 + 200); spent.Load() != want || refused.Load() != want {
			t.Errorf("%d spent and %d refused, want %d each", spent.Load(), refused.Load(), want)
		}
	})
}

func spend(t *testing.T, l *token.Ledger, epoch agetoken.Epoch, n uint64, want error) {
	t.Helper()
	if err := l.Spend(t.Context(), epoch, numbered(n)); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

// What was spent stays so when the server starts again, and one epoch's tokens
// are not another's.
func TestSpentStaysSpent(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := openLedger(t, d, token.LedgerOptions{})
		spend(t, l, epochOfTests, 1, nil)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		spend(t, l, epochOfTests, 2, token.ErrClosed)
		again := openLedger(t, d, token.LedgerOptions{})
		spend(t, again, epochOfTests, 1, agetoken.ErrSpent)
		spend(t, again, epochOfTests, 2, nil)
		spend(t, again, agetoken.Epoch{Year: 2026, Month: time.December}, 1, nil)
	})
}

// With another secret all tokens would be new: such a ledger is not opened.
func TestLedgerRefusesAnotherSecret(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		openLedger(t, d, token.LedgerOptions{Key: [32]byte{1}})
		if l, err := token.OpenLedger(t.Context(), d, token.LedgerOptions{Key: [32]byte{2}}); err == nil {
			t.Error("opened with another secret", l.Close())
		}
		openLedger(t, d, token.LedgerOptions{Key: [32]byte{1}})
	})
}

// What is stored of a token is not the token's own digest.
func TestNullifiersAreKeyed(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		spend(t, openLedger(t, d, token.LedgerOptions{Key: [32]byte{1}}), epochOfTests, 1, nil)
		var stored []byte
		if err := d.Read.QueryRowContext(t.Context(), `SELECT nullifier FROM token_spent`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if own := numbered(1); len(stored) != 16 || string(stored) == string(own[:]) {
			t.Errorf("%x is stored of %x", stored, own)
		}
	})
}

func TestForgetsLapsedEpochsOnly(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := openLedger(t, d, token.LedgerOptions{})
		november, december := epochOfTests, agetoken.Epoch{Year: 2026, Month: time.December}
		for n := range uint64(3) {
			spend(t, l, november, n, nil)
			spend(t, l, december, n, nil)
		}
		for _, step := range []struct {
			at        time.Time
			forgotten int64
		}{
			{november.Lapse().Add(-1), 0}, {november.Lapse(), 3}, {november.Lapse(), 0},
			{december.Lapse().Add(-1), 0}, {december.Lapse().AddDate(1, 0, 0), 3},
		} {
			n, err := l.Forget(t.Context(), step.at)
			if err != nil || n != step.forgotten {
				t.Errorf("at %v: %d forgotten, %v, want %d", step.at, n, err, step.forgotten)
			}
		}
	})
}

// A caller who leaves undoes nothing for the others, and the queue is bounded.
func TestCallersLeave(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		l := openLedger(t, d, token.LedgerOptions{})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Spend(gone, epochOfTests, numbered(1)); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		spend(t, l, epochOfTests, 2, nil)
		spend(t, l, epochOfTests, 1, agetoken.ErrSpent) // it was on its way before 2
	})
}

func TestLedgerBroken(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), token.Migrations())
	l := openLedger(t, d, token.LedgerOptions{})
	if _, err := d.Write.ExecContext(t.Context(), `DROP TABLE token_spent`); err != nil {
		t.Fatal(err)
	}
	if err := l.Spend(t.Context(), epochOfTests, numbered(1)); err == nil || errors.Is(err, agetoken.ErrSpent) {
		t.Errorf("without a table it is %v", err)
	}
}

func count(t testing.TB, d *db.DB, query string) (n int) {
	t.Helper()
	if err := d.Read.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
