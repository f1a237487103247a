package jpeg

import "errors"

// look is the bits of a code that are looked up at once.
const look = 10

// table is a Huffman table. An entry of it tells of the next look bits, from
// its lowest bit: how many bits the code and the number behind it have (6
// bits; 0 where the code is longer than look), whether that number reaches
// beyond the bits looked at (1 bit, apart), the code's symbol (8), which is a
// run of zeros (4) and the number's size (4), and the number itself (16).
type table struct {
	entries [1 << look]uint32
	last    [18]int32 // the last code of each length, -1 where there is none
	first   [17]int32 // what to add to a code of each length for its symbol's place
	symbols [256]byte
	known   bool
}

const (
	lengthOf = 63
	beyond   = 1 << 7
)

var errCodes = errors.New("bad Huffman table")

// define reads a table from the counts of its codes by length, and symbols.
func (t *table) define(counts []byte, symbols []byte) error {
	*t = table{known: true}
	copy(t.symbols[:], symbols)
	code, at := int32(0), 0
	for length := uint(1); length <= 16; length++ {
		count := int(counts[length-1])
		t.first[length] = int32(at) - code
		t.last[length] = -1
		for range count {
			if code >= 1<<length {
				return errCodes
			}
			t.enter(uint32(code), length, t.symbols[at])
			code++
			at++
		}
		if count > 0 {
			t.last[length] = code - 1
		}
		code <<= 1
	}
	return nil
}

func (t *table) enter(code uint32, length uint, symbol byte) {
	if length > look {
		return
	}
	size := uint(symbol & 15)
	spare := look - length
	for rest := range uint32(1) << spare {
		entry := uint32(symbol)<<8 | uint32(length+size)
		switch {
		case size > spare:
			entry |= beyond
		case size > 0:
			entry |= uint32(uint16(signed(int32(rest>>(spare-size)), size))) << 16
		}
		t.entries[code<<spare|rest] = entry
	}
}

// long finds the entry of a code that is longer than look: with its number
// beyond. It is 0 for bits that are no code.
func (t *table) long(acc uint64) uint32 {
	for length := uint(look + 1); length <= 16; length++ {
		code := int32(acc >> (64 - length))
		if code <= t.last[length] {
			symbol := t.symbols[(code+t.first[length])&255]
			return uint32(symbol)<<8 | uint32(length+uint(symbol&15)) | beyond
		}
	}
	return 0
}

// number reads a coefficient whose entry has it beyond.
func number(acc uint64, entry uint32) int32 {
	size := uint(entry >> 8 & 15)
	if size == 0 {
		return 0
	}
	return signed(int32(acc<<(entry&lengthOf-uint32(size))>>(64-size)), size)
}

// difference reads a difference of DC.
func (b *bits) difference(t *table) (int32, error) {
	if b.n < 32 {
		b.refill()
	}
	entry := t.entries[b.acc>>(64-look)]
	if entry == 0 {
		entry = t.long(b.acc)
	}
	if entry == 0 || entry>>8&0xf0 != 0 {
		return 0, errData
	}
	v := int32(entry) >> 16
	if entry&beyond != 0 {
		v = number(b.acc, entry)
	}
	b.acc <<= entry & lengthOf
	b.n -= uint(entry & lengthOf)
	return v, nil
}

// symbol reads a symbol without the number behind it.
func (b *bits) symbol(t *table) (byte, error) {
	if b.n < 32 {
		b.refill()
	}
	entry := t.entries[b.acc>>(64-look)]
	if entry == 0 {
		entry = t.long(b.acc)
	}
	if entry == 0 {
		return 0, errData
	}
	length := uint(entry&lengthOf) - uint(entry>>8&15)
	b.acc <<= length
	b.n -= length
	return byte(entry >> 8), nil
}
