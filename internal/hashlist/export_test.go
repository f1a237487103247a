package hashlist

import "context"

// FlushHits writes down what matched, at once instead of soon.
func (l *Lists) FlushHits(ctx context.Context) error { return l.flushHits(ctx) }
