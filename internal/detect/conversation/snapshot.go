package conversation

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A snapshot is magic, fingerprint, sections of pairs, targets and threads, each a number
// of records (little endian), and the SHA-256 of all that.
const magic = "bwconv\x00\x01"

// Errors of Restore.
var (
	ErrSnapshot = errors.New("conversation: this is no snapshot, or a damaged one")
	ErrSecret   = errors.New("conversation: the snapshot was made with another secret")
)

// Snapshot writes all that is kept and has not expired. Lines may be seen meanwhile: each
// is in or not, and seeing it again after Restore does no harm.
func (m *Memory) Snapshot(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	e := &encoder{w: buffered, sum: sha256.New()}
	e.bytes([]byte(magic))
	e.put(m.keys.fingerprint())
	now := m.instant(m.o.Now())
	m.pairs.Load().each(func(key uint64, p *pair) {
		if !p.expired(now) {
			e.put(uint8('p'), key, p.a, p.b, p.newest, p.began, uint32(len(p.talks)), p.talks, uint32(len(p.marks)), p.marks)
		}
	})
	m.targets.Load().each(func(key uint64, t *target) {
		if !t.expired(now) {
			sortHits(t.got)
			sortHits(t.gave)
			e.put(uint8('t'), key, t.newest, uint32(len(t.got)), t.got, uint32(len(t.gave)), t.gave)
		}
	})
	m.threads.Load().each(func(key uint64, t *thread) {
		if !t.expired(now) {
			e.put(uint8('g'), key, t.newest, uint32(len(t.turns)), t.turns)
		}
	})
	e.put(uint8('.'))
	e.sum, e.last = nil, e.sum
	e.bytes(e.last.Sum(nil))
	if e.err == nil {
		e.err = buffered.Flush()
	}
	if e.err != nil {
		return fmt.Errorf("conversation: snapshot: %w", e.err)
	}
	return nil
}

// encoder writes and sums until the first error.
type encoder struct {
	w    io.Writer
	sum  hash.Hash
	last hash.Hash
	buf  bytes.Buffer
	err  error
}

func (e *encoder) put(values ...any) {
	e.buf.Reset()
	for _, v := range values {
		if err := binary.Write(&e.buf, binary.LittleEndian, wire(v)); err != nil && e.err == nil {
			e.err = err
		}
	}
	e.bytes(e.buf.Bytes())
}

func (e *encoder) bytes(b []byte) {
	if e.err != nil {
		return
	}
	if e.sum != nil {
		e.sum.Write(b)
	}
	_, e.err = e.w.Write(b)
}

// The records of a snapshot: fields in this order, without padding.
type (
	wireTalk struct {
		At, ID               uint32
		Risk, Surface, Flags uint8
		Back                 bool
	}
	wireMark struct {
		At, ID      uint32
		What, Score uint8
		Back        bool
	}
	wireHit struct {
		Who    uint64
		At, ID uint32
		Score  uint8
	}
	wireTurn struct {
		Who    uint64
		At, ID uint32
	}
)

// wire is a value as a snapshot has it.
func wire(v any) any {
	switch v := v.(type) {
	case talk:
		return wireTalk{v.at, v.id, v.risk, v.surface, uint8(v.flags), v.back}
	case []talk:
		return each(v, func(t talk) wireTalk { return wireTalk{t.at, t.id, t.risk, t.surface, uint8(t.flags), t.back} })
	case []mark:
		return each(v, func(m mark) wireMark { return wireMark{m.at, m.id, uint8(m.what), m.score, m.back} })
	case []hit:
		return each(v, func(h hit) wireHit { return wireHit{h.who, h.at, h.id, h.score} })
	case []turn:
		return each(v, func(t turn) wireTurn { return wireTurn{t.who, t.at, t.id} })
	default:
		return v
	}
}

