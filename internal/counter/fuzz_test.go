package counter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/counter/countertest"
)

// FuzzMemory holds the store to counting by hand. Four bytes are a step: what
// is added to whom, how late it is, how long passed, and the window read.
func FuzzMemory(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07"))
	f.Add([]byte("breakwater counts what nobody sees in a single message"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		clock := countertest.NewClock()
		m := openMemory(t, counter.MemoryOptions{Bytes: counter.LeastBytes, Now: clock.Now})
		naive := countertest.Naive{}
		const keep = 6 * time.Hour
		for ; len(steps) >= 4; steps = steps[4:] {
			clock.Turn(time.Duration(steps[2]) * 7 * time.Second)
			now := clock.Now()
			owner := fmt.Sprint(steps[0] >> 6)
			add := counter.Add{Counter: "a", Owner: owner, Element: fmt.Sprint(steps[0] & 63), At: now.Add(-time.Duration(steps[1]) * 2 * time.Minute), Keep: keep}
			read := counter.Read{Counter: "a", Owner: owner, Window: max(time.Duration(steps[3])*keep/255, time.Second), At: now}
			// Beyond Keep and Late an element is not taken in, which no window shows.
			naive.Add(add)
			got, err := m.Count(t.Context(), []counter.Add{add, add}, []counter.Read{read, read})
			if err != nil {
				t.Fatal(err)
			}
			if want := naive.Read(read); got[0] != want || got[1] != want {
				t.Fatalf("%+v after %+v: %v, want %v", read, add, got, want)
			}
		}
	})
}
