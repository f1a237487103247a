package hashlist_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/detect/link"
	"github.com/breakwater-project/breakwater/internal/hashlist"
)

// clock is a clock that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func options(t testing.TB, c *clock) hashlist.Options {
	t.Helper()
	return hashlist.Options{
		Key: [32]byte{1, 2, 3}, Canonical: link.Canonical, Now: c.now, Dir: t.TempDir(),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func open(t testing.TB, d *db.DB, o hashlist.Options) *hashlist.Lists {
	t.Helper()
	l, err := hashlist.Open(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func shut(t testing.TB, l *hashlist.Lists) {
	t.Helper()
	must(t, l.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

// logTo is a log into memory.
func logTo(b *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
