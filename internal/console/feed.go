package console

import (
	"crypto/rand"
	"sync"
)

// feedSize is how many events are remembered.
const feedSize = 200

// feed is the latest events, in memory. Readers come and fetch: a slow one
// misses events, and nobody waits for it.
type feed struct {
	run string // names this run of the server: event numbers begin anew with it

	mu    sync.Mutex
	cards [feedSize]*card // card n is at n % feedSize
	total uint64
}

func newFeed() *feed { return &feed{run: rand.Text()} }

func (f *feed) add(c *card) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total++
	c.Number = f.total
	f.cards[c.Number%feedSize] = c
}

// after returns the latest cards, at most limit, after number n, oldest first,
// and how many there have been in all.
func (f *feed) after(n uint64, limit int) (cards []*card, total uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := min(f.total-min(n, f.total), feedSize, uint64(limit))
	for i := f.total - fresh + 1; i <= f.total; i++ {
		cards = append(cards, f.cards[i%feedSize])
	}
	return cards, f.total
}
