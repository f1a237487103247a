package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one fault in a bundle's source. Line and Column count from 1, in
// lines and characters; 0 is the file as a whole.
type Error struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// Error is "file:line:column: message", which editors can follow.
func (e Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors is every fault that one load found, in the order of the source.
type Errors []Error

// Error is one fault a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// maxErrors bounds what one load reports: a wholly broken file helps nobody
// by saying so ten thousand times.
const maxErrors = 200

func (es *Errors) add(at position, format string, args ...any) {
	if len(*es) < maxErrors {
		*es = append(*es, Error{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
	}
}

func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(es)
}

// position is a place in a bundle's source.
type position struct {
	file         string
	line, column int
}
