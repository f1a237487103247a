package hashlist

import "context"

// FlushHits writes down what matched, at once instead of soon.
func (l *Lists) FlushHits(ctx context.Context) error { return l.flushHits(ctx) }

// RowsRead is how many entries were read from the database to make the index.
func (l *Lists) RowsRead() int64 { return l.rowsRead.Load() }

// Tolerate has an index made anew if more than n of its entries, and a quarter
// of them, are of banks that are gone.
func (l *Lists) Tolerate(n int64) {
	l.following.Lock()
	defer l.following.Unlock()
	l.tolerated = n
}
