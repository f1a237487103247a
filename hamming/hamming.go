// Package hamming finds 256-bit codes near a given one, such as PDQ hashes of
// images, exactly: every entry within the radius, and no other.
//
// An Index is a set of entries, pairs of a code and an id. Additions go to a
// short tail, which searches scan. Full tails are merged in the background
// into immutable segments, where each distinct code is kept once with its ids
// and its bits are cut into bands. Of two codes at most r bits apart, some
// band differs in at most r_i bits, for any radii r_i with Σ(r_i+1) = r+1 (the
// generalised pigeonhole principle), so looking up the few keys near the
// query's in each band finds everything. Beside each code a band keeps the
// bits of the next: those two together can't differ in more than r_i+r_j+1
// bits, for some band and the one after it (the pigeonring principle), which
// rules out nearly all codes that are not near before they are read. The radii
// are chosen for each search; where the data fills some buckets so much that
// no choice pays, the segment is scanned instead.
//
// The design follows Norouzi, Punjani and Fleet, "Fast exact search in Hamming
// space with multi-index hashing" (2014), for the radii Qin et al., "GPH:
// similarity search in Hamming space" (2018), and for the ring Qin and Xiao,
// "Pigeonring: a principle for faster thresholded similarity search" (2018).
package hamming

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
)

// Size is the number of bits of a code, and so the greatest distance.
const Size = 256

// Code is 256 bits. Bit 63 of word 0 is the first, as in the hexadecimal form.
type Code [4]uint64

// Parse reads 64 hexadecimal digits of either case, first bit first. The
// error does not repeat what it was given.
func Parse(s string) (Code, error) {
	var b [Size / 8]byte
	if len(s) != hex.EncodedLen(len(b)) {
		return Code{}, fmt.Errorf("hamming: a code has %d hexadecimal digits, not %d", hex.EncodedLen(len(b)), len(s))
	}
	if _, err := hex.Decode(b[:], []byte(s)); err != nil {
		return Code{}, fmt.Errorf("hamming: a code has hexadecimal digits only")
	}
	var c Code
	for i := range c {
		c[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return c, nil
}

// String is the code as 64 hexadecimal digits in lower case.
func (c Code) String() string {
	return fmt.Sprintf("%016x%016x%016x%016x", c[0], c[1], c[2], c[3])
}

// Distance is the number of bits, 0 to 256, in which two codes differ.
func (c Code) Distance(d Code) int {
	return bits.OnesCount64(c[0]^d[0]) + bits.OnesCount64(c[1]^d[1]) +
		bits.OnesCount64(c[2]^d[2]) + bits.OnesCount64(c[3]^d[3])
}

// Compare orders codes as their hexadecimal forms are ordered: -1, 0 or 1.
func (c Code) Compare(d Code) int {
	for i := range c {
		if c[i] != d[i] {
			return cmp.Compare(c[i], d[i])
		}
	}
	return 0
}

// Entry is a code and what the caller knows it by. Several entries may share
// a code, or an id.
type Entry struct {
	Code Code
	ID   uint64
}

func (e Entry) compare(f Entry) int {
	if c := e.Code.Compare(f.Code); c != 0 {
		return c
	}
	return cmp.Compare(e.ID, f.ID)
}

// Match is an entry that a search found.
type Match struct {
	Entry
	Distance int // bits in which its code differs from the one looked for
}

// near gives the position and distance of each code within radius of q, until
// yield returns false, and reports whether it never did. Most codes that are
// not near don't look it in two of their words, and are left after these.
func near(codes []Code, q Code, radius int, yield func(i, distance int) bool) bool {
	w := telling(codes, q)
	q = Code{q[w[0]&3], q[w[1]&3], q[w[2]&3], q[w[3]&3]}
	for i := range codes {
		c := &codes[i]
		d := bits.OnesCount64(c[w[0]&3]^q[0]) + bits.OnesCount64(c[w[1]&3]^q[1])
		if d > radius {
			continue
		}
		d += bits.OnesCount64(c[w[2]&3]^q[2]) + bits.OnesCount64(c[w[3]&3]^q[3])
		if d <= radius && !yield(i, d) {
			return false
		}
	}
	return true
}

// telling is the words of a code, those first in which a few of the codes
// differ most from q: all codes may be like q in the others.
func telling(codes []Code, q Code) [4]uint8 {
	var differ [4]int
	const few = 16
	for i := 0; i < len(codes); i += len(codes)/few + 1 {
		for w := range differ {
			differ[w] += bits.OnesCount64(codes[i][w] ^ q[w])
		}
	}
	words := [4]uint8{0, 1, 2, 3}
	slices.SortStableFunc(words[:], func(a, b uint8) int { return differ[b] - differ[a] })
	return words
}