func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// Restore replaces all that is kept by what a snapshot of the same secret has. After an
// error nothing has changed. A snapshot of more than the memory's bytes leaves out what
// does not fit.
func (m *Memory) Restore(r io.Reader) error {
	d := &decoder{r: bufio.NewReader(r), sum: sha256.New()}
	head := make([]byte, len(magic))
	d.bytes(head)
	if d.err == nil && string(head) != magic {
		d.err = ErrSnapshot
	}
	if of := d.u64(); d.err == nil && of != m.keys.fingerprint() {
		return ErrSecret
	}
	into := m.empty()
	for d.err == nil {
		kind := d.u8()
		if kind == '.' {
			break
		}
		d.record(kind, into)
	}
	want := d.sum.Sum(nil)
	got := make([]byte, len(want))
	d.bytes(got)
	if d.err == nil && !bytes.Equal(got, want) {
		d.err = ErrSnapshot
	}
	if errors.Is(d.err, io.EOF) || errors.Is(d.err, io.ErrUnexpectedEOF) {
		d.err = ErrSnapshot
	}
	if d.err != nil {
		return fmt.Errorf("conversation: restore: %w", d.err)
	}
	into.become(m)
	return nil
}

// decoder reads and sums until the first error.
type decoder struct {
	r   io.Reader
	sum hash.Hash
	err error
	buf [8]byte
}

func (d *decoder) bytes(b []byte) {
	if d.err != nil {
		return
	}
	if _, d.err = io.ReadFull(d.r, b); d.err == nil {
		d.sum.Write(b)
	}
}

func (d *decoder) u8() uint8   { d.bytes(d.buf[:1]); return d.buf[0] }
func (d *decoder) u32() uint32 { d.bytes(d.buf[:4]); return binary.LittleEndian.Uint32(d.buf[:4]) }
func (d *decoder) u64() uint64 { d.bytes(d.buf[:8]); return binary.LittleEndian.Uint64(d.buf[:8]) }
func (d *decoder) flag() bool  { return d.u8() == 1 }

// list reads a list of at most most.
func list[T any](d *decoder, most int, one func() T) []T {
	n := int(d.u32())
	if d.err == nil && n > most {
		d.err = ErrSnapshot
	}
	if d.err != nil || n == 0 {
		return nil
	}
	all := make([]T, n)
	for i := range all {
		all[i] = one()
	}
	return all
}

func (d *decoder) talk() (t talk) {
	t.at, t.id, t.risk, t.surface = d.u32(), d.u32(), d.u8(), d.u8()
	t.flags, t.back = talkFlags(d.u8()), d.flag()
	return t
}

func (d *decoder) mark() (m mark) {
	m.at, m.id, m.what, m.score, m.back = d.u32(), d.u32(), stage(d.u8()), d.u8(), d.flag()
	if d.err == nil && (m.what >= stageCount || m.score == 0) {
		d.err = ErrSnapshot
	}
	return m
}

func (d *decoder) hit() hit   { return hit{d.u64(), d.u32(), d.u32(), d.u8()} }
func (d *decoder) turn() turn { return turn{d.u64(), d.u32(), d.u32()} }

// record reads one record onto its shelf. Lists are joined anew, one by one: whatever a
// snapshot has, what is kept is in order and within its bounds.
func (d *decoder) record(kind uint8, into contents) {
	key := d.u64()
	switch kind {
	case 'p':
		p := pair{a: d.u64(), b: d.u64(), newest: d.u32(), began: d.talk()}
		talks := list(d, mostTalks, d.talk)
		marks := list(d, 2*int(stageCount)*mostMarks, d.mark)
		if d.err != nil {
			return
		}
		for _, t := range talks {
			p.join(t)
		}
		for _, m := range marks {
			p.add(m)
		}
		lay(into.pairs, key, p)
	case 't':
		t := target{newest: d.u32(), got: list(d, mostHits, d.hit), gave: list(d, mostHits, d.hit)}
		if d.err == nil {
			lay(into.targets, key, t)
		}
	case 'g':
		t := thread{newest: d.u32()}
		for _, u := range list(d, mostTurns, d.turn) {
			newest := t.newest
			t.join(u)
			t.newest = newest
		}
		if d.err == nil {
			lay(into.threads, key, t)
		}
	default:
		if d.err == nil {
			d.err = ErrSnapshot
		}
	}
}

func lay[T any](s *shelf[T], key uint64, it T) {
	h, p := s.open(key)
	p.it = it
	h.close(p, func(*T) bool { return false })
}
