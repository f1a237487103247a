package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// row is one labelled message.
type row struct {
	Text   string         `json:"text"`
	Labels map[string]int `json:"labels"` // 1 it is, 0 it is not, absent unknown
	Source string         `json:"source"`
	Lang   string         `json:"lang"`
}

const benign = "benign"

// oneLabel are sources that were labelled for one kind of harm and come from
// places full of others: what lacks that label is not thereby benign.
var oneLabel = []string{"edos", "hatemoji_build"}

// groups are the labels of the row, or benign, or none where too little is known.
func (r *row) groups() []string {
	var positive []string
	for label, v := range r.Labels {
		if v == 1 {
			positive = append(positive, label)
		}
	}
	if len(positive) > 0 {
		return append(positive, "any label")
	}
	if len(r.Labels) == 0 || slices.Contains(oneLabel, r.Source) {
		return nil
	}
	return []string{benign}
}

// read reads the labelled messages of a file.
func read(file string) (rows []row, err error) {
	f, err := os.Open(file) //nolint:gosec // the file that the caller names
	if err != nil {
		return nil, fmt.Errorf("no labelled messages (BREAKWATER_DATA names their folder): %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var in io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	for dec := json.NewDecoder(in); ; {
		var r row
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return nil, fmt.Errorf("%s: row %d: %w", filepath.Base(file), len(rows)+1, err)
		case r.Text != "":
			rows = append(rows, r)
		}
	}
}
