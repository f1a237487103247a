package term

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Banks are the term banks of a directory, read and checked.
type Banks struct {
	// Digest names the content of all files: 12 hexadecimal digits of their SHA-256.
	Digest string

	lists map[string]map[string][]string // language → list name → items
	banks []bank
	files []file
}

// A file of banks, as it was read.
type file struct {
	name    string
	data    []byte
	context bool     // it has lists
	signals []string // that its banks count for
}

// DigestOf names the content of the files that matter to who reads only signals for
// which reads is true: those that count for one, and those that have lists.
func (b *Banks) DigestOf(reads func(signal string) bool) string {
	sum := sha256.New()
	for _, f := range b.files {
		if f.context || slices.ContainsFunc(f.signals, reads) {
			fmt.Fprintf(sum, "%s %d\n", f.name, len(f.data))
			sum.Write(f.data)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// apart ends the name under which a signal is counted for banks that say
// `apart: true`. A model that was trained on the signal does not see them, so
// they may change, or be added, without training it anew.
const apart = "/apart"

// Plain is the signal that a name of Finder.Signals stands for.
func Plain(name string) string { return strings.TrimSuffix(name, apart) }

// A bank is a set of entries for one signal in one language.
type bank struct {
	name, signal, language string
	entries                []entry
}

// An entry is one or more terms that mean the same, and what finding one is worth.
type entry struct {
	at       position
	terms    []located
	match    matchKind
	score    float64
	directed float64   // score when a second-person word is near; 0 if the same
	with     []located // a match needs one of these within `within` words
	unless   []located // a match is void with one of these within `within` words
	within   int
	gap      int      // other words allowed between two words of a term
	always   bool     // negation and reporting don't lower the score
	also     []string // further signals it counts for
	kind     string   // kind of harm
}

type located struct {
	text string
	at   position
}

type position struct {
	file         string
	line, column int
}

func (p position) String() string {
	return p.file + ":" + strconv.Itoa(p.line) + ":" + strconv.Itoa(p.column)
}

// matchKind says how a term is compared with the text.
type matchKind string

const (
	matchExact   matchKind = "exact"           // whole words, as written: disguises are not undone
	matchWord    matchKind = "word"            // whole words
	matchStem    matchKind = "stem"            // the last word need only begin like this
	matchVariant matchKind = "variant"         // word, with letters hidden ("w*rd") or doubled
	matchGap     matchKind = "phrase-with-gap" // words in order, with a few others between
)

const (
	defaultWithin = 6
	defaultGap    = 2
	maxGap        = 8
	maxWithin     = 20
)

// Load reads every *.yaml file in the root of fsys. The error joins one error for each
// fault, each beginning with file:line:column.
func Load(fsys fs.FS) (*Banks, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("text: list banks: %w", err)
	}
	b := &Banks{lists: make(map[string]map[string][]string)}
	r := &reader{banks: b}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("text: read bank: %w", err)
		}
		b.files = append(b.files, file{name: name, data: data})
		r.file(name, data)
	}
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	b.Digest = b.DigestOf(func(string) bool { return true })
	return b, nil
}

// reader collects banks and faults.
type reader struct {
	banks *Banks
	name  string // file being read
	errs  []error
}

func (r *reader) at(n *yaml.Node) position { return position{r.name, n.Line, n.Column} }

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", r.at(n), fmt.Sprintf(format, args...)))
}

// file reads the documents of one file: each is a context or a bank.
func (r *reader) file(name string, data []byte) {
	r.name = name
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV4Defaults())
	for err == nil {
		var doc yaml.Node
		if err = loader.Load(&doc); err != nil {
			break
		}
		r.document(&doc)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.errs = append(r.errs, fmt.Errorf("%s: %w", name, err))
	}
}

func (r *reader) document(doc *yaml.Node) {
	root := doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	fields := r.fields(root)
	switch {
	case fields == nil:
	case fields["context"] != nil:
		r.context(fields)
	case fields["bank"] != nil:
		r.bank(fields)
	default:
		r.fail(root, "a document is either a context (context: language) or a bank (bank: name)")
	}
}

// fields gives the values of a mapping by key; nil if n is no mapping.
func (r *reader) fields(n *yaml.Node) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "expected a mapping")
		return nil
	}
	m := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if m[key.Value] != nil {
			r.fail(key, "%s is given twice", key.Value)
		}
		m[key.Value] = n.Content[i+1]
	}
	return m
}

// only reports fields that are none of the allowed.
func (r *reader) only(fields map[string]*yaml.Node, allowed ...string) {
	for key, n := range fields {
		if !slices.Contains(allowed, key) {
			r.fail(n, "unknown field %s (known: %s)", key, strings.Join(allowed, ", "))
		}
	}
}

// context reads the lists of one language.
func (r *reader) context(fields map[string]*yaml.Node) {
	r.only(fields, "context", "lists")
	r.current().context = true
	language := r.text(fields["context"])
	lists := r.banks.lists[language]
	if lists == nil {
		lists = make(map[string][]string)
		r.banks.lists[language] = lists
	}
	if fields["lists"] == nil {
		r.fail(fields["context"], "a context needs lists")
		return
	}
	for name, n := range r.fields(fields["lists"]) {
		if lists[name] != nil {
			r.fail(n, "list %s of %s is given twice", name, language)
		}
		for _, item := range r.texts(n) {
			if strings.Contains(item.text, "<") {
				r.errs = append(r.errs, fmt.Errorf("%s: a list can't refer to another", item.at))
			}
			lists[name] = append(lists[name], item.text)
		}
	}
}

