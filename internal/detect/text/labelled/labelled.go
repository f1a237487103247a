// Package labelled reads texts that people, or grammars, have labelled.
package labelled

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A Row is one labelled text.
type Row struct {
	Text     string         `json:"text"`
	Labels   map[string]int `json:"labels"` // 1 it is, 0 it is not, absent unknown
	Source   string         `json:"source,omitempty"`
	Lang     string         `json:"lang,omitempty"`
	Group    string         `json:"group,omitempty"`    // of people that it speaks of, for measuring fairness
	Function string         `json:"function,omitempty"` // what it tests
}

// ReadFile reads JSON lines, through gzip where the name ends in .gz.
func ReadFile(name string) (rows []Row, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var in io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}
	rows, err = Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return rows, nil
}

// Text is the file of labelled texts of that name in the data folder, which
// BREAKWATER_DATA or a flag names.
func Text(data, name string) string { return filepath.Join(data, "text", name) }

// Read reads JSON lines. The error names the row, not what it says.
func Read(in io.Reader) ([]Row, error) {
	var rows []Row
	for dec := json.NewDecoder(in); ; {
		var r Row
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return nil, fmt.Errorf("row %d: %w", len(rows)+1, err)
		case r.Text != "":
			rows = append(rows, r)
		}
	}
}
