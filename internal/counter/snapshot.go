package counter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// A snapshot has no names but those of counters. Numbers are little endian:
//
//	"BWCOUNT", version       8 bytes
//	sequence number          int64
//	check of the secret      uint64
//	counters                 uint16, then of each: length uint16, name, hold uint32
//	counts                   of each: kind uint8, digest uint64, counter uint16, lag uint32, and
//	  exact (1)              elements: number uint8, uint64 each
//	  crowd (2)              floor uint32, elements as above, hours, days: number uint16, then of
//	                         each: at uint32, number uint16, digests uint32 each; or the number
//	                         0xFFFF and 4,096 registers
//	end (0)                  uint8
//	checksum                 uint32, the CRC-32C of all before
const (
	magic        = "BWCOUNT\x01"
	kindEnd      = 0
	kindExact    = 1
	kindCrowd    = 2
	isDense      = math.MaxUint16
	mostSketches = 1 << 9 // of hours or of days
)

// ErrSnapshot is the error of what is not a whole snapshot that was made with
// the same secret: it is to be rebuilt from the journal.
var ErrSnapshot = errors.New("not a whole snapshot of counts under this secret")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot writes all counts while the store is used. Everything that was
// added before seq in the caller's log must have been added before the call;
// what is added during it may be in the snapshot or not.
func (m *Memory) Snapshot(w io.Writer, seq int64) error {
	out := &summed{w: w, sum: crc32.New(castagnoli)}
	counters := m.names.list()
	b := append([]byte(nil), magic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(seq))
	b = binary.LittleEndian.AppendUint64(b, m.owners.digest("snapshot"))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(counters)))
	for _, c := range counters {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(c.name)))
		b = append(b, c.name...)
		b = binary.LittleEndian.AppendUint32(b, c.hold.Load())
	}
	if err := out.write(b); err != nil {
		return err
	}
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		b = s.encode(b[:0], len(counters))
		s.mu.Unlock()
		if err := out.write(b); err != nil {
			return err
		}
	}
	if err := out.write([]byte{kindEnd}); err != nil {
		return err
	}
	return out.write(binary.LittleEndian.AppendUint32(nil, out.sum.Sum32()))
}

// summed writes and sums up.
type summed struct {
	w   io.Writer
	sum hash.Hash32
}

func (s *summed) write(b []byte) error {
	s.sum.Write(b)
	_, err := s.w.Write(b)
	return err
}

// encode appends the counts of the first so many counters.
func (s *shard) encode(b []byte, counters int) []byte {
	for i := range s.capacity() {
		upper, place := s.slot(i)
		if place == 0 {
			continue
		}
		r := s.at(place)
		if int(r.counter()) >= counters || r.len() == 0 {
			continue
		}
		b = appendHead(b, kindExact, uint64(upper)<<32|uint64(r.rest()), r.counter(), r.lag())
		b = append(b, uint8(r.len()))
		b = append(b, r[recordHead:recordSize(r.len())]...)
	}
	for digest, c := range s.crowds {
		if int(c.counter.id) >= counters {
			continue
		}
		b = appendHead(b, kindCrowd, digest, c.counter.id, c.lag)
		b = binary.LittleEndian.AppendUint32(b, c.floor)
		b = append(b, uint8(len(c.recent)))
		for _, e := range c.recent {
			b = binary.LittleEndian.AppendUint64(b, uint64(e))
		}
		b = appendSketches(b, c.hours)
		b = appendSketches(b, c.days)
	}
	return b
}

func appendHead(b []byte, kind uint8, digest uint64, counter uint16, lag uint32) []byte {
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint64(b, digest)
	b = binary.LittleEndian.AppendUint16(b, counter)
	return binary.LittleEndian.AppendUint32(b, lag)
}

func appendSketches(b []byte, sketches []sketch) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(sketches)))
	for i := range sketches {
		s := &sketches[i]
		b = binary.LittleEndian.AppendUint32(b, s.at)
		if s.dense != nil {
			b = binary.LittleEndian.AppendUint16(b, isDense)
			b = append(b, s.dense...)
			continue
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s.few)))
		for _, e := range s.few {
			b = binary.LittleEndian.AppendUint32(b, e)
		}
	}
	return b
}

// Restore reads a snapshot into an empty store and gives the sequence number
// that it was made with: what the caller's log has after that is to be added
// again, and more does no harm. After an error, ErrSnapshot or of r, the store
// is empty.
func (m *Memory) Restore(r io.Reader) (seq int64, err error) {
	if len(m.names.list()) > 0 {
		return 0, errors.New("counter: a snapshot is read before anything is counted")
	}
	d := &decoder{m: m, r: bufio.NewReaderSize(r, 1<<20), sum: crc32.New(castagnoli)}
	seq = d.snapshot()
	if d.err != nil {
		m.reset()
		return 0, d.err
	}
	return seq, nil
}

