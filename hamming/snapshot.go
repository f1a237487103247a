package hamming

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"slices"
)

// A snapshot is little-endian and all its arrays begin at multiples of eight
// bytes, so that a later version may map it:
//
//	magic                 8 bytes, with the version
//	segments              uint64
//	each segment          codes, ids, bands: uint64
//	                      codes: 4 × uint64 each
//	                      starts: uint32 each, codes + 1 of them
//	                      ids: uint64 each
//	                      dead: uint64 each, a bit for each id
//	  each band           starts: uint32 each, 2^width + 1 of them
//	                      order: uint32 each, one for each code; not in the first
//	tail                  entries: uint64; then code and id of each: 5 × uint64
//	checksum              uint64, the CRC-32C of all before
const magic = "hamming\x01"

// WriteTo writes the set as it is at one moment, with its bands, so that Read
// need not build them. Changes wait while deletions are copied, a bit for each
// entry, not while anything is written. It returns the number of bytes written.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	x.writing.Lock()
	v := x.now.Load()
	dead := make([][]uint64, len(v.segments))
	for i, s := range v.segments {
		dead[i] = s.dead.words()
	}
	var entries []Entry
	for _, t := range v.tails {
		entries = t.appendLive(entries)
	}
	x.writing.Unlock()

	e := &encoder{w: w, sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	e.buf = append(e.buf, magic...)
	e.u64(uint64(len(v.segments)))
	for i, s := range v.segments {
		e.segment(s, dead[i])
	}
	e.u64(uint64(len(entries)))
	for _, entry := range entries {
		e.code(entry.Code)
		e.u64(entry.ID)
	}
	e.flush()
	e.u64(uint64(e.sum.Sum32()))
	e.flush()
	return e.written, e.err
}

func (m marks) words() []uint64 {
	words := make([]uint64, len(m))
	for i := range m {
		words[i] = m[i].Load()
	}
	return words
}

const bufferSize = 64 << 10

// encoder writes through a buffer and keeps the first error.
type encoder struct {
	w       io.Writer
	buf     []byte
	sum     hash.Hash32
	written int64
	err     error
}

func (e *encoder) segment(s *segment, dead []uint64) {
	e.u64(uint64(len(s.codes)))
	e.u64(uint64(len(s.ids)))
	e.u64(uint64(len(s.bands)))
	for _, c := range s.codes {
		e.code(c)
	}
	e.u32s(s.starts)
	e.u64s(s.ids)
	e.u64s(dead)
	for i := range s.bands {
		e.u32s(s.bands[i].starts)
		e.u32s(s.bands[i].order)
	}
}

func (e *encoder) code(c Code) {
	for _, word := range c {
		e.u64(word)
	}
}

func (e *encoder) u64s(values []uint64) {
	for _, v := range values {
		e.u64(v)
	}
}

// u32s pads to a multiple of eight bytes.
func (e *encoder) u32s(values []uint32) {
	for i := 0; i+1 < len(values); i += 2 {
		e.u64(uint64(values[i]) | uint64(values[i+1])<<32)
	}
	if len(values)%2 == 1 {
		e.u64(uint64(values[len(values)-1]))
	}
}

func (e *encoder) u64(v uint64) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
	if len(e.buf) >= bufferSize {
		e.flush()
	}
}

func (e *encoder) flush() {
	if e.err == nil {
		e.sum.Write(e.buf) // a hash never fails
		var n int
		n, e.err = e.w.Write(e.buf)
		e.written += int64(n)
	}
	e.buf = e.buf[:0]
}

// ErrSnapshot is what Read's errors are when the fault is in what it read:
// no snapshot, a damaged one, or one that ends too early.
var ErrSnapshot = errors.New("hamming: not a whole snapshot")

