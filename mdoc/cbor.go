package mdoc

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Limits of what is decoded. A driving licence with its portrait is under
// 100 kB and 500 items.
const (
	// MaxSize is the most bytes a response may have.
	MaxSize  = 1 << 20
	maxItems = 1 << 14 // an item in memory is a hundred times its byte on the wire
	maxDepth = 16
)

// kind is the major type of a CBOR data item (RFC 8949 §3.1).
type kind byte

const (
	unsigned kind = iota
	negative
	byteString
	textString
	array
	mapping
	tag
	simple
)

// The simple values that are allowed.
const (
	simpleFalse = 20
	simpleTrue  = 21
	simpleNull  = 22
)

// item is one CBOR data item. Its slices lie in the received bytes, cut to
// their length, so that an append can't write over what comes behind them.
type item struct {
	kind    kind
	n       uint64 // the value; of a negative number -1-value; of a tag its number
	content []byte // of a string
	items   []item // of an array; of a map keys and values in turn; of a tag one
	raw     []byte // the whole encoding, as received
}

// decode reads exactly one item in the strict form: definite lengths,
// shortest heads, valid UTF-8, map keys that are numbers or text and come
// once, no floats, no simple values but false, true and null.
func decode(data []byte) (item, error) {
	if len(data) > MaxSize {
		return item{}, fault(TooLarge, "%d bytes, at most %d are read", len(data), MaxSize)
	}
	d := decoder{data: data, left: maxItems}
	it, err := d.item(0)
	if err != nil {
		return item{}, err
	}
	if d.at < len(data) {
		return item{}, fault(TrailingBytes, "%d bytes after the end", len(data)-d.at)
	}
	return it, nil
}

type decoder struct {
	data []byte
	at   int
	left int // items that may still come
}

func (d *decoder) item(depth int) (item, error) {
	start := d.at
	if depth > maxDepth {
		return item{}, fault(TooDeep, "more than %d levels at byte %d", maxDepth, start)
	}
	if d.left--; d.left < 0 {
		return item{}, fault(TooLarge, "more than %d items", maxItems)
	}
	it, err := d.head()
	if err != nil {
		return item{}, err
	}
	switch it.kind {
	case byteString, textString:
		it.content, err = d.take(it.n)
		if err == nil && it.kind == textString && !utf8.Valid(it.content) {
			err = fault(NotUTF8, "text at byte %d", start)
		}
	case array:
		it.items, err = d.sequence(it.n, depth)
	case mapping:
		it.items, err = d.pairs(it.n, depth)
	case tag:
		it.items, err = d.sequence(1, depth)
	}
	if err != nil {
		return item{}, err
	}
	it.raw = d.data[start:d.at:d.at]
	return it, nil
}

// head reads the first byte and the number that follows it.
func (d *decoder) head() (item, error) {
	start := d.at
	first, err := d.take(1)
	if err != nil {
		return item{}, err
	}
	it, info := item{kind: kind(first[0] >> 5)}, first[0]&31
	if it.kind == simple {
		return simpleHead(info, start)
	}
	switch {
	case info < 24:
		it.n = uint64(info)
		return it, nil
	case info == 31:
		return item{}, fault(IndefiniteLength, "at byte %d", start)
	case info > 27:
		return item{}, fault(Malformed, "reserved head at byte %d", start)
	}
	width := uint64(1) << (info - 24)
	following, err := d.take(width)
	if err != nil {
		return item{}, err
	}
	var wide [8]byte
	copy(wide[8-width:], following)
	it.n = binary.BigEndian.Uint64(wide[:])
	least := uint64(24) // that needs this width
	if width > 1 {
		least = 1 << (4 * width)
	}
	if it.n < least {
		return item{}, fault(NotShortest, "number at byte %d", start)
	}
	return it, nil
}

