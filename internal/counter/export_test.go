package counter

import "context"

// SweepNow removes the elements of who is forgotten at once.
func (r *Redis) SweepNow(ctx context.Context) error { return r.sweep(ctx) }

// SweepNow removes what has expired at once.
func (m *Memory) SweepNow() { m.sweep() }

// LongestPause is how long it may take until Redis is asked whether it is back.
const LongestPause = longPause
