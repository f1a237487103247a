package term

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/internal/detect/text/normal"
)

// An automaton finds all terms of all banks in one pass: a trie over letters turns
// each word of the text into symbols (the slots that it fills), and a trie over symbols
// finds the terms. The cost grows with the text and the matches, not with the number
// of terms.
type automaton struct {
	vocabulary vocabulary
	begin      []int32    // symbol → term node that it leads to from the root; 0 if none
	nodes      []termNode // 0 is the root
	entries    []compiled
	signals    []string // sorted
}

// A termNode is a place between two slots of a term.
type termNode struct {
	gap  int    // most other words allowed before the next slot
	next []step // none if no term goes on from here
	ends []end  // terms that are complete here
}

// A step leads to a node by a slot.
type step struct {
	symbol, node int32
}

type end struct {
	entry int32
	gap   int // most other words that this term allows between two of its own
}

// compiled is an entry with its words replaced by symbols.
type compiled struct {
	entry
	bank    string
	signals []int // indices into automaton.signals
	with    int32 // slot of which one word must be near; 0 if none
	unless  int32 // slot of which no word may be near; 0 if none
	roles   roles
}

// roles are slots of a language that change what a match is worth; 0 if the language
// has no such list.
type roles struct {
	second   int32 // "you"
	negation int32 // "not", "never"
	report   int32 // "said", "called"
}

// compile builds the automaton. The error joins one error for each faulty term.
func compile(banks *Banks, n *normal.Normaliser) (*automaton, error) {
	c := &compiler{
		normaliser: n,
		lists:      banks.lists,
		symbols:    make(map[string]int32),
		root:       newTrieNode(),
		a: &automaton{
			nodes: make([]termNode, 1),
			begin: make([]int32, 1), // symbol 0 is none
		},
	}
	c.a.signals = signalNames(banks)
	byLanguage := make(map[string]roles)
	for _, language := range slices.Sorted(maps.Keys(banks.lists)) {
		byLanguage[language] = c.roles(language)
	}
	for _, b := range banks.banks {
		for _, e := range b.entries {
			c.entry(b, e, byLanguage[b.language])
		}
	}
	c.a.vocabulary = c.root.flatten()
	return c.a, errors.Join(c.errs...)
}

