package counter

// How a shard grows, and how it keeps to its budget.

const (
	pageSize = 4 << 10 // arenas are whole pages
	examined = 16      // records of which the oldest goes
)

// live is how many bytes of the arena records take.
func (s *shard) live() int { return max(s.used-s.dead, arenaStart) }

// bytes is what the shard takes.
func (s *shard) bytes() int { return len(s.slots) + len(s.arena) + s.bulk }

// fits reports whether the arena has room for so many bytes more.
func (s *shard) fits(size int) bool { return s.used+size <= len(s.arena) }

// reserve makes sure that there is a slot for one record more: at most four in
// five are taken.
func (s *shard) reserve() {
	if had := s.capacity(); 5*(s.n+1) > 4*had {
		s.rehash(max(firstSlots, had+had/4+1))
		s.fit()
	}
}

func (s *shard) rehash(capacity int) {
	old := shard{slots: s.slots}
	s.slots = allocate(capacity * slotSize)
	for i := range old.capacity() {
		if upper, place := old.slot(i); place != 0 {
			s.place(upper, place)
		}
	}
	free(old.slots)
}

// place puts a record that has no slot into the next free one.
func (s *shard) place(upper, at uint32) {
	i := s.home(upper)
	for {
		if _, taken := s.slot(i); taken == 0 {
			s.setSlot(i, upper, at)
			return
		}
		i = s.next(i)
	}
}

// allowed is how many bytes the shard may take: its budget, what it has
// borrowed beyond that, and what no shard has borrowed yet.
func (s *shard) allowed() int {
	return s.budget + s.borrowed + s.m.common - int(s.m.lent.Load())
}

// fit keeps the shard to what it may take: the oldest go.
func (s *shard) fit() {
	if s.bytes() > s.allowed() {
		s.makeRoom(0)
	}
	s.settle()
}

// settle makes what the shard has borrowed right.
func (s *shard) settle() {
	if over := max(s.bytes()-s.budget, 0); over != s.borrowed {
		s.m.lent.Add(int64(over - s.borrowed))
		s.borrowed = over
	}
}

// makeRoom makes the arena anew: without what is dead, and with room for size
// bytes more and, so that it need not be done again soon, for some beyond. What
// does not fit into what the shard may take goes, the oldest first.
func (s *shard) makeRoom(size int) {
	spare := func(part int) int { return s.live() + size + s.live()/part + pageSize }
	want := spare(8)
	most := func() int { return (s.allowed() - len(s.slots) - s.bulk) &^ (pageSize - 1) }
	if want > most() {
		for spare(32) > most() && s.evict() {
		}
		want = max(most(), s.live()+size)
	}
	old, used := s.arena, arenaStart
	s.arena = allocate((want + pageSize - 1) &^ (pageSize - 1))
	for i := range s.capacity() {
		upper, place := s.slot(i)
		if place == 0 {
			continue
		}
		r := record(old[place:])
		room := r.room()
		if 2*r.len() < room {
			room = max(r.len(), 1)
		}
		moved := record(s.arena[used : used+recordSize(room)])
		copy(moved, r)
		moved.setRoom(room)
		s.setSlot(i, upper, uint32(used))
		used += len(moved)
	}
	s.used, s.dead = used, 0
	free(old)
	s.settle()
}

// evict removes a count that was not added to for long: the oldest of the next
// few in the table, which are a random draw of all. It reports whether there
// was one.
func (s *shard) evict() bool {
	if s.n == 0 || s.bulk > s.budget/2 {
		return s.evictCrowd()
	}
	oldest, came := -1, int64(0)
	for seen := 0; seen < min(examined, s.n); {
		if s.hand++; s.hand >= s.capacity() {
			s.hand = 0
		}
		_, place := s.slot(s.hand)
		if place == 0 {
			continue
		}
		seen++
		r := s.at(place)
		if at := int64(r.newest()) + int64(r.lag()); oldest < 0 || at < came {
			oldest, came = s.hand, at
		}
	}
	_, place := s.slot(oldest)
	s.remove(oldest, s.at(place))
	s.m.evicted.Add(1)
	return true
}

func (s *shard) evictCrowd() bool {
	var oldest uint64
	var came int64
	seen := 0
	for digest, c := range s.crowds { // in random order
		if at := int64(c.newest()) + int64(c.lag); seen == 0 || at < came {
			oldest, came = digest, at
		}
		if seen++; seen == examined {
			break
		}
	}
	if seen == 0 {
		return false
	}
	s.drop(oldest)
	s.m.evicted.Add(1)
	return true
}

// drop removes a crowd.
func (s *shard) drop(digest uint64) {
	s.bulk -= s.crowds[digest].bytes()
	delete(s.crowds, digest)
	s.settle()
}

// sweep removes what has expired or is gone by its digest from the next slots,
// and says where to go on; -1 is at the end, where the crowds are seen to too.
func (s *shard) sweep(from int, now uint32, gone map[uint32]struct{}) int {
	const step = 1024
	i := from
	for seen := 0; i < s.capacity(); seen++ {
		if seen == step {
			return i
		}
		_, place := s.slot(i)
		if place == 0 {
			i++
			continue
		}
		r := s.at(place)
		hold, lag := s.m.counter(r.counter()).hold.Load(), r.lag()
		removed := r.keep(func(e element) bool {
			_, forgotten := gone[e.digest()]
			return !forgotten && !expired(e.at(), hold, lag, now)
		})
		s.m.expired.Add(uint64(removed))
		if r.len() > 0 {
			i++
			continue
		}
		s.remove(i, r) // another may be at i now
	}
	s.sweepCrowds(now, gone)
	s.shrink()
	return -1
}

func (s *shard) sweepCrowds(now uint32, gone map[uint32]struct{}) {
	for digest, c := range s.crowds {
		before := c.bytes()
		s.m.expired.Add(uint64(c.sweep(now, gone)))
		s.bulk += c.bytes() - before
		s.settle()
		if !c.exact(now) {
			continue
		}
		s.drop(digest) // it has become small, or nothing
		if len(c.recent) > 0 {
			s.restore(digest, c.counter, c.lag, c.recent)
		}
	}
}

// restore puts a whole count in. There must be none of the digest.
func (s *shard) restore(digest uint64, c *named, lag uint32, elements []element) {
	s.reserve()
	if size := recordSize(len(elements)); !s.fits(size) {
		s.makeRoom(size)
	}
	i, _ := s.find(digest)
	r := s.append(i, digest, lag, c, len(elements))
	for _, e := range elements {
		r.put(e)
	}
}

// shrink gives memory back that so many counts don't need.
func (s *shard) shrink() {
	if s.n == 0 && len(s.crowds) == 0 {
		s.empty()
		return
	}
	if s.capacity() > firstSlots && 3*s.n < s.capacity() {
		s.rehash(max(firstSlots, s.n+s.n/2))
	}
	if s.dead > s.live() {
		s.makeRoom(0)
	}
}
