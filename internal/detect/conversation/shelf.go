package conversation

import (
	"slices"
	"sync"
	"unsafe"
)

// A shelf keeps one kind of thing by key, within a number of bytes. At that, what was not
// used for longest goes.
type shelf[T any] struct {
	shards [shards]shard[T]
}

const shards = 64

type shard[T any] struct {
	mu     sync.Mutex
	of     map[uint64]*place[T]
	first  *place[T] // used last
	last   *place[T]
	bytes  int64
	budget int64
}

// A place is one thing on a shelf.
type place[T any] struct {
	it         T
	key        uint64
	next, prev *place[T]
	cost       int64
}

// perEntry is what a map takes for one thing, about.
const perEntry = 24

func newShelf[T any](bytes int64) *shelf[T] {
	s := new(shelf[T])
	for i := range s.shards {
		s.shards[i].of, s.shards[i].budget = make(map[uint64]*place[T]), bytes/shards
	}
	return s
}

// open is the thing with a key, new if need be, and its shard, which is locked until
// close.
func (s *shelf[T]) open(key uint64) (*shard[T], *place[T]) {
	h := &s.shards[key%shards]
	h.mu.Lock()
	p := h.of[key]
	if p == nil {
		p = &place[T]{key: key}
		h.of[key] = p
	} else {
		h.unlink(p)
	}
	p.next = h.first
	if h.first != nil {
		h.first.prev = p
	}
	h.first = p
	if h.last == nil {
		h.last = p
	}
	return h, p
}

func (h *shard[T]) unlink(p *place[T]) {
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		h.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		h.last = p.prev
	}
	p.next, p.prev = nil, nil
}

// close counts what p takes by now, makes room, and unlocks.
func (h *shard[T]) close(p *place[T], expired func(*T) bool) {
	cost := costOf(p)
	h.bytes += cost - p.cost
	p.cost = cost
	for range 2 { // more than comes in, so that what has expired goes
		if h.last != p && expired(&h.last.it) {
			h.remove(h.last)
		}
	}
	for h.bytes > h.budget && h.last != p {
		h.remove(h.last)
	}
	h.mu.Unlock()
}

func (h *shard[T]) remove(p *place[T]) {
	h.unlink(p)
	delete(h.of, p.key)
	h.bytes -= p.cost
}

// costOf is how many bytes a place takes.
func costOf[T any](p *place[T]) int64 {
	n := int64(unsafe.Sizeof(*p)) + perEntry
	switch it := any(&p.it).(type) {
	case *pair:
		n += int64(cap(it.talks))*int64(unsafe.Sizeof(talk{})) + int64(cap(it.marks))*int64(unsafe.Sizeof(mark{}))
	case *target:
		n += int64(cap(it.got)+cap(it.gave)) * int64(unsafe.Sizeof(hit{}))
	case *thread:
		n += int64(cap(it.turns)) * int64(unsafe.Sizeof(turn{}))
	}
	return n
}

// removeIf removes what f is true for.
func (s *shelf[T]) removeIf(f func(key uint64, it *T) bool) {
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		for key, p := range h.of {
			if f(key, &p.it) {
				h.remove(p)
			}
		}
		h.mu.Unlock()
	}
}

// each calls f for everything, one shard locked at a time, in the order of keys.
func (s *shelf[T]) each(f func(key uint64, it *T)) {
	var keys []uint64
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		keys = keys[:0]
		for key := range h.of {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			f(key, &h.of[key].it)
		}
		h.mu.Unlock()
	}
}

func (s *shelf[T]) size() (n int, bytes int64) {
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		n, bytes = n+len(h.of), bytes+h.bytes
		h.mu.Unlock()
	}
	return n, bytes
}
