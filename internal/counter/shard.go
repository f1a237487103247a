package counter

import (
	"encoding/binary"
	"sync"
)

// A shard holds the counts of some of all digests: exact ones as records in an
// arena that an open hash table refers to, larger ones as crowds.
//
// The upper half of a digest places it in the table, which has the half too;
// the lower is in the record. A slot is {upper half, place in the arena}, each
// a uint32; the place 0 is an empty slot. Collisions go to the next slot.
type shard struct {
	mu     sync.Mutex
	m      *Memory
	budget int // bytes that are the shard's own

	borrowed int // bytes beyond the budget

	slots []byte
	n     int // records
	arena []byte
	used  int // of the arena
	dead  int // of that, what no slot refers to

	crowds map[uint64]*crowd
	bulk   int // bytes of the crowds
	hand   int // where eviction looked last
	closed bool
}

const (
	slotSize   = 8
	arenaStart = 8  // no record is at 0
	firstSlots = 16 // of a table
)

func (s *shard) capacity() int { return len(s.slots) / slotSize }

func (s *shard) slot(i int) (upper, at uint32) {
	b := s.slots[i*slotSize:]
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
}

func (s *shard) setSlot(i int, upper, at uint32) {
	b := s.slots[i*slotSize:]
	binary.LittleEndian.PutUint32(b, upper)
	binary.LittleEndian.PutUint32(b[4:], at)
}

// home is the slot at which the search for upper begins.
func (s *shard) home(upper uint32) int {
	return int(uint64(upper) * uint64(s.capacity()) >> 32)
}

func (s *shard) next(i int) int {
	if i++; i == s.capacity() {
		return 0
	}
	return i
}

// at is the record at a place of the arena.
func (s *shard) at(place uint32) record {
	r := record(s.arena[place:])
	return r[:recordSize(r.room())]
}

// find is the slot and the record of a digest, or the slot where it would go
// and nil. There must be a table.
func (s *shard) find(digest uint64) (int, record) {
	upper, lower := uint32(digest>>32), uint32(digest)
	for i := s.home(upper); ; i = s.next(i) {
		had, place := s.slot(i)
		if place == 0 {
			return i, nil
		}
		if had == upper {
			if r := s.at(place); r.rest() == lower {
				return i, r
			}
		}
	}
}

// add takes an element in.
func (s *shard) add(digest uint64, c *named, e element, now uint32) {
	if crowd := s.crowds[digest]; crowd != nil {
		s.bulk += crowd.add(e, now)
		s.fit()
		return
	}
	s.reserve()
	i, r := s.find(digest)
	if r == nil {
		if !s.fits(recordSize(1)) {
			s.makeRoom(recordSize(1))
			i, _ = s.find(digest)
		}
		s.append(i, digest, lagOf(e.at(), now), c, 1).put(e)
		return
	}
	hold, lag := c.hold.Load(), min(r.lag(), lagOf(e.at(), now))
	r.setLag(lag)
	if expired(e.at(), hold, lag, now) || r.put(e) {
		return
	}
	if r.keep(func(e element) bool { return !expired(e.at(), hold, lag, now) }) > 0 {
		r.put(e)
		return
	}
	if r.room() == Exact {
		s.gather(i, digest, c, r, now)
		s.add(digest, c, e, now)
		return
	}
	s.grow(i, digest, c, r, e)
}

// grow moves a full record to where there is more room, and puts e in.
func (s *shard) grow(i int, digest uint64, c *named, r record, e element) {
	room := min(r.room()+r.room()/4+1, Exact)
	lag := r.lag()
	if !s.fits(recordSize(room)) {
		s.makeRoom(recordSize(room)) // r is where it was no longer
		i, r = s.find(digest)
	}
	if r == nil { // it had to make room itself
		s.append(i, digest, lag, c, room).put(e)
		return
	}
	s.setSlot(i, uint32(digest>>32), uint32(s.used))
	larger := s.carve(room)
	copy(larger, r)
	larger.setRoom(room)
	larger.put(e)
	s.dead += len(r)
}

// carve takes room for a record from the end of the arena.
func (s *shard) carve(room int) record {
	r := record(s.arena[s.used : s.used+recordSize(room)])
	s.used += len(r)
	return r
}

// append makes a record for a digest whose slot is i. There is room for it.
func (s *shard) append(i int, digest uint64, lag uint32, c *named, room int) record {
	s.setSlot(i, uint32(digest>>32), uint32(s.used))
	r := s.carve(room)
	r.set(uint32(digest), lag, c.id, room)
	s.n++
	return r
}

// remove empties slot i, whose record is r, and closes the gap, so that no
// search ends too early.
func (s *shard) remove(i int, r record) {
	s.dead += len(r)
	s.n--
	for j := s.next(i); ; j = s.next(j) {
		upper, place := s.slot(j)
		if place == 0 {
			break
		}
		if home := s.home(upper); within(i, home, j) {
			continue
		}
		s.setSlot(i, upper, place)
		i = j
	}
	s.setSlot(i, 0, 0)
}

// gather makes a crowd of a record.
func (s *shard) gather(i int, digest uint64, c *named, r record, now uint32) {
	crowd := newCrowd(c, r.lag())
	for k := range r.len() {
		crowd.add(r.element(k), now)
	}
	s.remove(i, r)
	s.hold(digest, crowd)
}

// hold takes a crowd in.
func (s *shard) hold(digest uint64, c *crowd) {
	if s.crowds == nil {
		s.crowds = map[uint64]*crowd{}
	}
	s.crowds[digest] = c
	s.bulk += c.bytes()
	s.fit()
}

// within reports whether home is after i and not after j, going round.
func within(i, home, j int) bool {
	if i < j {
		return i < home && home <= j
	}
	return i < home || home <= j
}

// count answers a read.
func (s *shard) count(digest uint64, from, to uint32) float64 {
	if c := s.crowds[digest]; c != nil {
		before := c.bytes()
		n := c.count(from, to)
		if grown := c.bytes() - before; grown != 0 { // it remembers more than before
			s.bulk += grown
			s.fit()
		}
		return n
	}
	if s.n == 0 {
		return 0
	}
	_, r := s.find(digest)
	if r == nil {
		return 0
	}
	return float64(r.count(from, to))
}
