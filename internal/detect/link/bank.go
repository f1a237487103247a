package link

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Banks are the host banks of a directory. A file looks like this:
//
//	hosts: shorteners        # the bank's name
//	signal: link.shortener
//	score: 1
//	entries:
//	  - tinyurl.com          # this host and all below it
type Banks struct {
	// Digest names the content of all files: 12 hexadecimal digits of their SHA-256.
	Digest string

	banks []bank
	hosts map[string][]listing // by canonical host
}

type bank struct {
	name, signal string
	score        float64
}

type listing struct {
	signal string
	score  float64
}

// Load reads every *.yaml file in the root of fsys. The error joins one error for each
// fault, each beginning with file:line:column.
func Load(fsys fs.FS) (*Banks, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("link: list banks: %w", err)
	}
	b := &Banks{hosts: make(map[string][]listing)}
	sum := sha256.New()
	var faults []error
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("link: read bank: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
		r := &reader{file: name}
		r.read(data, b)
		faults = append(faults, r.faults...)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	b.Digest = hex.EncodeToString(sum.Sum(nil))[:12]
	return b, nil
}

type reader struct {
	file   string
	faults []error
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d:%d: %s", r.file, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

func (r *reader) read(data []byte, b *Banks) {
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV4Defaults())
	for err == nil {
		var doc yaml.Node
		if err = loader.Load(&doc); err == nil {
			r.bank(&doc, b)
		}
	}
	if !errors.Is(err, io.EOF) {
		r.faults = append(r.faults, fmt.Errorf("%s: %w", r.file, err))
	}
}

func (r *reader) bank(n *yaml.Node, b *Banks) {
	if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		n = n.Content[0]
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "expected a mapping with hosts, signal, score and entries")
		return
	}
	var to bank
	var entries *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch key.Value {
		case "hosts":
			to.name = value.Value
		case "signal":
			to.signal = value.Value
		case "score":
			score, err := strconv.ParseFloat(value.Value, 64)
			if err != nil || !(score > 0 && score <= 1) {
				r.fail(value, "score %q is not a number above 0 and up to 1", value.Value)
			}
			to.score = score
		case "entries":
			entries = value
		default:
			r.fail(key, "unknown field %s (known: hosts, signal, score, entries)", key.Value)
		}
	}
	if to.name == "" || to.score == 0 || entries == nil || entries.Kind != yaml.SequenceNode {
		r.fail(n, "a bank needs hosts, signal, score and entries")
		return
	}
	if !strings.HasPrefix(to.signal, "link.") {
		r.fail(n, "signal %q must begin with link.", to.signal)
	}
	b.banks = append(b.banks, to)
	for _, e := range entries.Content {
		host, err := Host(e.Value)
		if err != nil || !strings.Contains(host, ".") {
			r.fail(e, "%q is not the name of a host", e.Value)
			continue
		}
		if l := (listing{to.signal, to.score}); !slices.Contains(b.hosts[host], l) {
			b.hosts[host] = append(b.hosts[host], l)
		}
	}
}
