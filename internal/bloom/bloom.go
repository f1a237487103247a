// Package bloom answers whether a name may be in a set, in memory that does not
// grow: "no" is sure, "yes" is worth a look in the database.
package bloom

import (
	"hash/maphash"
	"sync/atomic"
)

// Filter is a Bloom filter of names, safe for concurrent use. Nothing can be
// taken out of it. With five million names it errs for one in twenty-five of
// the others.
type Filter struct {
	seed maphash.Seed
	bits []atomic.Uint64
}

const (
	size   = 1 << 25 // bits: 4 MiB
	probes = 4
)

// New is an empty filter.
func New() *Filter {
	return &Filter{seed: maphash.MakeSeed(), bits: make([]atomic.Uint64, size/64)}
}

// Add puts a name, which may be of several parts, into the set.
func (b *Filter) Add(name ...string) {
	b.probe(name, func(word, mask uint64) bool {
		b.bits[word].Or(mask)
		return true
	})
}

// May reports whether the name may be in the set.
func (b *Filter) May(name ...string) bool {
	return b.probe(name, func(word, mask uint64) bool { return b.bits[word].Load()&mask != 0 })
}

// probe calls f with the places that stand for a name, until it is false.
func (b *Filter) probe(name []string, f func(word, mask uint64) bool) bool {
	var h maphash.Hash
	h.SetSeed(b.seed)
	for _, part := range name {
		h.WriteString(part)
		h.WriteByte(0)
	}
	sum := h.Sum64()
	for range probes {
		bit := sum % size
		if !f(bit/64, 1<<(bit%64)) {
			return false
		}
		sum = sum>>32*0x9e3779b97f4a7c15 + sum<<32 // other bits of the same sum
	}
	return true
}
