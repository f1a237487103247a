package term

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
const maxSequences = 1024

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
	for {
		before, rest, found := strings.Cut(part, "<")
		if !found {
			return expandGroups(part)
		}
		name, after, closed := strings.Cut(rest, ">")
		items, known := lists[name]
		if !closed || !known {
			return nil, fmt.Errorf("there is no list %q in this language's context", name)
		}
		part = before + "(" + strings.Join(items, "|") + ")" + after
	}
}

// expandGroups multiplies out every "(a|b|c)", also one within another.
func expandGroups(s string) ([]string, error) {
	open := strings.IndexAny(s, "()|<>")
	if open < 0 {
		return []string{s}, nil
	}
	choices, after, ok := cutGroup(s[open:])
	if !ok {
		return nil, fmt.Errorf("stray %q in %q", s[open], s)
	}
	tails, err := expandGroups(after)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, choice := range choices {
		heads, err := expandGroups(choice)
		if err != nil {
			return nil, err
		}
		if len(all)+len(heads)*len(tails) > maxSequences {
			return nil, fmt.Errorf("%q has more than %d combinations", s, maxSequences)
		}
		for _, head := range heads {
			for _, tail := range tails {
				all = append(all, s[:open]+head+tail)
			}
		}
	}
	return all, nil
}

// cutGroup cuts "(a|b)rest" into its choices and the rest.
func cutGroup(s string) (choices []string, after string, ok bool) {
	depth, from := 0, 1
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if i == 0 && depth == 0 {
			return nil, "", false
		}
		switch {
		case depth == 0:
			return append(choices, s[from:i]), s[i+1:], true
		case depth == 1 && s[i] == '|':
			choices = append(choices, s[from:i])
			from = i + 1
		}
	}
	return nil, "", false
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