func (m *Memory) reset() {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.empty()
		s.mu.Unlock()
	}
	m.names.all.Store(nil)
}

// decoder reads a snapshot. After the first error everything is 0.
type decoder struct {
	m        *Memory
	r        *bufio.Reader
	sum      hash.Hash32
	b        [8 * registers]byte
	list     [Exact]element
	counters []*named
	now      uint32
	err      error
}

func (d *decoder) snapshot() (seq int64) {
	if string(d.bytes(len(magic))) != magic {
		d.fail("of another kind or version")
	}
	seq = int64(d.uint64())
	if d.uint64() != d.m.owners.digest("snapshot") {
		d.fail("made with another secret")
	}
	for n := d.uint16(); n > 0 && d.err == nil; n-- {
		d.counter()
	}
	d.now = uint32(d.m.o.Now().Unix())
	for d.err == nil {
		kind := d.uint8()
		if kind == kindEnd {
			break
		}
		d.count(kind)
	}
	sum := d.sum.Sum32()
	if d.uint32() != sum {
		d.fail("checksum")
	}
	if _, err := d.r.ReadByte(); d.err == nil && !errors.Is(err, io.EOF) {
		d.fail("something after its end")
	}
	return seq
}

func (d *decoder) counter() {
	name := string(d.bytes(min(int(d.uint16()), maxName)))
	hold := d.uint32()
	if d.err != nil {
		return
	}
	known := len(d.m.names.list())
	c, err := d.m.names.of(name, hold, d.m.owners)
	if err != nil || int(c.id) != known || hold == 0 || int64(hold) > seconds(MaxKeep+Late) {
		d.fail("a counter")
		return
	}
	d.counters = append(d.counters, c)
}

func (d *decoder) count(kind uint8) {
	digest, id, lag := d.uint64(), int(d.uint16()), d.uint32()
	if kind > kindCrowd || id >= len(d.counters) {
		d.fail("a count")
		return
	}
	c := d.counters[id]
	s := d.m.shard(digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has(digest) {
		d.fail("a count twice")
		return
	}
	if kind == kindExact {
		elements := d.elements()
		elements = slices.DeleteFunc(elements, func(e element) bool { return expired(e.at(), c.hold.Load(), lag, d.now) })
		if d.err == nil && len(elements) > 0 {
			s.restore(digest, c, lag, elements)
		}
		return
	}
	crowd := newCrowd(c, lag)
	crowd.floor = d.uint32()
	for _, e := range d.elements() {
		if e.at() <= crowd.floor {
			d.fail("an element that is not among the newest")
			return
		}
		crowd.put(e)
	}
	crowd.hours = d.sketches()
	crowd.days = d.sketches()
	if d.err == nil {
		s.hold(digest, crowd)
	}
}

func (s *shard) has(digest uint64) bool {
	if s.crowds[digest] != nil {
		return true
	}
	if s.n == 0 {
		return false
	}
	_, r := s.find(digest)
	return r != nil
}

// elements are valid until the next call.
func (d *decoder) elements() []element {
	b := d.bytes(elementSize * int(d.uint8()))
	list := d.list[:len(b)/elementSize]
	for i := range list {
		list[i] = element(binary.LittleEndian.Uint64(b[elementSize*i:]))
	}
	return list
}

func (d *decoder) sketches() []sketch {
	n := int(d.uint16())
	if n > mostSketches {
		d.fail("too many sketches")
		return nil
	}
	list := make([]sketch, 0, n)
	for range n {
		s := sketch{at: d.uint32()}
		if k := int(d.uint16()); k == isDense {
			s.dense = slices.Clone(d.bytes(registers))
			if slices.ContainsFunc(s.dense, func(rank uint8) bool { return rank > maxRank }) {
				d.fail("a register")
			}
		} else if k <= maxFew {
			b := d.bytes(4 * k)
			s.few = make([]uint32, len(b)/4)
			for i := range s.few {
				s.few[i] = binary.LittleEndian.Uint32(b[4*i:])
			}
		} else {
			d.fail("a sketch")
		}
		if d.err != nil || len(list) > 0 && list[len(list)-1].at >= s.at || !increasing(s.few) {
			d.fail("a sketch out of order")
			return nil
		}
		list = append(list, s)
	}
	return list
}

func increasing(list []uint32) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrSnapshot, what)
	}
}

// bytes are the next n, until the next call; nil after an error.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil {
		return nil
	}
	b := d.b[:n]
	if _, err := io.ReadFull(d.r, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.fail("cut off")
		return nil
	} else if err != nil {
		d.err = err
		return nil
	}
	d.sum.Write(b)
	return b
}

func (d *decoder) uint8() uint8 {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint16() uint16 {
	if b := d.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if b := d.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}
