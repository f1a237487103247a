package counter

import (
	"context"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// Memory is a Store in this process. A count takes 12 bytes and 8 for each
// element, and some 16 around that. Up to Exact elements it is exact, but for
// two in 2^32 whose digests are the same. Beyond, a window that begins before
// the newest elements is estimated with a standard error of 1.6 %, and begins
// with a whole hour, or, if it is longer than 48 hours, day (UTC).
type Memory struct {
	o        MemoryOptions
	owners   sip
	elements sip
	shards   []shard
	names    names

	common int          // bytes that shards may borrow beyond their own, for crowds
	lent   atomic.Int64 // of these

	mu        sync.Mutex
	forgotten map[uint32]int // elements that a sweep is to remove, and when they came
	forgets   int            // how many came, ever

	saving sync.Mutex // one Save at a time
	noting sync.Mutex // over the file of those who were forgotten

	evicted, expired atomic.Uint64
	stop             chan struct{}
	stopped          sync.WaitGroup
	once             sync.Once
}

// MemoryOptions of OpenMemory.
type MemoryOptions struct {
	Secret Secret
	Bytes  int64            // at most so many; at that the oldest counts go; 2 GiB unless set
	Path   string           // file of Save and Load
	Now    func() time.Time // time.Now unless set
}

// LeastBytes is the smallest bound of a Memory.
const LeastBytes = 1 << 20

const (
	defaultBytes = 2 << 30
	shardBytes   = 512 << 10 // so large a shard is moved without a pause that matters
	mostShards   = 4096
)

// OpenMemory is an empty store. It sweeps by itself until it is closed.
func OpenMemory(o MemoryOptions) (*Memory, error) {
	if o.Bytes == 0 {
		o.Bytes = defaultBytes
	}
	if o.Bytes < LeastBytes {
		return nil, fmt.Errorf("counter: %d bytes of memory are too few: at least %d", o.Bytes, LeastBytes)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Memory{
		o: o, owners: o.Secret.derive("owner"), elements: o.Secret.derive("element"),
		shards: make([]shard, min(1<<(bits.Len64(uint64(o.Bytes/shardBytes))-1), mostShards)),
		stop:   make(chan struct{}), forgotten: map[uint32]int{},
	}
	m.common = int(o.Bytes / 8)
	for i := range m.shards {
		m.shards[i].m, m.shards[i].budget = m, (int(o.Bytes)-m.common)/len(m.shards)
	}
	m.stopped.Go(m.sweepForever)
	return m, nil
}

// Close gives the memory back.
func (m *Memory) Close() error {
	m.once.Do(func() { close(m.stop) })
	m.stopped.Wait()
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.empty()
		s.closed = true
		s.mu.Unlock()
	}
	return nil
}

func (s *shard) empty() {
	free(s.slots)
	free(s.arena)
	s.slots, s.arena, s.crowds = nil, nil, nil
	s.n, s.used, s.dead, s.bulk, s.hand = 0, 0, 0, 0, 0
	s.settle()
}

// Count implements Store.
func (m *Memory) Count(_ context.Context, adds []Add, reads []Read) ([]float64, error) {
	out := make([]float64, len(reads))
	return out, m.CountInto(out, adds, reads)
}

// CountInto is Count without an allocation: out has the length of reads.
func (m *Memory) CountInto(out []float64, adds []Add, reads []Read) error {
	now := m.o.Now()
	if err := m.take(adds, now); err != nil {
		return err
	}
	for i := range reads {
		r := &reads[i]
		from, to, err := r.span(now)
		if err != nil {
			return err
		}
		out[i] = 0
		c := m.names.known(r.Counter)
		if c == nil {
			continue
		}
		digest := c.key.digest(r.Owner)
		s := m.shard(digest)
		s.mu.Lock()
		out[i] = s.count(digest, from, to)
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return ErrClosed
		}
	}
	return nil
}

// Rebuild takes in adds that came at an earlier time, as a journal knows it,
// as if they came then.
func (m *Memory) Rebuild(adds []Add, came time.Time) error { return m.take(adds, came) }

