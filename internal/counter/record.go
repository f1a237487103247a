package counter

import "encoding/binary"

// A record is an exact count in a shard's arena, without pointers, little
// endian:
//
//	0  rest of the digest of counter and owner  uint32
//	4  lag, see lagOf                           uint32
//	8  number of the counter                    uint16
//	10 elements                                 uint8
//	11 elements that there is room for          uint8
//	12 elements, in no order                    uint64 each: digest, time
type record []byte

const (
	recordHead  = 12
	elementSize = 8
)

// recordSize is the length of a record with room for so many elements.
func recordSize(room int) int { return recordHead + elementSize*room }

func (r record) rest() uint32    { return binary.LittleEndian.Uint32(r) }
func (r record) lag() uint32     { return binary.LittleEndian.Uint32(r[4:]) }
func (r record) counter() uint16 { return binary.LittleEndian.Uint16(r[8:]) }
func (r record) len() int        { return int(r[10]) }
func (r record) room() int       { return int(r[11]) }

func (r record) setRoom(room int)  { r[11] = uint8(room) }
func (r record) setLag(lag uint32) { binary.LittleEndian.PutUint32(r[4:], lag) }

func (r record) set(rest, lag uint32, counter uint16, room int) {
	binary.LittleEndian.PutUint32(r, rest)
	binary.LittleEndian.PutUint32(r[4:], lag)
	binary.LittleEndian.PutUint16(r[8:], counter)
	r[10], r[11] = 0, uint8(room)
}

func (r record) element(i int) element {
	return element(binary.LittleEndian.Uint64(r[recordHead+elementSize*i:]))
}

func (r record) setElement(i int, e element) {
	binary.LittleEndian.PutUint64(r[recordHead+elementSize*i:], uint64(e))
}

// element is the digest of what is counted, and when it was last.
type element uint64

func elementOf(digest, at uint32) element { return element(digest)<<32 | element(at) }

func (e element) digest() uint32 { return uint32(e >> 32) }
func (e element) at() uint32     { return uint32(e) }

// put takes e in if its digest is there or there is room.
func (r record) put(e element) bool {
	n := r.len()
	for i := range n {
		if had := r.element(i); had.digest() == e.digest() {
			if e.at() > had.at() {
				r.setElement(i, e)
			}
			return true
		}
	}
	if n == r.room() {
		return false
	}
	r.setElement(n, e)
	r[10]++
	return true
}

// count is the number of elements in (from, to].
func (r record) count(from, to uint32) int {
	in := 0
	for i := range r.len() {
		if at := r.element(i).at(); at > from && at <= to {
			in++
		}
	}
	return in
}

// newest is the latest time of an element.
func (r record) newest() uint32 {
	var newest uint32
	for i := range r.len() {
		newest = max(newest, r.element(i).at())
	}
	return newest
}

// keep removes every element that is not to stay, and says how many it were.
func (r record) keep(stays func(element) bool) int {
	removed := 0
	for i := 0; i < r.len(); {
		if stays(r.element(i)) {
			i++
			continue
		}
		r[10]--
		r.setElement(i, r.element(r.len()))
		removed++
	}
	return removed
}

// A count has a clock of its own: its lag is how far the freshest element was
// behind the store's clock when it came, and it expires by that. So a log of
// last year is counted like one of today, and an element from the future takes
// no other's place.

// lagOf is how far at is behind now.
func lagOf(at, now uint32) uint32 { return now - min(at, now) }

// expired reports whether what is of the time at, and is held for hold
// seconds, is over for a count with that lag.
func expired(at, hold, lag, now uint32) bool {
	return int64(at)+int64(hold) < int64(now)-int64(lag)
}
