package hamming

import "sync/atomic"

// tail is a short list of entries in the order in which they came. Searches
// read it while it grows: they see the first n entries, which stay as they are
// but for being marked dead.
type tail struct {
	codes []Code
	ids   []uint64
	n     atomic.Int64
	dead  marks
	at    map[Entry]int // where the live entries are; for those who write
	left  atomic.Int64  // len(at), for those who read
}

func newTail(size int) *tail {
	return &tail{
		codes: make([]Code, size),
		ids:   make([]uint64, size),
		dead:  newMarks(size),
		at:    make(map[Entry]int),
	}
}

func (t *tail) full() bool { return int(t.n.Load()) == len(t.codes) }

func (t *tail) live() int { return int(t.left.Load()) }

func (t *tail) has(e Entry) bool {
	_, ok := t.at[e]
	return ok
}

// add is called when there is room.
func (t *tail) add(e Entry) {
	i := int(t.n.Load())
	t.codes[i], t.ids[i] = e.Code, e.ID
	t.at[e] = i
	t.left.Add(1)
	t.n.Store(int64(i + 1))
}

func (t *tail) kill(e Entry) bool {
	i, ok := t.at[e]
	if ok {
		t.dead.set(i)
		delete(t.at, e)
		t.left.Add(-1)
	}
	return ok
}

func (t *tail) search(q Code, radius int, yield func(Match) bool) bool {
	return near(t.codes[:t.n.Load()], q, radius, func(i, distance int) bool {
		return t.dead.has(i) || yield(Match{Entry{t.codes[i], t.ids[i]}, distance})
	})
}

// appendLive appends the entries that are not dead.
func (t *tail) appendLive(entries []Entry) []Entry {
	for i := range int(t.n.Load()) {
		if !t.dead.has(i) {
			entries = append(entries, Entry{t.codes[i], t.ids[i]})
		}
	}
	return entries
}

// marks is a set of small numbers that is read while it grows.
type marks []atomic.Uint64

func newMarks(n int) marks { return make(marks, (n+63)/64) }

func (m marks) has(i int) bool { return m[i/64].Load()>>(i%64)&1 == 1 }

func (m marks) set(i int) { m[i/64].Or(1 << (i % 64)) }
