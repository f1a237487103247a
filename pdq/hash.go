package pdq

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Size is the length of a hash in bytes.
const Size = 32

// Hash is a PDQ hash: 256 bits, one for each of 16×16 frequencies of the
// image. Bit 16·i+j says whether frequency i down and j across is stronger
// than the median of all; bit 0 is the lowest bit of the last byte, so that the
// bytes are in the order in which the hash is written.
type Hash [Size]byte

// Parse reads a hash as String writes it: 64 hexadecimal digits, in either
// case.
func Parse(s string) (Hash, error) {
	var h Hash
	err := h.UnmarshalText([]byte(s))
	return h, err
}

// String is the hash in 64 lower-case hexadecimal digits, as the reference and
// the exchanges of hash lists write it.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Distance is the number of bits, 0 to 256, in which the hashes differ. The
// reference calls two images the same up to 31.
func (h Hash) Distance(other Hash) int {
	n := 0
	for i := 0; i < Size; i += 8 {
		n += bits.OnesCount64(binary.BigEndian.Uint64(h[i:]) ^ binary.BigEndian.Uint64(other[i:]))
	}
	return n
}

// AppendText appends what String gives, and never fails.
func (h Hash) AppendText(b []byte) ([]byte, error) { return hex.AppendEncode(b, h[:]), nil }

// MarshalText is String in bytes, and never fails.
func (h Hash) MarshalText() ([]byte, error) { return h.AppendText(nil) }

// UnmarshalText reads what Parse reads. After an error h is unchanged.
func (h *Hash) UnmarshalText(text []byte) error {
	var read Hash
	if len(text) != hex.EncodedLen(Size) {
		return fmt.Errorf("pdq: a hash has %d hexadecimal digits, not %d characters", hex.EncodedLen(Size), len(text))
	}
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("pdq: a hash has hexadecimal digits only: %w", err)
	}
	*h = read
	return nil
}

// AppendBinary appends the 32 bytes of the hash, and never fails.
func (h Hash) AppendBinary(b []byte) ([]byte, error) { return append(b, h[:]...), nil }

// MarshalBinary is the 32 bytes of the hash, and never fails.
func (h Hash) MarshalBinary() ([]byte, error) { return h.AppendBinary(nil) }

// UnmarshalBinary reads 32 bytes. After an error h is unchanged.
func (h *Hash) UnmarshalBinary(data []byte) error {
	if len(data) != Size {
		return fmt.Errorf("pdq: a hash has %d bytes, not %d", Size, len(data))
	}
	copy(h[:], data)
	return nil
}