func (m *Memory) take(adds []Add, now time.Time) error {
	for i := range adds {
		a := &adds[i]
		hold, err := hold(a.Keep)
		if err != nil {
			return err
		}
		c, err := m.names.of(a.Counter, hold, m.owners)
		if err != nil {
			return err
		}
		digest := c.key.digest(a.Owner)
		e := elementOf(uint32(m.elements.digest(a.Element)), instant(a.At, now))
		s := m.shard(digest)
		s.mu.Lock()
		closed := s.closed
		if !closed {
			s.add(digest, c, e, uint32(now.Unix()))
		}
		s.mu.Unlock()
		if closed {
			return ErrClosed
		}
	}
	return nil
}

func (m *Memory) shard(digest uint64) *shard {
	return &m.shards[digest&uint64(len(m.shards)-1)]
}

func (m *Memory) counter(id uint16) *named { return m.names.list()[id] }

// Forget implements Store. With a Path it is written down before it returns, so
// that an older snapshot brings nothing back.
func (m *Memory) Forget(_ context.Context, owner string) error {
	var digests []uint64
	for _, c := range m.names.list() {
		digests = append(digests, c.key.digest(owner))
		m.forgetCount(digests[len(digests)-1])
	}
	element := uint32(m.elements.digest(owner))
	m.forgetElement(element)
	if m.o.Path == "" {
		return nil
	}
	return m.note(append(digests, uint64(element)))
}

func (m *Memory) forgetCount(digest uint64) {
	s := m.shard(digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(digest)
}

func (m *Memory) forgetElement(digest uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgets++
	m.forgotten[digest] = m.forgets
}

func (s *shard) forget(digest uint64) {
	if s.crowds[digest] != nil {
		s.drop(digest)
	}
	if s.n == 0 {
		return
	}
	if i, r := s.find(digest); r != nil {
		s.remove(i, r)
	}
}

// sweepForever sweeps one shard after the other, each once in Sweep.
func (m *Memory) sweepForever() {
	ticker := time.NewTicker(Sweep / time.Duration(len(m.shards)))
	defer ticker.Stop()
	for {
		gone, forgets := m.toForget()
		for i := range m.shards {
			select {
			case <-m.stop:
				return
			case <-ticker.C:
			}
			m.sweepShard(i, gone)
		}
		m.forgot(forgets)
	}
}

// sweep sweeps all at once.
func (m *Memory) sweep() {
	gone, forgets := m.toForget()
	for i := range m.shards {
		m.sweepShard(i, gone)
	}
	m.forgot(forgets)
}

func (m *Memory) sweepShard(i int, gone map[uint32]struct{}) {
	s, now := &m.shards[i], uint32(m.o.Now().Unix())
	for at := 0; at >= 0; {
		s.mu.Lock()
		at = s.sweep(at, now, gone)
		s.mu.Unlock()
	}
}

// toForget is the elements to remove, and a number for forgot.
func (m *Memory) toForget() (map[uint32]struct{}, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := make(map[uint32]struct{}, len(m.forgotten))
	for e := range m.forgotten {
		gone[e] = struct{}{}
	}
	return gone, m.forgets
}

// forgot ends what toForget began.
func (m *Memory) forgot(forgets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e, came := range m.forgotten {
		if came <= forgets {
			delete(m.forgotten, e)
		}
	}
}

// Stats are what a Memory has.
type Stats struct {
	Counts  int    // exact ones
	Crowds  int    // larger ones
	Bytes   int64  // that they take
	Evicted uint64 // counts that went since the memory was full, ever
	Expired uint64 // elements that went since they had expired, ever
}

// Stats reads them, a shard at a time.
func (m *Memory) Stats() Stats {
	st := Stats{Evicted: m.evicted.Load(), Expired: m.expired.Load()}
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		st.Counts += s.n
		st.Crowds += len(s.crowds)
		st.Bytes += int64(s.bytes())
		s.mu.Unlock()
	}
	return st
}
