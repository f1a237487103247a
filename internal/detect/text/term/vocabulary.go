package term

import (
	"bytes"
	"maps"
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// manner says how a slot's words are compared with the text.
type manner uint8

const (
	exact   manner = 1 << iota // only in the raw form
	variant                    // also with letters hidden or doubled
)

// filled is a slot that a word fills.
type filled struct {
	symbol int32
	flags  manner
}

// A vocabulary is a trie over the bytes of words, laid out flat.
type vocabulary struct {
	nodes   []vocabularyNode // 0 is the root
	labels  []byte           // edges of all nodes, those of one node together and sorted
	targets []int32
	root    [256]int32 // the root's edges, by byte
}

type vocabularyNode struct {
	first, count int32    // edges: labels[first:first+count]
	whole        []filled // slots filled by the word that ends here
	stem         []filled // slots filled by every word that begins like this
}

func (v *vocabulary) child(node int32, b byte) int32 {
	if node == 0 {
		return v.root[b]
	}
	n := &v.nodes[node]
	for i := n.first; i < n.first+n.count; i++ {
		if v.labels[i] == b {
			return v.targets[i]
		}
	}
	return 0
}

// trieNode is a vocabulary under construction.
type trieNode struct {
	children    map[byte]*trieNode
	whole, stem []filled
}

func newTrieNode() *trieNode { return &trieNode{children: make(map[byte]*trieNode)} }

// insert adds a word without its apostrophes.
func (t *trieNode) insert(word string, stem bool, f filled) {
	for i := range len(word) {
		b := word[i]
		if b == '\'' {
			continue
		}
		if t.children[b] == nil {
			t.children[b] = newTrieNode()
		}
		t = t.children[b]
	}
	to := &t.whole
	if stem {
		to = &t.stem
	}
	if !slices.Contains(*to, f) {
		*to = append(*to, f)
	}
}

func (t *trieNode) flatten() vocabulary {
	var v vocabulary
	v.nodes = append(v.nodes, vocabularyNode{})
	queue := []*trieNode{t}
	for i := 0; i < len(queue); i++ {
		from := queue[i]
		node := vocabularyNode{first: int32(len(v.labels)), count: int32(len(from.children)), whole: from.whole, stem: from.stem}
		for _, b := range slices.Sorted(maps.Keys(from.children)) {
			to := int32(len(v.nodes))
			v.labels = append(v.labels, b)
			v.targets = append(v.targets, to)
			v.nodes = append(v.nodes, vocabularyNode{})
			queue = append(queue, from.children[b])
			if i == 0 {
				v.root[b] = to
			}
		}
		v.nodes[i] = node
	}
	return v
}

// lookup appends to found the slots that word fills. In the folded form, exact slots
// do not count. A word with "*" or with doubled letters also fills variant slots.
func (v *vocabulary) lookup(word []byte, folded bool, found []filled) []filled {
	start := len(found)
	double, long, masked := shape(word)
	node := int32(0)
	for _, b := range word {
		if b == '\'' {
			continue
		}
		if node = v.child(node, b); node == 0 {
			break
		}
		found = add(found, v.nodes[node].stem, folded, 0)
	}
	if node != 0 {
		found = add(found, v.nodes[node].whole, folded, 0)
	}
	if double && len(found) == start {
		need := variant
		if long {
			need = 0
		}
		found = v.lookupDoubled(word, folded, need, found)
	}
	if masked {
		found = v.lookupMasked(word, folded, found)
	}
	return found
}

// lookupDoubled reads word with doubled letters as single wherever the vocabulary has
// it so: "stuupid".
func (v *vocabulary) lookupDoubled(word []byte, folded bool, need manner, found []filled) []filled {
	node := int32(0)
	for i, b := range word {
		if b == '\'' {
			continue
		}
		to := v.child(node, b)
		if to == 0 && i > 0 && word[i-1] == b {
			continue
		}
		if node = to; node == 0 {
			return found
		}
		found = add(found, v.nodes[node].stem, folded, need)
	}
	return add(found, v.nodes[node].whole, folded, need)
}

// maxMasks bounds the work on a word with hidden letters.
const maxMasks = 5

// lookupMasked reads each "*" as any one letter, if enough others are plain; and,
// since people also write **bold**, a word with "*" only at its end without them.
func (v *vocabulary) lookupMasked(word []byte, folded bool, found []filled) []filled {
	plain := word
	for len(plain) > 0 && plain[len(plain)-1] == normal.Mask {
		plain = plain[:len(plain)-1]
	}
	masks := bytes.Count(word, []byte{normal.Mask})
	if masks == len(word)-len(plain) {
		found = v.lookup(plain, folded, found)
	}
	if len(word) < 3 || masks > maxMasks || 2*masks > len(word)+1 || word[0] == normal.Mask {
		return found
	}
	return v.walkMasked(0, word, folded, found)
}

func (v *vocabulary) walkMasked(node int32, word []byte, folded bool, found []filled) []filled {
	for i, b := range word {
		if b != normal.Mask {
			if node = v.child(node, b); node == 0 {
				return found
			}
			continue
		}
		n := &v.nodes[node]
		for e := n.first; e < n.first+n.count; e++ {
			if isLetter(v.labels[e]) {
				found = v.walkMasked(v.targets[e], word[i+1:], folded, found)
			}
		}
		return found
	}
	return add(found, v.nodes[node].whole, folded, variant)
}

// longest gives the length of the longest whole word that text begins with, at least
// low bytes; 0 if there is none.
func (v *vocabulary) longest(text []byte, low int) int {
	node, best := int32(0), 0
	for i, b := range text {
		if node = v.child(node, b); node == 0 {
			break
		}
		if i+1 >= low && len(v.nodes[node].whole) > 0 {
			best = i + 1
		}
	}
	return best
}

// add appends what may count here: with need, only slots of that manner.
func add(found, more []filled, folded bool, need manner) []filled {
	for _, f := range more {
		if folded && f.flags&exact != 0 || f.flags&need != need {
			continue
		}
		found = append(found, f)
	}
	return found
}

// shape reports whether word has a doubled letter, one three times, and a mask.
func shape(word []byte) (double, long, masked bool) {
	for i, b := range word {
		if b == normal.Mask {
			masked = true
		} else if i > 0 && word[i-1] == b {
			double = true
			long = long || i > 1 && word[i-2] == b
		}
	}
	return double, long, masked
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' }