func (r *reader) current() *file { return &r.banks.files[len(r.banks.files)-1] }

func (r *reader) bank(fields map[string]*yaml.Node) {
	r.only(fields, "bank", "signal", "apart", "language", "match", "gap", "score", "always", "also", "kind", "entries")
	b := bank{name: r.text(fields["bank"])}
	for key, to := range map[string]*string{"signal": &b.signal, "language": &b.language} {
		if fields[key] == nil {
			r.fail(fields["bank"], "bank %s has no %s", b.name, key)
			continue
		}
		*to = r.text(fields[key])
	}
	if n := fields["signal"]; n != nil && !strings.HasPrefix(b.signal, "text.") {
		r.fail(n, "signal %q must begin with text.", b.signal)
	}
	if n := fields["apart"]; n != nil {
		var is bool
		if err := n.Decode(&is); err != nil {
			r.fail(n, "apart must be true or false")
		}
		if is {
			b.signal += apart
		}
	}
	defaults := entry{match: matchWord, within: defaultWithin}
	r.shared(&defaults, fields)
	if n := fields["entries"]; n == nil || n.Kind != yaml.SequenceNode {
		r.fail(fields["bank"], "bank %s has no entries", b.name)
	} else {
		for _, item := range n.Content {
			b.entries = append(b.entries, r.entry(item, defaults))
		}
	}
	f := r.current()
	f.signals = append(f.signals, b.signal)
	for i := range b.entries {
		f.signals = append(f.signals, b.entries[i].also...)
	}
	r.banks.banks = append(r.banks.banks, b)
}

// shared reads the fields that a bank may set for all its entries.
func (r *reader) shared(e *entry, fields map[string]*yaml.Node) {
	if n := fields["match"]; n != nil {
		e.match = matchKind(r.text(n))
		switch e.match {
		case matchExact, matchWord, matchStem, matchVariant:
		case matchGap:
			e.gap = defaultGap
		default:
			r.fail(n, "match %q is none of exact, word, stem, variant, phrase-with-gap", n.Value)
		}
	}
	if n := fields["gap"]; n != nil {
		e.gap = r.count(n, 0, maxGap)
	}
	if n := fields["score"]; n != nil {
		e.score = r.score(n)
	}
	if n := fields["always"]; n != nil {
		if err := n.Decode(&e.always); err != nil {
			r.fail(n, "always must be true or false")
		}
	}
	if n := fields["kind"]; n != nil {
		e.kind = r.text(n)
	}
	if n := fields["also"]; n != nil {
		e.also = nil
		for _, signal := range r.texts(n) {
			if !strings.HasPrefix(signal.text, "text.") {
				r.fail(n, "signal %q must begin with text.", signal.text)
			}
			e.also = append(e.also, signal.text)
		}
	}
}

// entry reads one entry: a mapping, or a bare term with the bank's defaults.
func (r *reader) entry(n *yaml.Node, e entry) entry {
	e.at = r.at(n)
	if n.Kind == yaml.ScalarNode {
		e.terms = []located{{r.text(n), r.at(n)}}
		if e.score == 0 {
			r.fail(n, "term %q has no score, and the bank has none", n.Value)
		}
		return e
	}
	fields := r.fields(n)
	if fields == nil {
		return e
	}
	r.only(fields, "term", "terms", "match", "score", "directed", "with", "unless", "within", "gap", "always", "also", "kind")
	r.shared(&e, fields)
	if t := fields["term"]; t != nil {
		e.terms = append(e.terms, located{r.text(t), r.at(t)})
	}
	if t := fields["terms"]; t != nil {
		e.terms = append(e.terms, r.texts(t)...)
	}
	if t := fields["with"]; t != nil {
		e.with = r.texts(t)
	}
	if t := fields["unless"]; t != nil {
		e.unless = r.texts(t)
	}
	if t := fields["directed"]; t != nil {
		e.directed = r.score(t)
	}
	if t := fields["within"]; t != nil {
		e.within = r.count(t, 1, maxWithin)
	}
	if len(e.terms) == 0 {
		r.fail(n, "an entry needs term or terms")
	}
	if e.score == 0 {
		r.fail(n, "the entry has no score, and the bank has none")
	}
	return e
}

func (r *reader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "" {
		r.fail(n, "expected text")
		return ""
	}
	return n.Value
}

func (r *reader) texts(n *yaml.Node) []located {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fail(n, "expected a list of texts")
		return nil
	}
	var items []located
	for _, item := range n.Content {
		items = append(items, located{r.text(item), r.at(item)})
	}
	return items
}

func (r *reader) score(n *yaml.Node) float64 {
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || math.IsNaN(v) || v <= 0 || v > 1 {
		r.fail(n, "score %q is not a number above 0 and up to 1", n.Value)
		return 1
	}
	return v
}

func (r *reader) count(n *yaml.Node, low, high int) int {
	v, err := strconv.Atoi(n.Value)
	if err != nil || v < low || v > high {
		r.fail(n, "%q is not a whole number from %d to %d", n.Value, low, high)
		return low
	}
	return v
}
