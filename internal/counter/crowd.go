package counter

import "slices"

// A crowd is a count of more than Exact elements: the newest of them exactly,
// and sketches of all.
type crowd struct {
	counter *named
	lag     uint32
	// floor: recent has exactly the elements whose time is after it.
	floor  uint32
	recent []element   // at most Exact, in no order
	hours  []sketch    // by time
	days   []sketch    // by time; only if more than hourly is held
	memos  [memos]memo // what was read last
	turn   uint8       // which memo goes next
}

// memo is what the sketches of a span gave. While a crowd is large it has their
// union and is kept right; else a change of a sketch ends it.
type memo struct {
	unit, first, last uint32 // unit 0: none
	count             float64
	union             *union
}

const (
	memos      = 4       // spans that are remembered: rules read few windows of one count
	crowdBytes = 400     // of a crowd without its parts, in its shard's map
	unionBytes = 4 << 10 // of a union, about
	unionWork  = 4 << 10 // from which work on it pays to keep one
)

func newCrowd(c *named, lag uint32) *crowd { return &crowd{counter: c, lag: lag} }

// add takes an element in and says how many bytes the crowd has grown by.
func (c *crowd) add(e element, now uint32) (grown int) {
	hold := c.counter.hold.Load()
	c.lag = min(c.lag, lagOf(e.at(), now))
	if expired(e.at(), hold, c.lag, now) {
		return 0
	}
	before := c.bytes()
	if !expired(e.at(), min(hold, heldHourly), c.lag, now) && addTo(&c.hours, e, hour, c.over(min(hold, heldHourly), hour, now)) {
		c.remember(e, hour)
	}
	if hold > heldHourly && addTo(&c.days, e, day, c.over(hold, day, now)) {
		c.remember(e, day)
	}
	if e.at() > c.floor {
		c.put(e)
	}
	return c.bytes() - before
}

// put takes e, which is after the floor, into the newest.
func (c *crowd) put(e element) {
	for i, had := range c.recent {
		if had.digest() == e.digest() {
			c.recent[i] = elementOf(e.digest(), max(had.at(), e.at()))
			return
		}
	}
	if len(c.recent) == Exact {
		c.raise()
		if e.at() <= c.floor {
			return
		}
	}
	c.recent = append(c.recent, e)
}

// raise raises the floor so that about half of the newest remain.
func (c *crowd) raise() {
	var times [Exact]uint32
	for i, e := range c.recent {
		times[i] = e.at()
	}
	slices.Sort(times[:])
	c.floor = times[Exact/2]
	c.recent = slices.DeleteFunc(c.recent, func(e element) bool { return e.at() <= c.floor })
}

// over tells which sketches have expired.
func (c *crowd) over(hold, unit, now uint32) func(sketch) bool {
	return func(s sketch) bool { return expired(s.at*unit+unit-1, hold, c.lag, now) }
}

// addTo adds e to the sketch of its time, and reports whether that changed it.
// Before a new sketch what is over goes.
func addTo(sketches *[]sketch, e element, unit uint32, over func(sketch) bool) bool {
	at := e.at() / unit
	by := func(s sketch, at uint32) int { return int(s.at) - int(at) }
	i, found := slices.BinarySearchFunc(*sketches, at, by)
	if !found {
		*sketches = slices.DeleteFunc(*sketches, over)
		i, _ = slices.BinarySearchFunc(*sketches, at, by)
		*sketches = slices.Insert(*sketches, i, sketch{at: at})
	}
	return (*sketches)[i].add(e.digest())
}

// remember makes the memos right after an element came into a sketch.
func (c *crowd) remember(e element, unit uint32) {
	for i := range c.memos {
		m := &c.memos[i]
		if at := e.at() / unit; m.unit != unit || at < m.first || at > m.last {
			continue
		}
		if m.union == nil {
			*m = memo{}
			continue
		}
		m.union.add(e.digest())
		m.count = m.union.estimate()
	}
}

// count is the number of elements in (from, to]. Where that begins before the
// floor it is an estimate, of whole hours or days.
func (c *crowd) count(from, to uint32) float64 {
	exact := 0
	for _, e := range c.recent {
		if e.at() > from && e.at() <= to {
			exact++
		}
	}
	if from >= c.floor {
		return float64(exact)
	}
	return max(float64(exact), c.sketched(from, to))
}

func (c *crowd) sketched(from, to uint32) float64 {
	sketches, unit := c.hours, uint32(hour)
	if to-from > longHourly && len(c.days) > 0 {
		sketches, unit = c.days, day
	}
	m := memo{unit: unit, first: (from + 1) / unit, last: to / unit}
	for _, had := range c.memos {
		if had.unit == m.unit && had.first == m.first && had.last == m.last {
			return had.count
		}
	}
	var u union
	work := 0
	for i := range sketches {
		if s := &sketches[i]; s.at >= m.first && s.at <= m.last {
			work += s.work()
			s.into(&u)
		}
	}
	u.tally()
	m.count = u.estimate()
	if work >= unionWork {
		m.union = &union{}
		*m.union = u
	}
	c.memos[c.turn%memos] = m
	c.turn++
	return m.count
}

// sweep removes what has expired and what is gone by its digest, and reports
// how many elements of the newest that were.
func (c *crowd) sweep(now uint32, gone map[uint32]struct{}) (removed int) {
	hold := c.counter.hold.Load()
	before := len(c.recent)
	c.recent = slices.DeleteFunc(c.recent, func(e element) bool {
		_, forgotten := gone[e.digest()]
		return forgotten || expired(e.at(), hold, c.lag, now)
	})
	c.hours = slices.DeleteFunc(c.hours, c.over(min(hold, heldHourly), hour, now))
	c.days = slices.DeleteFunc(c.days, c.over(hold, day, now))
	for e := range gone {
		for _, sketches := range [2][]sketch{c.hours, c.days} {
			for i := range sketches {
				sketches[i].remove(e)
			}
		}
	}
	c.memos = [memos]memo{}
	return before - len(c.recent)
}

// exact reports whether the newest are all that has not expired.
func (c *crowd) exact(now uint32) bool {
	return expired(c.floor, c.counter.hold.Load(), c.lag, now)
}

func (c *crowd) newest() uint32 {
	newest := c.floor
	for _, e := range c.recent {
		newest = max(newest, e.at())
	}
	return newest
}

// bytes is what the crowd takes, about.
func (c *crowd) bytes() int {
	n := crowdBytes + elementSize*cap(c.recent)
	for i := range c.memos {
		if c.memos[i].union != nil {
			n += unionBytes
		}
	}
	for _, sketches := range [2][]sketch{c.hours, c.days} {
		n += sketchBytes * (cap(sketches) - len(sketches))
		for i := range sketches {
			n += sketches[i].bytes()
		}
	}
	return n
}
