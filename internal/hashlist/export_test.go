package hashlist

import "context"

// FlushHits writes down what matched, at once instead of soon.
func (l *Lists) FlushHits(ctx context.Context) error { return l.flushHits(ctx) }

// RowsRead is how many entries were read from the database to make the index.
func (l *Lists) RowsRead() int64 { return l.rowsRead.Load() }