func signalNames(banks *Banks) []string {
	names := make(map[string]bool)
	for _, b := range banks.banks {
		names[b.signal] = true
		for _, e := range b.entries {
			for _, s := range e.also {
				names[s] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

type compiler struct {
	normaliser *normal.Normaliser
	scratch    normal.Forms
	lists      map[string]map[string][]string
	symbols    map[string]int32 // by the slot's words and manner
	root       *trieNode
	a          *automaton
	errs       []error
}

func (c *compiler) fail(at position, err error) {
	c.errs = append(c.errs, fmt.Errorf("%s: %w", at, err))
}

// roles compiles the lists of a language that every entry consults.
func (c *compiler) roles(language string) roles {
	role := func(name string) int32 {
		var words []located
		for _, item := range c.lists[language][name] {
			words = append(words, located{item, position{file: "context " + language + ", list " + name}})
		}
		return c.context(words, language)
	}
	return roles{second: role("second"), negation: role("negation"), report: role("report")}
}

func (c *compiler) entry(b bank, e entry, r roles) {
	id := int32(len(c.a.entries))
	out := compiled{entry: e, bank: b.name, roles: r}
	for _, signal := range slices.Compact(slices.Sorted(slices.Values(append([]string{b.signal}, e.also...)))) {
		i, _ := slices.BinarySearch(c.a.signals, signal)
		out.signals = append(out.signals, i)
	}
	out.with = c.context(e.with, b.language)
	out.unless = c.context(e.unless, b.language)
	c.a.entries = append(c.a.entries, out)

	for _, term := range e.terms {
		sequences, err := parseTerm(term.text, c.lists[b.language], c.words)
		if err != nil {
			c.fail(term.at, err)
			continue
		}
		for _, sequence := range sequences {
			c.sequence(sequence, e, id)
		}
	}
}

// context compiles words to look for around a match into one slot; 0 if there are none.
func (c *compiler) context(words []located, language string) int32 {
	var all slot
	for _, w := range words {
		sequences, err := parseTerm(w.text, c.lists[language], c.words)
		if err != nil {
			c.fail(w.at, err)
			continue
		}
		for _, sequence := range sequences {
			if len(sequence) != 1 {
				c.fail(w.at, fmt.Errorf("%q: context is single words", w.text))
				continue
			}
			all = append(all, sequence[0]...)
		}
	}
	if len(all) == 0 {
		return 0
	}
	return c.symbol(all, 0)
}

// words gives the normalised words of one item of a term. A "*" at the end stays.
func (c *compiler) words(item string) []string {
	var words []string
	for _, field := range strings.Fields(item) {
		field, stem := strings.CutSuffix(field, "*")
		c.normaliser.Normalise(field, &c.scratch)
		for _, w := range c.scratch.Raw.Words {
			words = append(words, string(c.scratch.Raw.Bytes(w)))
		}
		if stem && len(words) > 0 {
			words[len(words)-1] += "*"
		}
	}
	return words
}

// sequence adds the path of one sequence of slots to the term trie.
func (c *compiler) sequence(sequence []slot, e entry, id int32) {
	var flags manner
	switch e.match {
	case matchExact:
		flags = exact
	case matchVariant:
		flags = variant
	case matchStem:
		last := slices.Clone(sequence[len(sequence)-1])
		for i, w := range last {
			last[i] = strings.TrimSuffix(w, "*") + "*"
		}
		sequence = append(sequence[:len(sequence)-1:len(sequence)-1], last)
	}
	node := int32(0)
	for i, words := range sequence {
		symbol := c.symbol(words, flags)
		node = c.child(node, symbol)
		if i+1 < len(sequence) {
			c.a.nodes[node].gap = max(c.a.nodes[node].gap, e.gap)
		}
	}
	if done := (end{id, e.gap}); !slices.Contains(c.a.nodes[node].ends, done) {
		c.a.nodes[node].ends = append(c.a.nodes[node].ends, done)
	}
}

func (c *compiler) child(node, symbol int32) int32 {
	if node == 0 {
		if c.a.begin[symbol] == 0 {
			c.a.begin[symbol] = c.newNode()
		}
		return c.a.begin[symbol]
	}
	for _, s := range c.a.nodes[node].next {
		if s.symbol == symbol {
			return s.node
		}
	}
	to := c.newNode()
	c.a.nodes[node].next = append(c.a.nodes[node].next, step{symbol, to})
	return to
}

func (c *compiler) newNode() int32 {
	c.a.nodes = append(c.a.nodes, termNode{})
	return int32(len(c.a.nodes) - 1)
}

// symbol gives the number of a slot, and adds its words to the vocabulary.
func (c *compiler) symbol(words slot, flags manner) int32 {
	words = slices.Compact(slices.Sorted(slices.Values(words)))
	key := strings.Join(words, " ") + string(rune(flags))
	if s, ok := c.symbols[key]; ok {
		return s
	}
	s := int32(len(c.a.begin))
	c.a.begin = append(c.a.begin, 0)
	c.symbols[key] = s
	for _, w := range words {
		w, stem := strings.CutSuffix(w, "*")
		for _, spelling := range c.spellings(w, flags) {
			c.root.insert(spelling, stem, filled{s, flags})
		}
	}
	return s
}

// spellings gives a word as written and as folded; an exact word only as written.
func (c *compiler) spellings(w string, flags manner) []string {
	c.normaliser.Normalise(w, &c.scratch)
	if flags&exact != 0 || c.scratch.Plain {
		return []string{w}
	}
	if f := string(c.scratch.Folded.Text); f != w && len(c.scratch.Folded.Words) == 1 {
		return []string{w, f}
	}
	return []string{w}
}
