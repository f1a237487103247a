package scan

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Totals are what a scan has come upon.
type Totals struct {
	Files  int64 `json:"files"` // also those in archives
	Images int64 `json:"images"`
	Videos int64 `json:"videos"`
	Found  int64 `json:"found"`  // that match
	Failed int64 `json:"failed"` // that could not be looked at, or not whole
}

// Add counts one more.
func (t *Totals) Add(line *Line) {
	t.Files++
	if line == nil {
		return
	}
	switch line.Kind {
	case "image":
		t.Images++
	case "video":
		t.Videos++
	}
	if len(line.Matches) > 0 {
		t.Found++
	}
	if line.Error != "" {
		t.Failed++
	}
}

// ErrEnded is of a report whose scan has ended.
var ErrEnded = errors.New("it is the report of a scan that has ended")

// ErrOther is of a report of another scan.
var ErrOther = errors.New("it is the report of another scan, or another file")

// Report is a file of lines, and beside it a file, its name with .state, that
// says how far the scan is. Killed at any moment and opened again, it has every
// line up to its position once, and no other.
type Report struct {
	Only func(*Line) bool // of the lines, those that are written; all if nil
	Now  func() time.Time

	path  string
	file  *os.File
	lines *bufio.Writer
	state state
	kept  time.Time // when the state was
}

// state is the file beside the report.
type state struct {
	Scan   string   `json:"scan"`  // what is scanned, and how
	Bytes  int64    `json:"bytes"` // of the report that are certain
	At     Position `json:"at"`
	Totals Totals   `json:"totals"`
	Ended  bool     `json:"ended"`
}

// OpenReport begins a report at path, or goes on with one of the same scan,
// which is any text that tells scans apart. Close it in the end.
func OpenReport(path, scan string) (*Report, error) {
	r := &Report{Now: time.Now, path: path, state: state{Scan: scan}}
	text, err := os.ReadFile(r.statePath())
	begun := err == nil
	switch {
	case begun:
		if err := json.Unmarshal(text, &r.state); err != nil {
			return nil, fmt.Errorf("%s: %w", r.statePath(), err)
		}
		if r.state.Scan != scan {
			return nil, fmt.Errorf("%s: %w", path, ErrOther)
		}
		if r.state.Ended {
			return nil, fmt.Errorf("%s: %w", path, ErrEnded)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if r.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := r.goOn(begun); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), r.file.Close())
	}
	return r, nil
}

func (r *Report) statePath() string { return r.path + ".state" }

// goOn takes the report back to where it is certain.
func (r *Report) goOn(begun bool) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() < r.state.Bytes || !begun && info.Size() > 0 {
		return ErrOther
	}
	if err := r.file.Truncate(r.state.Bytes); err != nil {
		return err
	}
	if _, err := r.file.Seek(r.state.Bytes, io.SeekStart); err != nil {
		return err
	}
	r.lines = bufio.NewWriterSize(r.file, 64<<10)
	return r.keep()
}

// At is where the scan goes on.
func (r *Report) At() Position { return r.state.At }

// Totals are those of all that is reported.
func (r *Report) Totals() Totals { return r.state.Totals }

// Add reports what is done. It is certain after a second at the latest, if
// more is added then.
func (r *Report) Add(d Done) error {
	r.state.At = d.At
	r.state.Totals.Add(d.Line)
	if d.Line != nil && (r.Only == nil || r.Only(d.Line)) {
		n, err := WriteLine(r.lines, d.Line)
		if err != nil {
			return err
		}
		r.state.Bytes += int64(n)
	}
	if r.Now().Sub(r.kept) < time.Second {
		return nil
	}
	return r.keep()
}

// WriteLine writes a line, and returns its bytes.
func WriteLine(w io.Writer, line *Line) (int, error) {
	text, err := json.Marshal(line)
	if err != nil {
		return 0, err
	}
	return w.Write(append(text, '\n'))
}

// keep makes certain what there is: first the lines, then that they are there.
func (r *Report) keep() error {
	if err := errors.Join(r.lines.Flush(), r.file.Sync()); err != nil {
		return err
	}
	text, err := json.Marshal(r.state)
	if err != nil {
		return err
	}
	r.kept = r.Now()
	return replace(r.statePath(), append(text, '\n'))
}

// replace makes path a file of the content: the old one or the new one,
// whatever happens.
func replace(path string, content []byte) error {
	beside := path + ".new"
	f, err := os.OpenFile(beside, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	_ = folder.Sync() // not every system can
	return folder.Close()
}

// End says that the scan has ended. Close comes after it.
func (r *Report) End() { r.state.Ended = true }

// Close makes certain what was added.
func (r *Report) Close() error {
	return errors.Join(r.keep(), r.file.Close())
}
