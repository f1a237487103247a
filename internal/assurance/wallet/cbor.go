package wallet

import (
	"encoding/binary"
	"errors"
)

// Major types of CBOR (RFC 8949 §3.1), as the first byte has them.
const (
	cborUnsigned = 0x00
	cborNegative = 0x20
	cborBytes    = 0x40
	cborText     = 0x60
	cborArray    = 0x80
	cborMap      = 0xa0
	cborTag      = 0xc0

	cborFalse = 0xf4
	cborNull  = 0xf6

	// tagEncoded marks bytes that are CBOR themselves.
	tagEncoded = 24
)

// encoder writes CBOR in its shortest form.
type encoder []byte

func (e *encoder) head(major byte, n int) *encoder {
	switch {
	case n < 24:
		*e = append(*e, major|byte(n))
	case n < 1<<8:
		*e = append(*e, major|24, byte(n))
	case n < 1<<16:
		*e = binary.BigEndian.AppendUint16(append(*e, major|25), uint16(n))
	default:
		*e = binary.BigEndian.AppendUint32(append(*e, major|26), uint32(n))
	}
	return e
}

func (e *encoder) text(s string) *encoder {
	e.head(cborText, len(s))
	*e = append(*e, s...)
	return e
}

func (e *encoder) bytes(b []byte) *encoder {
	e.head(cborBytes, len(b))
	*e = append(*e, b...)
	return e
}

func (e *encoder) raw(b ...byte) *encoder {
	*e = append(*e, b...)
	return e
}

var errCBOR = errors.New("not the CBOR that was expected")

// decoder reads the one structure that it is told, and nothing else. Once it
// has failed it stays so.
type decoder struct {
	data []byte
	err  error
}

// head reads a head of the major type and gives its number.
func (d *decoder) head(major byte) int {
	if d.err != nil || len(d.data) == 0 || d.data[0]&0xe0 != major {
		d.err = errCBOR
		return 0
	}
	low, rest := int(d.data[0]&0x1f), d.data[1:]
	if low < 24 {
		d.data = rest
		return low
	}
	if low > 26 {
		d.err = errCBOR
		return 0
	}
	size := 1 << (low - 24)
	if len(rest) < size {
		d.err = errCBOR
		return 0
	}
	n := 0
	for _, b := range rest[:size] {
		n = n<<8 | int(b)
	}
	if size == 1 && n < 24 || size > 1 && n < 1<<(8*size/2) { // not the shortest form
		d.err = errCBOR
	}
	d.data = rest[size:]
	return n
}

// content reads a string of the major type.
func (d *decoder) content(major byte) []byte {
	n := d.head(major)
	if d.err != nil || n > len(d.data) {
		d.err = errCBOR
		return nil
	}
	content := d.data[:n:n]
	d.data = d.data[n:]
	return content
}

// end says whether all was as expected, to the last byte.
func (d *decoder) end() error {
	if d.err == nil && len(d.data) > 0 {
		d.err = errCBOR
	}
	return d.err
}
