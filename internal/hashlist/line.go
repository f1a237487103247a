package hashlist

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Format is how entries are written, one a line.
type Format string

// The formats. CSV has a first line that names its columns.
const (
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
)

// Line is an entry on a line of NDJSON, and in the API. Its hashes are in
// hash; an import also takes one as kind and value, or beside the id. Fields
// that only the lists can say are passed over by an import.
type Line struct {
	ID             string    `json:"id,omitempty" doc:"What the source calls it; one without is called by its hash"`
	Hash           Hashes    `json:"hash,omitzero" doc:"Its hashes, one of each kind at most"`
	Quality        int       `json:"quality,omitempty" doc:"Of the PDQ hash; under 50 it is dropped"`
	Classification string    `json:"classification,omitempty" doc:"The source's, such as A1"`
	Source         string    `json:"source,omitempty" doc:"The bank's unless it says so"`
	Note           string    `json:"note,omitempty"`
	Verdict        Verdict   `json:"verdict,omitempty" enum:"confirmed,denied" doc:"Of people who looked at it"`
	DisabledUntil  time.Time `json:"disabled_until,omitzero" doc:"It matches nothing until then"`
	Quarantined    time.Time `json:"quarantined,omitzero" doc:"Since when it matches for review only"`
	Number         int64     `json:"number,omitempty" doc:"Its content id in the Hasher-Matcher-Actioner routes"`
	Matches        int64     `json:"matches,omitempty" doc:"In the last 30 days"`
	Added          time.Time `json:"added,omitzero"`
	Updated        time.Time `json:"updated,omitzero"`
}

// LineOf is an entry as a line.
func LineOf(e Entry) Line {
	return Line{
		ID: e.ID, Hash: e.Hashes, Quality: e.Quality, Classification: e.Classification, Source: e.Source, Note: e.Note,
		Verdict: e.Verdict, DisabledUntil: e.Until, Quarantined: e.Quarantined,
		Number: e.Number, Matches: e.Matches, Added: e.Added, Updated: e.Updated,
	}
}

// inLine is what an import takes.
type inLine struct {
	Line
	Hashes        // beside the id
	Kind   Kind   `json:"kind"`
	Value  string `json:"value"`
	Bank   string `json:"bank"` // as a match names it; not looked at
}

// entry is what a line says.
func (l *inLine) entry() (Entry, error) {
	e := Entry{
		ID: l.ID, Hashes: l.Hash, Quality: l.Quality, Classification: l.Classification, Source: l.Source, Note: l.Note,
		Verdict: l.Verdict, Until: l.DisabledUntil,
	}
	for _, kind := range allKinds {
		if value := *l.of(kind); value != "" {
			if err := e.Hashes.set(kind, value); err != nil {
				return Entry{}, err
			}
		}
	}
	if l.Kind != "" || l.Value != "" {
		if err := e.Hashes.set(l.Kind, l.Value); err != nil {
			return Entry{}, err
		}
	}
	return e, nil
}

var allKinds = [...]Kind{PDQ, VPDQ, MD5, SHA1, SHA256, URL}

// of is the place of a kind's hash; nil where there is no such kind.
func (h *Hashes) of(kind Kind) *string {
	i := slices.Index(allKinds[:], kind)
	if i < 0 {
		return nil
	}
	return [...]*string{&h.PDQ, &h.VPDQ, &h.MD5, &h.SHA1, &h.SHA256, &h.URL}[i]
}

func (h *Hashes) set(kind Kind, value string) error {
	at := h.of(kind)
	switch {
	case at == nil:
		return errors.New("kind must be pdq, vpdq, md5, sha1, sha256 or url")
	case *at != "" && *at != value:
		return fmt.Errorf("has two hashes of kind %s", kind)
	}
	*at = value
	return nil
}

func parseNDJSON(line []byte) (Entry, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var l inLine
	if err := d.Decode(&l); err != nil {
		return Entry{}, plainError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, errors.New("has more than one JSON value")
	}
	return l.entry()
}

// plainError says what is wrong with JSON without repeating values.
func plainError(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("%s does not fit its type", orElse(mismatch.Field, "the line"))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok && len(name) < 64 {
		return fmt.Errorf("unknown field %s", name)
	}
	return errors.New("is not a JSON object")
}

// columns are those of CSV, as they are written.
var columns = []string{
	"id", "pdq", "vpdq", "md5", "sha1", "sha256", "url", "quality", "classification", "source", "note", "verdict", "disabled_until",
}

// csvHeader reads the names of columns.
func csvHeader(record []string) ([]string, error) {
	names := make([]string, len(record))
	for i, name := range record {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns, name) && name != "kind" && name != "value" {
			return nil, fmt.Errorf("the first line must name columns, and column %d has no name that is known (%s, kind, value)", i+1, strings.Join(columns, ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("the first line names %s twice", name)
		}
		names[i] = name
	}
	return names, nil
}

func parseCSV(names, record []string) (Entry, error) {
	if len(record) != len(names) {
		return Entry{}, fmt.Errorf("has %d columns, not %d", len(record), len(names))
	}
	var l inLine
	for i, name := range names {
		value := strings.TrimSpace(record[i])
		if value == "" {
			continue
		}
		var err error
		switch name {
		case "id":
			l.ID = value
		case "quality":
			l.Quality, err = strconv.Atoi(value)
		case "classification":
			l.Classification = value
		case "source":
			l.Source = value
		case "note":
			l.Note = value
		case "verdict":
			l.Verdict = Verdict(value)
		case "disabled_until":
			l.DisabledUntil, err = time.Parse(time.RFC3339, value)
		case "kind":
			l.Kind = Kind(value)
		case "value":
			l.Value = value
		default:
			*l.of(Kind(name)) = value
		}
		if err != nil {
			return Entry{}, fmt.Errorf("%s does not fit its type", name)
		}
	}
	return l.entry()
}

func csvRecord(e Entry) []string {
	until, quality := "", ""
	if !e.Until.IsZero() {
		until = e.Until.Format(time.RFC3339)
	}
	if e.Quality != 0 {
		quality = strconv.Itoa(e.Quality)
	}
	h := e.Hashes
	return []string{e.ID, h.PDQ, h.VPDQ, h.MD5, h.SHA1, h.SHA256, h.URL, quality, e.Classification, e.Source, e.Note, string(e.Verdict), until}
}

// writer writes entries in a format.
type writer struct {
	json *json.Encoder
	csv  *csv.Writer
}

func newWriter(w io.Writer, f Format) (*writer, error) {
	if f == CSV {
		c := csv.NewWriter(w)
		return &writer{csv: c}, c.Write(columns)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &writer{json: e}, nil
}

func (w *writer) write(e Entry) error {
	if w.csv != nil {
		return w.csv.Write(csvRecord(e))
	}
	return w.json.Encode(LineOf(e))
}

func (w *writer) flush() error {
	if w.csv == nil {
		return nil
	}
	w.csv.Flush()
	return w.csv.Error()
}
