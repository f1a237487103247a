package hamming

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"runtime"
	"slices"
)

// A snapshot is little-endian and all its arrays begin at multiples of eight
// bytes, so that a mapped file is searched where it lies:
//
//	magic                 8 bytes, with the version
//	segments              uint64
//	each segment          ids, parts: uint64
//	                      ids: uint64 each
//	                      dead: uint64 each, a bit for each id
//	  each part           codes, bands, crowded: uint64
//	                      codes: 4 × uint64 each
//	                      starts: uint32 each, codes + 1 of them
//	    each band         starts: uint32 each, 2^width + 1 of them
//	                      next: 2 bytes each, one for each code and three more
//	                      order: 3 bytes each, one for each code; not in the first
//	tail                  entries: uint64; then code and id of each: 5 × uint64
//	checksum              uint64, the CRC-32C of all before
//
// Arrays are followed by as many bytes of zero.
const magic = "hamming\x03"

// WriteTo writes the set as it is at one moment, with its bands, so that they
// need not be built again. Changes wait while deletions are copied, a bit for
// each entry, not while anything is written. It returns the number of bytes
// written.
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
	e.write([]byte(magic))
	e.u64s(uint64(len(v.segments)))
	for i, s := range v.segments {
		e.segment(s, dead[i])
	}
	e.u64s(uint64(len(entries)))
	for _, entry := range entries {
		e.u64s(append(entry.Code[:], entry.ID)...)
	}
	e.flush()
	e.u64s(uint64(e.sum.Sum32()))
	e.flush()
	runtime.KeepAlive(v) // and with it a mapped file that it lies in
	return e.written, e.err
}

func (m marks) words() []uint64 {
	words := make([]uint64, len(m))
	for i := range m {
		words[i] = m[i].Load()
	}
	return words
}

// bufferSize makes writes so large that a system may keep the file in memory in
// large pages, which searches of a mapped one profit from.
const bufferSize = 4 << 20

// encoder writes through a buffer and keeps the first error.
type encoder struct {
	w       io.Writer
	buf     []byte
	sum     hash.Hash32
	written int64
	err     error
}

func (e *encoder) segment(s *segment, dead []uint64) {
	e.u64s(uint64(len(s.ids)), uint64(len(s.parts)))
	e.u64s(s.ids...)
	e.u64s(dead...)
	for i := range s.parts {
		p := &s.parts[i]
		e.u64s(uint64(len(p.codes)), uint64(len(p.bands)), p.crowded)
		e.write(bytesOf(p.codes))
		e.u32s(p.starts)
		for j := range p.bands {
			e.u32s(p.bands[j].starts)
			e.padded(p.bands[j].next)
			e.padded(p.bands[j].order)
		}
	}
}

func (e *encoder) u64s(values ...uint64) { e.write(bytesOf(values)) }

func (e *encoder) u32s(values []uint32) { e.padded(bytesOf(values)) }

// padded writes a multiple of eight bytes.
func (e *encoder) padded(b []byte) {
	e.write(b)
	e.write(make([]byte, -len(b)&7))
}

func (e *encoder) write(b []byte) {
	if e.buf == nil {
		e.buf = make([]byte, 0, bufferSize)
	}
	for len(b) > 0 {
		n := min(len(b), bufferSize-len(e.buf))
		e.buf = append(e.buf, b[:n]...)
		b = b[n:]
		if len(e.buf) == bufferSize {
			e.flush()
		}
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

// ErrSnapshot is what errors are when the fault is in what was read: no
// snapshot, a damaged one, or one that ends too early.
var ErrSnapshot = errors.New("hamming: not a whole snapshot")

// Read makes an index of what WriteTo wrote, reading to the end of r. It holds
// all of it in memory, which it takes only as the bytes arrive. Errors are
// those of r, or wrap ErrSnapshot. Nothing is believed before the checksum is
// right.
func Read(r io.Reader) (*Index, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("hamming: read snapshot: %w", err)
	}
	return decode(&mapping{data: b.Bytes()})
}

// mapping is the bytes of a snapshot. Whatever is cut from them keeps it.
type mapping struct{ data []byte }

// decode makes an index whose arrays lie in the mapping.
func decode(m *mapping) (*Index, error) {
	defer runtime.KeepAlive(m)
	d := &decoder{from: m, rest: m.data}
	if !bytes.HasPrefix(m.data, []byte(magic)) {
		return nil, fmt.Errorf("%w: it does not begin like one of this version", ErrSnapshot)
	}
	d.take(uint64(len(magic)), 1)
	whole := make(chan bool, 1)
	go func() { whole <- checked(m.data) }() // beside the reading, for a large one takes long
	segments, entries := d.contents()
	if !<-whole {
		return nil, fmt.Errorf("%w: the checksum is wrong", ErrSnapshot)
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

// checked reports whether data ends in the checksum of all before.
func checked(data []byte) bool {
	if len(data) < 8 {
		return false
	}
	body, sum := data[:len(data)-8], binary.LittleEndian.Uint64(data[len(data)-8:])
	return uint64(crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))) == sum
}

// decoder cuts arrays from the bytes and keeps the first error, after which
// arrays are empty.
type decoder struct {
	from *mapping
	rest []byte
	err  error
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrSnapshot, why)
	}
}