func simpleHead(info byte, start int) (item, error) {
	switch info {
	case simpleFalse, simpleTrue, simpleNull:
		return item{kind: simple, n: uint64(info)}, nil
	case 25, 26, 27:
		return item{}, fault(Float, "at byte %d", start)
	case 31:
		return item{}, fault(IndefiniteLength, "at byte %d", start)
	}
	return item{}, fault(Malformed, "simple value at byte %d", start)
}

// take reads n bytes; the comparison is by what is left, which can't overflow.
func (d *decoder) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.data)-d.at) {
		return nil, fault(Truncated, "%d bytes announced at byte %d, %d are there", n, d.at, len(d.data)-d.at)
	}
	end := d.at + int(n)
	b := d.data[d.at:end:end]
	d.at = end
	return b, nil
}

// sequence reads n items; memory grows with what is there, not with what is
// announced.
func (d *decoder) sequence(n uint64, depth int) ([]item, error) {
	if n > uint64(len(d.data)-d.at) {
		return nil, fault(Truncated, "%d items announced at byte %d, %d bytes are there", n, d.at, len(d.data)-d.at)
	}
	var items []item
	for range n {
		it, err := d.item(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

func (d *decoder) pairs(n uint64, depth int) ([]item, error) {
	if n > MaxSize { // before doubling it
		return nil, fault(Truncated, "%d pairs announced at byte %d", n, d.at)
	}
	items, err := d.sequence(2*n, depth)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, n)
	for i := 0; i < len(items); i += 2 {
		key := items[i]
		if key.kind != unsigned && key.kind != negative && key.kind != textString {
			return nil, fault(Malformed, "map key that is neither number nor text")
		}
		if seen[string(key.raw)] { // shortest heads: equal keys have equal bytes
			return nil, fault(DuplicateKey, "%s", key)
		}
		seen[string(key.raw)] = true
	}
	return items, nil
}

// String is for messages about keys.
func (it item) String() string {
	switch it.kind {
	case unsigned:
		return fmt.Sprintf("%d", it.n)
	case negative:
		return fmt.Sprintf("-1-%d", it.n)
	case textString:
		return fmt.Sprintf("%.64q", it.content)
	}
	return "an item"
}

func (it item) isNull() bool { return it.kind == simple && it.n == simpleNull }

// text is the value under a text key of a map.
func (it item) text(key string) (item, bool) {
	for i := 0; it.kind == mapping && i < len(it.items); i += 2 {
		if it.items[i].kind == textString && string(it.items[i].content) == key {
			return it.items[i+1], true
		}
	}
	return item{}, false
}

// label is the value under a numeric key of a map, as COSE has them.
func (it item) label(key int64) (item, bool) {
	k, n := unsigned, uint64(key)
	if key < 0 {
		k, n = negative, uint64(-1-key)
	}
	for i := 0; it.kind == mapping && i < len(it.items); i += 2 {
		if it.items[i].kind == k && it.items[i].n == n {
			return it.items[i+1], true
		}
	}
	return item{}, false
}

// integer is the value of a number that fits.
func (it item) integer() (int64, bool) {
	if it.n > 1<<63-1 {
		return 0, false
	}
	switch it.kind {
	case unsigned:
		return int64(it.n), true
	case negative:
		return -1 - int64(it.n), true
	}
	return 0, false
}

// embedded is the item encoded in a byte string under tag 24.
func (it item) embedded() (item, error) {
	if it.kind != tag || it.n != tagEncoded || it.items[0].kind != byteString {
		return item{}, fault(Malformed, "no encoded CBOR (tag 24)")
	}
	return decode(it.items[0].content)
}

// Tags that have a meaning here.
const (
	tagTime    = 0    // text, RFC 3339
	tagEncoded = 24   // byte string that holds CBOR
	tagDate    = 1004 // text, a day (RFC 8943)
)

// appendHead appends the shortest head of an item.
func appendHead(b []byte, k kind, n uint64) []byte {
	major := byte(k) << 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, textString, uint64(len(s))), s...)
}

func appendBytes(b, content []byte) []byte {
	return append(appendHead(b, byteString, uint64(len(content))), content...)
}
