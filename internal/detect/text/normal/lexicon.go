package normal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// A Lexicon knows ordinary words: how rare each is and, for some, its class. It is
// a hash table of fingerprints, so it takes about 1 in 10,000 words for one that it
// knows; what it is asked for is only how to read a word that may be disguised.
type Lexicon struct {
	slots []uint32 // fingerprint (16 bits), class (8), cost (8); 0 is empty
	shift uint
}

// An Entry is what a Lexicon knows of a word.
type Entry struct {
	Cost  uint8 // 1 for the most frequent words to 255; 0 for a word that it does not know
	Class uint8 // the caller's; 0 for none
}

// A LexiconWord is a word to put into a Lexicon.
type LexiconWord struct {
	Word string
	Entry
}

// NewLexicon builds a Lexicon. Of two words with one fingerprint, the first stays.
func NewLexicon(words []LexiconWord) *Lexicon {
	size := 1 << max(4, bits.Len(uint(2*len(words))))
	l := &Lexicon{slots: make([]uint32, size), shift: uint(64 - bits.TrailingZeros(uint(size)))}
	for _, w := range words {
		h := Hash([]byte(w.Word))
		i := h >> l.shift
		for l.slots[i] != 0 && l.slots[i]>>16 != fingerprint(h) {
			i = (i + 1) & uint64(size-1)
		}
		if l.slots[i] == 0 {
			l.slots[i] = fingerprint(h)<<16 | uint32(w.Class)<<8 | uint32(max(w.Cost, 1))
		}
	}
	return l
}

// Hash is the 64-bit hash by which a Lexicon knows a word (FNV-1a, mixed).
func Hash(word []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range word {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return Mix(h)
}

// Mix spreads the bits of h (the finalizer of MurmurHash3, shortened).
func Mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>29
}

func fingerprint(h uint64) uint32 { return uint32(h) & 0xffff }

// Of gives what the Lexicon knows of the word with this Hash.
func (l *Lexicon) Of(hash uint64) Entry {
	want := fingerprint(hash)
	size := uint64(len(l.slots) - 1)
	for i := hash >> l.shift; ; i = (i + 1) & size {
		s := l.slots[i]
		if s == 0 {
			return Entry{}
		}
		if s>>16 == want {
			return Entry{Cost: uint8(s), Class: uint8(s >> 8)}
		}
	}
}

// cost is that of a word, 0 if it is not known.
func (l *Lexicon) cost(word []byte) int { return int(l.Of(Hash(word)).Cost) }

// MarshalBinary gives the table: its size, then its slots, little-endian.
func (l *Lexicon) MarshalBinary() ([]byte, error) {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(l.slots)))
	for _, s := range l.slots {
		b = binary.LittleEndian.AppendUint32(b, s)
	}
	return b, nil
}

const maxLexicon = 1 << 20 // slots

// UnmarshalBinary reads what MarshalBinary wrote.
func (l *Lexicon) UnmarshalBinary(b []byte) error {
	if len(b) < 4 {
		return errors.New("lexicon: cut short")
	}
	size := int(binary.LittleEndian.Uint32(b))
	if size < 16 || size > maxLexicon || bits.OnesCount(uint(size)) != 1 || len(b) != 4+4*size {
		return fmt.Errorf("lexicon: %d slots in %d bytes", size, len(b))
	}
	slots := make([]uint32, size)
	full := 0
	for i := range slots {
		slots[i] = binary.LittleEndian.Uint32(b[4+4*i:])
		if slots[i] != 0 {
			full++
		}
	}
	if full > size*3/4 { // a search ends only at an empty slot
		return fmt.Errorf("lexicon: %d of %d slots are full", full, size)
	}
	l.slots, l.shift = slots, uint(64-bits.TrailingZeros(uint(size)))
	return nil
}