func (d *decoder) contents() ([]*segment, []Entry) {
	var segments []*segment
	for n := d.u64(); n > 0 && d.err == nil; n-- {
		segments = append(segments, d.segment())
	}
	words := d.u64s(d.u64(), 5)
	d.take(8, 1) // the checksum
	if len(d.rest) > 0 {
		d.fail("more follows its end")
	}
	var entries []Entry
	for w := range slices.Chunk(words, 5) {
		entries = append(entries, Entry{Code(w), w[4]})
	}
	return segments, entries
}

func (d *decoder) segment() *segment {
	ids, parts := d.u64(), d.u64()
	if ids == 0 || ids > math.MaxUint32 {
		d.fail("a segment has an impossible size")
		return nil
	}
	s := &segment{from: d.from, ids: d.u64s(ids, 1)}
	s.dead = newMarks(len(s.ids))
	for i, word := range d.u64s((ids+63)/64, 1) {
		s.dead[i].Store(word)
		s.killed.Add(int64(bits.OnesCount64(word)))
	}
	for ; parts > 0 && d.err == nil; parts-- {
		s.parts = append(s.parts, d.part())
	}
	if d.err == nil && !s.sound() {
		d.fail("its parts contradict each other")
	}
	return s
}

func (d *decoder) part() part {
	codes, bands, crowded := d.u64(), d.u64(), d.u64()
	if codes == 0 || codes > math.MaxUint32-1 || bands > mostBands || bands != 0 && (bands < leastBands || codes > mostBanded) {
		d.fail("a part has an impossible size")
		return part{}
	}
	p := part{codes: d.codes(codes), starts: d.u32s(codes + 1), bands: emptyBands(int(bands), crowded), crowded: crowded}
	for i := range p.bands {
		b := &p.bands[i]
		b.starts = d.u32s(1<<b.width + 1)
		b.next = d.padded(codes+3, 2)
		if i > 0 {
			b.order = d.padded(codes, 3)
		}
	}
	return p
}

func (d *decoder) codes(n uint64) []Code { return arrayOf[Code](d.take(n, Size/8)) }

func (d *decoder) u64s(n uint64, each uint64) []uint64 { return arrayOf[uint64](d.take(n, 8*each)) }

func (d *decoder) u32s(n uint64) []uint32 { return arrayOf[uint32](d.padded(n, 4)) }

// padded takes values that fill a multiple of eight bytes.
func (d *decoder) padded(n, size uint64) []byte {
	b := d.take(n, size)
	d.take(-uint64(len(b))&7, 1)
	return b
}

func (d *decoder) u64() uint64 {
	if v := d.u64s(1, 1); len(v) == 1 {
		return v[0]
	}
	return 0
}

// take cuts off n values of size bytes, if there are as many.
func (d *decoder) take(n, size uint64) []byte {
	if d.err != nil {
		return nil
	}
	if n > uint64(len(d.rest))/size {
		d.fail("it ends too early")
		return nil
	}
	b := d.rest[: n*size : n*size]
	d.rest = d.rest[n*size:]
	return b
}

// sound reports whether a segment can be searched without reading outside its
// arrays. That its bands list the right codes is for the checksum to say.
func (s *segment) sound() bool {
	if used := len(s.ids) % 64; used > 0 && s.dead[len(s.dead)-1].Load()>>used != 0 {
		return false // Len would count entries that are not there
	}
	from := 0
	for i := range s.parts {
		p := &s.parts[i]
		to := int(p.starts[len(p.starts)-1])
		if !slices.IsSortedFunc(p.codes, Code.Compare) || !bounds(p.starts, from, to) || to > len(s.ids) {
			return false
		}
		from = to
		for _, b := range p.bands {
			if !bounds(b.starts, 0, len(p.codes)) {
				return false
			}
		}
	}
	return from == len(s.ids)
}

// bounds reports whether starts begins with from, ends with end and never goes down.
func bounds(starts []uint32, from, end int) bool {
	return int(starts[0]) == from && int(starts[len(starts)-1]) == end && slices.IsSorted(starts)
}
