package policy

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/decision"
)

// Limits of a bundle's source.
const (
	MaxFileSize  = 1 << 20 // bytes
	MaxFiles     = 1000
	MaxSize      = 8 << 20 // bytes of all files
	MaxRules     = 5000
	maxDepth     = 16 // nested mappings and sequences
	maxListItems = 5000
	maxWhen      = 8 << 10 // bytes of one condition
	maxText      = 4 << 10 // bytes of any other scalar
)

// file is one YAML source being read. Its methods read a node as a type and
// report what does not fit, with the place, so that one load finds every fault.
type file struct {
	path   string
	text   string
	errors *Errors
}

func (f *file) at(n *yaml.Node) position {
	return position{file: f.path, line: n.Line, column: n.Column}
}

func (f *file) fault(n *yaml.Node, format string, args ...any) {
	f.errors.add(f.at(n), format, args...)
}

// root parses the file's one document; nil if it is empty or does not parse.
func (f *file) root() *yaml.Node {
	var docs []yaml.Node
	if err := yaml.Load([]byte(f.text), &docs, yaml.WithAllDocuments()); err != nil {
		f.syntax(err)
		return nil
	}
	if len(docs) > 1 {
		f.fault(&docs[1], "a second document begins: a file has one")
	}
	if len(docs) != 1 || len(docs[0].Content) == 0 || isNull(docs[0].Content[0]) {
		return nil
	}
	if !f.plain(docs[0].Content[0], 0) {
		return nil
	}
	return docs[0].Content[0]
}

func (f *file) syntax(err error) {
	at := position{file: f.path}
	message := err.Error()
	var one *yaml.LoadError
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		one = many.Errors[0]
	}
	if one != nil || errors.As(err, &one) {
		at.line, at.column = one.Mark.Line, one.Mark.Column
		message = strings.TrimPrefix(one.Message, "yaml: ")
	}
	f.errors.add(at, "not YAML: %s", message)
}

// plain refuses what makes YAML mean something else than it says: anchors,
// aliases, merge keys and explicit tags; and nesting that no bundle needs.
func (f *file) plain(n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		f.fault(n, "nested more than %d deep", maxDepth)
		return false
	}
	ok := true
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		f.fault(n, "anchors and aliases are not allowed")
		ok = false
	case n.Style&yaml.TaggedStyle != 0:
		f.fault(n, "explicit tags are not allowed")
		ok = false
	}
	for _, child := range n.Content {
		ok = f.plain(child, depth+1) && ok
	}
	return ok
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// fields reads a mapping: each key at most once, and only keys for which read
// answers true. known is what to suggest.
func (f *file) fields(n *yaml.Node, known string, read func(key string, value *yaml.Node) bool) {
	if n.Kind != yaml.MappingNode {
		f.fault(n, "must be a mapping of %s", known)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			f.fault(key, "a key must be a word")
		case seen[key.Value]:
			f.fault(key, "duplicate key %q", key.Value)
		case isNull(value):
			seen[key.Value] = true
			f.fault(value, "%s has no value", key.Value)
		case !read(key.Value, value):
			f.fault(key, "unknown key %q: want one of %s", key.Value, known)
		}
		seen[key.Value] = true
	}
}

// items reads a sequence.
func (f *file) items(n *yaml.Node, read func(item *yaml.Node)) {
	switch {
	case n.Kind != yaml.SequenceNode:
		f.fault(n, "must be a list")
	case len(n.Content) > maxListItems:
		f.fault(n, "more than %d items", maxListItems)
	default:
		for _, item := range n.Content {
			read(item)
		}
	}
}

func (f *file) string(n *yaml.Node) string { return f.bounded(n, maxText) }

func (f *file) bounded(n *yaml.Node, limit int) string {
	switch {
	case n.Kind != yaml.ScalarNode:
		f.fault(n, "must be a string")
	case strings.TrimSpace(n.Value) == "":
		f.fault(n, "must not be empty")
	case len(n.Value) > limit:
		f.fault(n, "longer than %d bytes", limit)
	case !utf8.ValidString(n.Value):
		f.fault(n, "must be UTF-8")
	default:
		return n.Value
	}
	return ""
}

func (f *file) matching(n *yaml.Node, pattern *regexp.Regexp, want string) string {
	s := f.string(n)
	if s != "" && !pattern.MatchString(s) {
		f.fault(n, "%q must be %s", s, want)
	}
	return s
}

func (f *file) oneOf(n *yaml.Node, names ...string) string {
	s := f.string(n)
	if s != "" && !slices.Contains(names, s) {
		f.fault(n, "%q must be one of %s", s, strings.Join(names, ", "))
		return ""
	}
	return s
}

func (f *file) bool(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		f.fault(n, "must be true or false")
		return false
	}
	return n.Value == "true"
}

// count reads a whole number from 1 to most.
func (f *file) count(n *yaml.Node, most int) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < 1 || v > most {
		f.fault(n, "must be a whole number from 1 to %d", most)
		return 1
	}
	return v
}

// date reads 2006-01-02, which is that day's first instant in UTC, or a full
// RFC 3339 time.
func (f *file) date(n *yaml.Node) time.Time {
	s := f.string(n)
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	if s != "" {
		f.fault(n, "%q must be a date, for example 2025-07-25", s)
	}
	return time.Time{}
}

func (f *file) outcome(n *yaml.Node) decision.Outcome {
	s := f.string(n)
	o, ok := decision.ParseOutcome(s)
	if !ok && s != "" {
		f.fault(n, "%q must be one of %s", s, outcomeNames())
	}
	return o
}

func outcomeNames() string {
	var names []string
	for _, o := range decision.Outcomes() {
		names = append(names, o.String())
	}
	return strings.Join(names, ", ")
}
