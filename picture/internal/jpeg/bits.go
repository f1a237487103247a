package jpeg

import (
	"bytes"
	"encoding/binary"
)

// bits reads the bits of one stretch of entropy-coded data, up to a marker.
// Past its end come zeros, and overrun tells.
type bits struct {
	data []byte // without stuffing, and 8 zeros behind
	end  int    // of data, without those
	at   int    // next byte to take
	acc  uint64 // bits taken and not used, the next one highest
	n    uint   // how many
}

// load takes the stretch at the beginning of file, and says how long it is.
func (b *bits) load(file []byte) int {
	b.data = b.data[:0]
	at := 0
	for {
		next := bytes.IndexByte(file[at:], 0xff)
		if next < 0 {
			b.data = append(b.data, file[at:]...)
			at = len(file)
			break
		}
		b.data = append(b.data, file[at:at+next]...)
		at += next
		if at+1 >= len(file) || file[at+1] != 0 {
			break
		}
		b.data = append(b.data, 0xff)
		at += 2
	}
	b.end, b.at, b.acc, b.n = len(b.data), 0, 0, 0
	b.data = append(b.data, 0, 0, 0, 0, 0, 0, 0, 0)
	return at
}

// skip says how long the stretch at the beginning of file is.
func skip(file []byte) int {
	at := 0
	for {
		next := bytes.IndexByte(file[at:], 0xff)
		if next < 0 {
			return len(file)
		}
		at += next
		if at+1 >= len(file) || file[at+1] != 0 {
			return at
		}
		at += 2
	}
}

// refill makes 56 bits ready at least.
func (b *bits) refill() {
	b.acc, b.n, b.at = refilled(b.data, b.end, b.acc, b.n, b.at)
}

// refilled is refill on what a loop keeps in registers.
func refilled(data []byte, end int, acc uint64, n uint, at int) (uint64, uint, int) {
	if at <= end {
		acc |= binary.BigEndian.Uint64(data[at:]) >> (n & 63)
	}
	return acc, n | 56, at + int(63-n)>>3
}

// overrun reports whether more was read than there is.
func (b *bits) overrun() bool { return b.at*8-int(b.n) > b.end*8 }

// take reads up to 16 bits.
func (b *bits) take(count uint) int32 {
	if b.n < 32 {
		b.refill()
	}
	v := int32(b.acc >> (64 - count))
	b.acc <<= count
	b.n -= count
	return v
}

// signed is a number as JPEG writes it in so many bits, one at least: the
// lower half of their values is negative.
func signed(v int32, count uint) int32 {
	if v < 1<<(count-1) {
		v -= 1<<count - 1
	}
	return v
}
