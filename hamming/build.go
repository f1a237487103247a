package hamming

import (
	"math/bits"
	"slices"
)

// build makes a segment of entries, which may repeat. Parts of fewer than
// banded codes have no bands.
func build(entries []Entry, banded int) *segment {
	all, ids := fold(sortEntries(entries))
	s := &segment{ids: ids, dead: newMarks(len(ids))}
	for _, p := range split(all, s, banded) {
		for _, p := range p.pieces(mostBanded) {
			p.crowded = crowdedKeys(p.codes, banded).bands()
			p.bands = bandsOf(p.codes, bandsFor(len(p.codes), banded), p.crowded)
			s.parts = append(s.parts, p)
		}
	}
	return s
}

// pieces are parts of at most so many codes.
func (p part) pieces(most int) []part {
	var all []part
	for from := 0; from < len(p.codes); from += most {
		to := min(from+most, len(p.codes))
		all = append(all, part{codes: p.codes[from:to:to], starts: p.starts[from : to+1 : to+1]})
	}
	return all
}

// sortEntries gives the codes and ids of entries in ascending order. It puts
// them into buckets by their first bits, about one in each if they are random,
// and sorts within buckets.
func sortEntries(entries []Entry) ([]Code, []uint64) {
	shift := 64 - min(bits.Len(uint(len(entries))), 24)
	ends := make([]uint32, 1<<(64-shift)+1) // of buckets
	for i := range entries {
		ends[entries[i].Code[0]>>shift+1]++
	}
	for k := range len(ends) - 1 {
		ends[k+1] += ends[k]
	}
	codes, ids := large[Code](len(entries)), large[uint64](len(entries))
	for i := range entries { // ends[k] goes from where bucket k begins to where it ends
		k := entries[i].Code[0] >> shift
		codes[ends[k]], ids[ends[k]] = entries[i].Code, entries[i].ID
		ends[k]++
	}
	var bucket []Entry
	from := 0
	for _, end := range ends[:len(ends)-1] {
		to := int(end)
		if to-from > 1 {
			bucket = bucket[:0]
			for i := from; i < to; i++ {
				bucket = append(bucket, Entry{codes[i], ids[i]})
			}
			slices.SortFunc(bucket, Entry.compare)
			for i, e := range bucket {
				codes[from+i], ids[from+i] = e.Code, e.ID
			}
		}
		from = to
	}
	return codes, ids
}

// fold keeps each of ascending codes once, and its ids each once. It writes
// over what it is given.
func fold(codes []Code, ids []uint64) (part, []uint64) {
	p := part{codes: codes[:0], starts: make([]uint32, 0, len(codes)+1)}
	folded := ids[:0] // written no faster than read
	var last Entry
	for i := range codes {
		e := Entry{codes[i], ids[i]}
		if i > 0 && e == last {
			continue
		}
		if i == 0 || e.Code != last.Code {
			p.codes = append(p.codes, e.Code)
			p.starts = append(p.starts, uint32(len(folded)))
		}
		folded = append(folded, e.ID)
		last = e
	}
	p.starts = append(p.starts, uint32(len(folded)))
	return part{codes: trimmed(p.codes), starts: trimmed(p.starts)}, trimmed(folded)
}

// trimmed is a without room to grow, if that is much.
func trimmed[T any](a []T) []T {
	if cap(a)-len(a) > len(a)/16 {
		return slices.Clone(a)
	}
	return a
}

const (
	sampled = 4096
	// crowding is how many of the sampled codes have the same value in a band
	// where random codes would have one or two.
	crowding = 64
)

// split divides a part in two where many codes share the values of at least
// two bands, such as codes with half their bits in common: for itself, the
// crowd can be scanned, and the others have the bands that random codes would
// have. The ids of the segment are put in their order.
func split(all part, s *segment, banded int) []part {
	crowded := crowdedKeys(all.codes, banded)
	if crowded.bands() == 0 {
		return []part{all}
	}
	inCrowd := make([]bool, len(all.codes))
	crowd := 0
	for i := range all.codes {
		if crowded.shares(&all.codes[i]) {
			inCrowd[i] = true
			crowd++
		}
	}
	if crowd < max(len(all.codes)/64, 1) || crowd > len(all.codes)*63/64 {
		return []part{all}
	}
	ids := make([]uint64, 0, len(s.ids))
	var parts []part
	for _, side := range []struct {
		crowd bool
		codes int
	}{{false, len(all.codes) - crowd}, {true, crowd}} {
		p := part{codes: large[Code](side.codes)[:0], starts: make([]uint32, 0, side.codes+1)}
		for i, c := range all.codes {
			if inCrowd[i] == side.crowd {
				p.codes = append(p.codes, c)
				p.starts = append(p.starts, uint32(len(ids)))
				ids = append(ids, s.ids[all.starts[i]:all.starts[i+1]]...)
			}
		}
		p.starts = append(p.starts, uint32(len(ids)))
		parts = append(parts, p)
	}
	s.ids = ids
	return parts
}

// keys are, for each band, values that many codes have.
type keys struct {
	cuts []cut
	of   [][]uint32 // ascending
}

// crowdedKeys looks for them in a sample.
func crowdedKeys(codes []Code, banded int) *keys {
	k := new(keys)
	if m := bandsFor(len(codes), banded); m > 0 {
		k.cuts = cuts(m)
	}
	k.of = make([][]uint32, len(k.cuts))
	step := max(len(codes)/sampled, 1)
	for i, cut := range k.cuts {
		var sample []uint32
		for j := 0; j < len(codes); j += step {
			sample = append(sample, cut.key(&codes[j]))
		}
		slices.Sort(sample)
		for j := crowding; j < len(sample); j++ {
			if sample[j] == sample[j-crowding] && (len(k.of[i]) == 0 || k.of[i][len(k.of[i])-1] != sample[j]) {
				k.of[i] = append(k.of[i], sample[j])
			}
		}
	}
	return k
}

// bands has a bit for each band that has such values.
func (k *keys) bands() (crowded uint64) {
	for i := range k.of {
		if len(k.of[i]) > 0 {
			crowded |= 1 << i
		}
	}
	return crowded
}

// shares reports whether two bands of the code or more have such a value.
func (k *keys) shares(c *Code) bool {
	n := 0
	for i, cut := range k.cuts {
		if len(k.of[i]) > 0 {
			if _, ok := slices.BinarySearch(k.of[i], cut.key(c)); ok {
				n++
			}
		}
	}
	return n >= 2
}
