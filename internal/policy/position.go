package policy

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// within is where the character at line (from 1) and column (from 0, as CEL
// counts) of a scalar's value stands in the file. YAML folds lines, strips
// indents and resolves escapes, but it drops and adds no visible character:
// the k-th visible one of the value is the k-th of the source.
func (f *file) within(n *yaml.Node, line, column int) position {
	if line < 1 || column < 0 {
		return f.at(n)
	}
	s := scalar{rest: f.from(n), line: n.Line, column: n.Column, style: n.Style}
	s.open()
	before := visibleBefore(n.Value, line, column)
	for range before {
		s.skip()
		s.step()
	}
	if before < visibleBefore(n.Value, math.MaxInt, 0) { // else the fault is at the end
		s.skip()
	}
	return position{file: f.path, line: s.line, column: s.column}
}

// visibleBefore counts the visible characters of value before line and column.
func visibleBefore(value string, line, column int) int {
	count := 0
	for _, r := range value {
		switch {
		case line == 1 && column == 0:
			return count
		case line == 1:
			column--
		case r == '\n':
			line--
		}
		if !unicode.IsSpace(r) {
			count++
		}
	}
	return count
}

// from is the file's text from where n begins.
func (f *file) from(n *yaml.Node) string {
	text := strings.TrimPrefix(f.text, "\ufeff")
	for range n.Line - 1 {
		_, text, _ = strings.Cut(text, "\n")
	}
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
	return text
}

// scalar walks the source of one scalar, character by character.
type scalar struct {
	rest         string
	line, column int
	style        yaml.Style
}

// open passes the opening quote, or the header line of a block.
func (s *scalar) open() {
	switch {
	case s.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		s.advance(1)
	case s.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for s.rest != "" && s.rest[0] != '\n' {
			s.advance(1)
		}
	}
}

// skip passes what shows nothing: white space and escapes that stand for it.
func (s *scalar) skip() {
	for s.rest != "" {
		r, size := utf8.DecodeRuneInString(s.rest)
		if unicode.IsSpace(r) {
			s.advance(size)
			continue
		}
		if n := s.escape(); n > 0 && strings.ContainsRune("nrtfvNLP_ \n\r\t", rune(s.rest[1])) {
			s.advance(n)
			continue
		}
		return
	}
}

// step passes one visible character.
func (s *scalar) step() {
	if s.rest == "" {
		return
	}
	if n := s.escape(); n > 0 {
		s.advance(n)
		return
	}
	_, size := utf8.DecodeRuneInString(s.rest)
	s.advance(size)
}

// escape is the length of the escape sequence at hand, or 0.
func (s *scalar) escape() int {
	switch {
	case len(s.rest) < 2:
		return 0
	case s.style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(s.rest, "''"):
		return 2
	case s.style&yaml.DoubleQuotedStyle == 0 || s.rest[0] != '\\':
		return 0
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s.rest[1]]
	return min(2+digits, len(s.rest))
}

// advance passes size bytes, counting lines and characters.
func (s *scalar) advance(size int) {
	for _, r := range s.rest[:size] {
		s.column++
		if r == '\n' {
			s.line, s.column = s.line+1, 1
		}
	}
	s.rest = s.rest[size:]
}
