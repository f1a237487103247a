package hashlist

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"
)

// digests finds entries by the first 16 bytes of a digest: open addressing in
// plain bytes, so that a snapshot is read as it lies and there is nothing for
// the garbage collector to follow. It takes 27 to 55 bytes for a digest. Who
// finds a number compares the whole digest with the entry's.
type digests struct {
	shards [digestShards]digestShard
}

const (
	digestShards = 256 // each grows by itself, so that nobody waits for long
	prefixSize   = 16
	slotSize     = prefixSize + 4 // and the number
)

type digestShard struct {
	mu    sync.RWMutex
	slots []byte // a power of two of them, or none; number 0 is free, removedSlot was taken
	used  int    // with those that were removed
	live  int
}

const removedSlot = 1<<32 - 1

func (d *digests) shard(sum []byte) (*digestShard, uint64) {
	h := binary.LittleEndian.Uint64(sum) ^ binary.LittleEndian.Uint64(sum[8:])
	h *= 0x9e3779b97f4a7c15 // digests are random, but a list may hold others
	return &d.shards[h>>56], h << 8 >> 8
}

// add notes that an entry has a digest; again changes nothing.
func (d *digests) add(sum []byte, number uint32) {
	s, h := d.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if 4*(s.used+1) > 3*s.size() {
		s.grow(d)
	}
	s.put(h, sum[:prefixSize], number)
}

func (s *digestShard) size() int { return len(s.slots) / slotSize }

func (s *digestShard) slot(i uint64) []byte {
	i &= uint64(s.size()) - 1
	return s.slots[i*slotSize : (i+1)*slotSize]
}

func numberIn(slot []byte) uint32 { return binary.LittleEndian.Uint32(slot[prefixSize:]) }

func (s *digestShard) put(h uint64, prefix []byte, number uint32) {
	for i := h; ; i++ {
		slot := s.slot(i)
		switch at := numberIn(slot); {
		case at == 0:
			copy(slot, prefix)
			binary.LittleEndian.PutUint32(slot[prefixSize:], number)
			s.used++
			s.live++
			return
		case at == number && string(slot[:prefixSize]) == string(prefix):
			return
		}
	}
}

// grow makes room for twice what is there, and leaves out what was removed.
func (s *digestShard) grow(d *digests) {
	old := s.slots
	size := 8
	for 8*(s.live+1) > 3*size {
		size *= 2
	}
	s.slots, s.used, s.live = make([]byte, size*slotSize), 0, 0
	for ; len(old) > 0; old = old[slotSize:] {
		if number := numberIn(old); number != 0 && number != removedSlot {
			_, h := d.shard(old)
			s.put(h, old[:prefixSize], number)
		}
	}
}

// remove undoes add.
func (d *digests) remove(sum []byte, number uint32) {
	s, h := d.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size() == 0 {
		return
	}
	for i := h; ; i++ {
		slot := s.slot(i)
		switch at := numberIn(slot); {
		case at == 0:
			return
		case at == number && string(slot[:prefixSize]) == string(sum[:prefixSize]):
			binary.LittleEndian.PutUint32(slot[prefixSize:], removedSlot)
			s.live--
			return
		}
	}
}

// find gives the entries that have a digest which begins like sum.
func (d *digests) find(sum []byte, f func(number uint32)) {
	s, h := d.shard(sum)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.size() == 0 {
		return
	}
	for i := h; ; i++ {
		slot := s.slot(i)
		number := numberIn(slot)
		if number == 0 {
			return
		}
		if number != removedSlot && string(slot[:prefixSize]) == string(sum[:prefixSize]) {
			f(number)
		}
	}
}

// len is how many there are.
func (d *digests) len() int {
	n := 0
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.RLock()
		n += s.live
		s.mu.RUnlock()
	}
	return n
}

// writeTo writes the shards one after the other, each as it is at its moment.
func (d *digests) writeTo(w io.Writer) error {
	for i := range d.shards {
		if err := d.shards[i].writeTo(w); err != nil {
			return err
		}
	}
	return nil
}

func (s *digestShard) writeTo(w io.Writer) error {
	s.mu.RLock()
	head := make([]byte, 0, 12)
	for _, n := range []int{s.size(), s.used, s.live} {
		head = binary.LittleEndian.AppendUint32(head, uint32(n))
	}
	slots := append([]byte(nil), s.slots...) // a few megabytes at most; writing may take long
	s.mu.RUnlock()
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(slots)
	return err
}

// readFrom reads what writeTo wrote; the caller has checked its checksum.
func (d *digests) readFrom(r io.Reader) error {
	for i := range d.shards {
		s := &d.shards[i]
		var head [12]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		size := binary.LittleEndian.Uint32(head[0:])
		s.used = int(binary.LittleEndian.Uint32(head[4:]))
		s.live = int(binary.LittleEndian.Uint32(head[8:]))
		if size > 1<<28 || size&(size-1) != 0 || s.used > int(size) {
			return errSnapshot
		}
		s.slots = make([]byte, int(size)*slotSize)
		if _, err := io.ReadFull(r, s.slots); err != nil {
			return err
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
