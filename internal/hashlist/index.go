package hashlist

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/breakwater-project/breakwater/hamming"
)

// index is what searches need of the entries. It may know more than the
// database, never less than at change seq: what it finds is read there again.
type index struct {
	near    *hamming.Index // PDQ hashes
	frames  *hamming.Index // frames of videos
	exact   [len(exactKinds)]*digests
	numbers *numbers
	seq     int64 // changes up to this are in it; of the follower alone
}

func newIndex() *index {
	x := &index{near: hamming.New(), frames: hamming.New(), numbers: new(numbers)}
	for i := range x.exact {
		x.exact[i] = new(digests)
	}
	return x
}

// size is how many hashes of a kind there are; of VPDQ, frames.
func (x *index) size(kind Kind) int {
	switch kind {
	case PDQ:
		return x.near.Len()
	case VPDQ:
		return x.frames.Len()
	}
	if i := slices.Index(exactKinds[:], kind); i >= 0 {
		return x.exact[i].len()
	}
	return 0
}

// total is how many hashes there are.
func (x *index) total() (n int) {
	for _, kind := range allKinds {
		n += x.size(kind)
	}
	return n
}

// word is what the index knows of a number: its entry's bank, and whether it
// matches.
type word uint32

const (
	bankMask word = 1<<28 - 1
	live     word = 1 << 28 // it is not removed
	denied   word = 1 << 29
	disabled word = 1 << 30 // until a time that numbers has
)

func (w word) bank() int64 { return int64(w & bankMask) }

// numbers has the word of each number.
type numbers struct {
	blocks atomic.Pointer[[]*block]
	mu     sync.RWMutex
	until  map[uint32]int64 // microseconds
}

const blockSize = 1 << 16

type block [blockSize]atomic.Uint32

func (n *numbers) get(number uint32) word {
	blocks := n.blocks.Load()
	if blocks == nil || int(number/blockSize) >= len(*blocks) {
		return 0
	}
	return word((*blocks)[number/blockSize][number%blockSize].Load())
}

// set is for one goroutine at a time.
func (n *numbers) set(number uint32, w word) {
	var blocks []*block
	if had := n.blocks.Load(); had != nil {
		blocks = *had
	}
	if need := int(number/blockSize) + 1; need > len(blocks) {
		for len(blocks) < need {
			blocks = append(blocks[:len(blocks):len(blocks)], new(block))
		}
		n.blocks.Store(&blocks)
	}
	blocks[number/blockSize][number%blockSize].Store(uint32(w))
}

func (n *numbers) disable(number uint32, until int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.until == nil {
		n.until = map[uint32]int64{}
	}
	n.until[number] = until
}

func (n *numbers) disabledUntil(number uint32) int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.until[number]
}

// enabled reports whether the entry with this word may match at a time.
func (n *numbers) enabled(number uint32, w word, now int64) bool {
	if w&denied != 0 {
		return false
	}
	return w&disabled == 0 || n.disabledUntil(number) <= now
}

// intake brings rows into an index; end brings in what it still holds back.
type intake struct {
	x            *index
	near, frames []hamming.Entry
}

// batch is how many codes are added at once where there are many. What comes
// together is one segment, which searches fastest and needs no merge; the codes
// that wait take 40 bytes each.
const batch = 1 << 24

func (in *intake) row(e *entryRow) error {
	k, err := unpack(e.hashes)
	if err != nil {
		return err
	}
	number, x := uint32(e.num), in.x
	was, w := x.numbers.get(number), wordOf(e)
	if e.until.Valid {
		x.numbers.disable(number, e.until.Int64)
	}
	x.numbers.set(number, w)
	switch {
	case w&live == 0:
		in.forget(&k, number)
	case was&live == 0:
		in.learn(&k, number)
	}
	return nil
}

func wordOf(e *entryRow) word {
	if e.removed.Valid {
		return 0
	}
	w := word(e.bank)&bankMask | live
	if verdicts[e.verdict] == Denied {
		w |= denied
	}
	if e.until.Valid {
		w |= disabled
	}
	return w
}

func (in *intake) learn(k *known, number uint32) {
	for i, sum := range k.exact {
		if sum != nil {
			in.x.exact[i].add(sum, number)
		}
	}
	if k.pdq != nil {
		in.near = append(in.near, hamming.Entry{Code: *k.pdq, ID: uint64(number)})
	}
	for _, f := range k.frames {
		in.frames = append(in.frames, hamming.Entry{Code: f.code, ID: uint64(number)})
	}
	if len(in.near) >= batch || len(in.frames) >= batch {
		in.end()
	}
}

func (in *intake) forget(k *known, number uint32) {
	in.end() // it may have been learnt just now
	for i, sum := range k.exact {
		if sum != nil {
			in.x.exact[i].remove(sum, number)
		}
	}
	if k.pdq != nil {
		in.x.near.Delete(*k.pdq, uint64(number))
	}
	for _, f := range k.frames {
		in.x.frames.Delete(f.code, uint64(number))
	}
}

func (in *intake) end() {
	in.x.near.AddAll(in.near)
	in.x.frames.AddAll(in.frames)
	in.near, in.frames = nil, nil // a change of many should not hold memory after it
}
