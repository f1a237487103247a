package counter_test

import (
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/counter/countertest"
)

func TestMemory(t *testing.T) {
	countertest.Run(t, func(t *testing.T, now func() time.Time) counter.Store {
		return openMemory(t, counter.MemoryOptions{Now: now})
	})
}

func openMemory(t testing.TB, o counter.MemoryOptions) *counter.Memory {
	t.Helper()
	o.Secret = counter.Secret{1, 2, 3}
	m, err := counter.OpenMemory(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}
