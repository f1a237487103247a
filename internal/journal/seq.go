package journal

import (
	"strings"
	"sync/atomic"
	"time"
)

// A sequence number is time-ordered and unique: milliseconds since epoch,
// then who made it, then a counter.
const (
	instanceBits = 10
	counterBits  = 12
	maxInstance  = 1<<instanceBits - 1
	maxCounter   = 1<<counterBits - 1
)

// epoch is 2020-01-01; 41 bits of milliseconds last until 2089.
const epoch = 1_577_836_800_000

// clock gives (milliseconds, counter) pairs that only ever go up, whatever
// the machine's clock does. More than 4,096 in a millisecond borrow from the
// next one.
type clock struct{ last atomic.Int64 }

func (c *clock) next(now time.Time) (ms, counter int64) {
	wall := max(0, now.UnixMilli()-epoch) << counterBits
	for {
		last := c.last.Load()
		next := max(last+1, wall)
		if c.last.CompareAndSwap(last, next) {
			return next >> counterBits, next & maxCounter
		}
	}
}

// NextSeq is a new sequence number, above every earlier one of this log.
func (l *Log) NextSeq() int64 {
	ms, counter := l.clock.next(l.opt.Now())
	return ms<<(instanceBits+counterBits) | l.instance<<counterBits | counter
}

// stale reports whether seq was made too long ago to be written now, by the
// log's clock.
func (l *Log) stale(seq int64) bool {
	now := max(l.opt.Now().UnixMilli()-epoch, l.clock.last.Load()>>counterBits)
	return now-seq>>(instanceBits+counterBits) > mayWait.Milliseconds()
}

// SeqTime is when seq was made, in whole milliseconds, by the log's clock: it
// is the machine's, except that it never goes back.
func SeqTime(seq int64) time.Time {
	return time.UnixMilli(seq>>(instanceBits+counterBits) + epoch).UTC()
}

// firstSeq is the least sequence number of a time.
func firstSeq(t time.Time) int64 {
	return max(0, t.UnixMilli()-epoch) << (instanceBits + counterBits)
}

const (
	idPrefix   = "d_"
	idLength   = 13                                 // 13 × 5 bits hold 64
	idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32: in order, none mistaken for another
)

// ID is the name of a decision. Names sort as their sequence numbers do.
func ID(seq int64) string {
	var b [len(idPrefix) + idLength]byte
	copy(b[:], idPrefix)
	for i := len(b) - 1; i >= len(idPrefix); i-- {
		b[i] = idAlphabet[seq&31]
		seq >>= 5
	}
	return string(b[:])
}

// Seq is the sequence number that a decision's name holds, if it is one.
func Seq(id string) (int64, bool) {
	digits, ok := strings.CutPrefix(id, idPrefix)
	if !ok || len(digits) != idLength || digits[0] > '7' {
		return 0, false
	}
	var seq int64
	for i := range len(digits) {
		digit := strings.IndexByte(idAlphabet, digits[i])
		if digit < 0 {
			return 0, false
		}
		seq = seq<<5 | int64(digit)
	}
	return seq, true
}
