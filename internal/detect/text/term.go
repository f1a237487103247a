package text

import (
	"fmt"
	"strings"
)

// A term is written in a small language:
//
//	idiot(|s)             one word with alternatives inside it
//	(kill|hurt) <second>  alternatives, and a list of the language's context
//	pic*                  a word that begins like this
//
// parseTerm turns it into sequences of slots. A slot is a set of words of which the
// text must have one; alternatives that are not one word each give several sequences.

// A slot is a set of words, one of which must stand here. A word that ends in "*"
// stands for every word that begins like it.
type slot []string

// maxSequences bounds what alternatives of one term can multiply to.
const maxSequences = 256

// parseTerm gives the sequences of a term. lists holds the items of the lists that the
// term may refer to.
// words splits a text into normalised words.
func parseTerm(term string, lists map[string][]string, words func(string) []string) ([][]slot, error) {
	sequences := [][]slot{nil}
	for _, part := range splitTerm(term) {
		texts, err := expandPart(part, lists)
		if err != nil {
			return nil, err
		}
		options := slots(texts, words)
		var next [][]slot
		for _, sequence := range sequences {
			for _, option := range options {
				next = append(next, append(sequence[:len(sequence):len(sequence)], option...))
			}
		}
		if len(next) > maxSequences {
			return nil, fmt.Errorf("term %q has more than %d combinations", term, maxSequences)
		}
		sequences = next
	}
	for _, sequence := range sequences {
		if len(sequence) == 0 {
			return nil, fmt.Errorf("term %q can be empty", term)
		}
	}
	return sequences, nil
}

// splitTerm splits at blanks outside brackets.
func splitTerm(term string) []string {
	depth := 0
	return strings.FieldsFunc(term, func(r rune) bool {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		return depth == 0 && (r == ' ' || r == '\t' || r == '\n')
	})
}

// expandPart gives the alternatives of one part of a term.
func expandPart(part string, lists map[string][]string) ([]string, error) {
	name, ok := listName(part)
	if !ok {
		return expandGroups(part)
	}
	items, known := lists[name]
	if !known {
		return nil, fmt.Errorf("there is no list %q in this language's context", name)
	}
	var all []string
	for _, item := range items {
		texts, err := expandGroups(item)
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", name, err)
		}
		all = append(all, texts...)
	}
	return all, nil
}

func listName(part string) (string, bool) {
	if len(part) > 2 && part[0] == '<' && part[len(part)-1] == '>' {
		return part[1 : len(part)-1], true
	}
	return "", false
}

// expandGroups multiplies out every "(a|b|c)".
func expandGroups(s string) ([]string, error) {
	before, rest, found := strings.Cut(s, "(")
	if !found {
		if strings.ContainsAny(s, ")|<>") {
			return nil, fmt.Errorf("stray %q in %q", s[strings.IndexAny(s, ")|<>")], s)
		}
		return []string{s}, nil
	}
	group, after, closed := strings.Cut(rest, ")")
	if !closed || strings.Contains(group, "(") {
		return nil, fmt.Errorf("brackets in %q are not closed, or one within another", s)
	}
	tails, err := expandGroups(after)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, choice := range strings.Split(group, "|") {
		for _, tail := range tails {
			all = append(all, before+choice+tail)
		}
	}
	if len(all) > maxSequences {
		return nil, fmt.Errorf("%q has more than %d combinations", s, maxSequences)
	}
	return all, nil
}

// slots gathers the alternatives of one word into one slot; an empty alternative and
// those of several words stand for themselves.
func slots(texts []string, words func(string) []string) [][]slot {
	var single slot
	var options [][]slot
	for _, text := range texts {
		alternative := words(text)
		if len(alternative) == 1 {
			single = append(single, alternative[0])
			continue
		}
		option := []slot{}
		for _, w := range alternative {
			option = append(option, slot{w})
		}
		options = append(options, option)
	}
	if len(single) > 0 {
		options = append(options, []slot{single})
	}
	return options
}