// Read makes an index of what WriteTo wrote. It holds all of it in memory;
// what it reads beyond the snapshot's end is lost. Errors are those of r, or
// wrap ErrSnapshot. Nothing is believed before the checksum is right, and
// memory is taken only as the bytes arrive.
func Read(r io.Reader) (*Index, error) {
	d := &decoder{r: bufio.NewReaderSize(r, bufferSize), sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	if d.u64() != binary.LittleEndian.Uint64([]byte(magic)) && d.err == nil {
		return nil, fmt.Errorf("%w: it does not begin like one of this version", ErrSnapshot)
	}
	var segments []*segment
	for n := d.u64(); n > 0 && d.err == nil; n-- {
		segments = append(segments, d.segment())
	}
	entries := d.entries(d.u64())
	sum := uint64(d.sum.Sum32())
	if d.u64() != sum {
		d.fail("the checksum is wrong")
	}
	for _, s := range segments {
		if d.err == nil && !s.sound() {
			d.fail("its parts contradict each other")
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	x := New()
	x.writing.Lock()
	defer x.writing.Unlock()
	x.now.Load().segments = segments
	for _, e := range entries {
		x.add(e)
	}
	x.mergeInBackground()
	return x, nil
}

// decoder reads arrays piece by piece and keeps the first error, after which
// it reads zeros.
type decoder struct {
	r   io.Reader
	sum hash.Hash32
	buf [bufferSize]byte
	err error
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrSnapshot, why)
	}
}

func (d *decoder) segment() *segment {
	codes, ids, bands := d.u64(), d.u64(), d.u64()
	if codes == 0 || codes > math.MaxUint32-1 || ids < codes || ids > math.MaxUint32 ||
		bands != 0 && bands < leastBands || bands > mostBands {
		d.fail("a segment has an impossible size")
		return nil
	}
	s := &segment{codes: d.codes(codes), starts: d.u32s(codes + 1), ids: d.u64s(ids)}
	for i, word := range d.u64s((ids + 63) / 64) {
		if i == 0 {
			s.dead = newMarks(int(ids))
		}
		s.dead[i].Store(word)
		s.killed.Add(int64(bits.OnesCount64(word)))
	}
	if d.err != nil {
		return nil
	}
	s.bands = emptyBands(int(bands))
	for i := range s.bands {
		b := &s.bands[i]
		b.starts = d.u32s(1<<b.width + 1)
		if i > 0 {
			b.order = d.u32s(codes)
		}
	}
	return s
}

func (d *decoder) codes(n uint64) []Code {
	var codes []Code
	d.pieces(n, Size/8, func(b []byte) {
		var c Code
		for i := range c {
			c[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		codes = append(codes, c)
	})
	return codes
}

func (d *decoder) entries(n uint64) []Entry {
	var entries []Entry
	d.pieces(n, Size/8+8, func(b []byte) {
		var e Entry
		for i := range e.Code {
			e.Code[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		e.ID = binary.LittleEndian.Uint64(b[Size/8:])
		entries = append(entries, e)
	})
	return entries
}

func (d *decoder) u64s(n uint64) []uint64 {
	var values []uint64
	d.pieces(n, 8, func(b []byte) { values = append(values, binary.LittleEndian.Uint64(b)) })
	return values
}

func (d *decoder) u32s(n uint64) []uint32 {
	var values []uint32
	d.pieces(n, 4, func(b []byte) { values = append(values, binary.LittleEndian.Uint32(b)) })
	if n%2 == 1 {
		d.pieces(1, 4, func([]byte) {}) // padding
	}
	return values
}

func (d *decoder) u64() uint64 {
	if v := d.u64s(1); len(v) == 1 {
		return v[0]
	}
	return 0
}

// pieces reads n values of size bytes, as long as there are any.
func (d *decoder) pieces(n uint64, size int, take func([]byte)) {
	for n > 0 && d.err == nil {
		count := min(n, uint64(len(d.buf)/size))
		piece := d.buf[:int(count)*size]
		if _, err := io.ReadFull(d.r, piece); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			d.fail("it ends too early")
			return
		} else if err != nil {
			d.err = fmt.Errorf("hamming: read snapshot: %w", err)
			return
		}
		d.sum.Write(piece) // a hash never fails
		for b := range slices.Chunk(piece, size) {
			take(b)
		}
		n -= count
	}
}

// sound reports whether a segment can be searched without reading outside its
// arrays. That its bands list the right codes is for the checksum to say.
func (s *segment) sound() bool {
	if !slices.IsSortedFunc(s.codes, Code.Compare) || !bounds(s.starts, len(s.ids)) {
		return false
	}
	if used := len(s.ids) % 64; used > 0 && s.dead[len(s.dead)-1].Load()>>used != 0 {
		return false // Len would count entries that are not there
	}
	for _, b := range s.bands {
		if !bounds(b.starts, len(s.codes)) {
			return false
		}
		for _, i := range b.order {
			if int(i) >= len(s.codes) {
				return false
			}
		}
	}
	return true
}

// bounds reports whether starts goes from 0 to end without going down.
func bounds(starts []uint32, end int) bool {
	return starts[0] == 0 && int(starts[len(starts)-1]) == end && slices.IsSorted(starts)
}
