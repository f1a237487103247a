package hashlist

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
)

// Imported is what an import has done so far.
type Imported struct {
	Lines     int64 // read, without empty ones
	Bytes     int64 // read
	Added     int64
	Changed   int64
	Unchanged int64
	Refused   int64       // lines that could not be kept
	Errors    []LineError // the first MaxLineErrors of those
	Version   int64       // of the bank
}

// LineError is a line that could not be kept, and why.
type LineError struct {
	Line    int64  `json:"line" doc:"From 1 on"`
	Message string `json:"message" doc:"What is wrong with it, without what it says"`
}

const (
	// MaxLineErrors is how many faulty lines an import remembers.
	MaxLineErrors = 100
	// MaxLine is the longest line of an import, in bytes.
	MaxLine = 4 << 20
	// importBatch is how many entries become durable together.
	importBatch = 2000
)

// Import puts the entries that r has, one a line, into a bank, and calls
// progress, if it is not nil, whenever more of them are durable. Lines that
// cannot be kept are counted and the others kept. Whatever stops it, what it
// has said to be done is done, and doing all of it again changes nothing.
func (s *Banks) Import(ctx context.Context, bank string, r io.Reader, f Format, progress func(Imported)) (Imported, error) {
	b, err := s.Bank(ctx, bank)
	if err != nil {
		return Imported{}, err
	}
	im := &importing{banks: s, bank: bank, done: Imported{Version: b.Version}, progress: progress}
	err = im.read(ctx, r, f)
	if err == nil {
		err = im.flush(ctx)
	}
	slices.SortStableFunc(im.done.Errors, func(a, b LineError) int { return cmp.Compare(a.Line, b.Line) })
	im.done.Errors = im.done.Errors[:min(len(im.done.Errors), MaxLineErrors)]
	return im.done, wrap("import", err)
}

// importing is an import under way.
type importing struct {
	banks    *Banks
	bank     string
	entries  []Entry
	lines    []int64 // of entries
	done     Imported
	progress func(Imported)
}

func (im *importing) read(ctx context.Context, r io.Reader, f Format) error {
	counted := &counter{r: r, n: &im.done.Bytes}
	switch f {
	case NDJSON:
		return im.readNDJSON(ctx, counted)
	case CSV:
		return im.readCSV(ctx, counted)
	}
	return fault.New(fault.Unsupported, "Entries are read as ndjson or csv.")
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n *int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

func (im *importing) readNDJSON(ctx context.Context, r io.Reader) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for number := int64(1); ; number++ {
		line, tooLong, err := readLine(lines)
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 || tooLong {
			var e Entry
			parsed := fmt.Errorf("has more than %d bytes", MaxLine)
			if !tooLong {
				e, parsed = parseNDJSON(line)
			}
			if err := im.take(ctx, number, e, parsed); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads to the end of a line; of one that is too long it keeps
// nothing.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxLine {
			tooLong = true
		}
		if tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

func (im *importing) readCSV(ctx context.Context, r io.Reader) error {
	start := bufio.NewReader(r)
	if bom, _ := start.Peek(3); string(bom) == "\ufeff" {
		_, _ = start.Discard(3) // they are there
	}
	records := csv.NewReader(start)
	records.FieldsPerRecord = -1
	records.ReuseRecord = true
	var names []string
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			if err := im.take(ctx, int64(broken.StartLine), Entry{}, errors.New("quotes are not as CSV has them")); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		line, _ := records.FieldPos(0)
		if names == nil {
			if names, err = csvHeader(record); err != nil {
				return fault.Fieldwise(fault.Field{Location: "line 1", Message: err.Error()})
			}
			continue
		}
		e, parsed := parseCSV(names, record)
		if err := im.take(ctx, int64(line), e, parsed); err != nil {
			return err
		}
	}
}

// take collects the entry of a line, or notes what is wrong with it.
func (im *importing) take(ctx context.Context, line int64, e Entry, err error) error {
	im.done.Lines++
	if err != nil {
		im.refuse(line, err.Error())
		return nil
	}
	im.entries, im.lines = append(im.entries, e), append(im.lines, line)
	if len(im.entries) < importBatch {
		return nil
	}
	return im.flush(ctx)
}

func (im *importing) refuse(line int64, message string) {
	im.done.Refused++
	if len(im.done.Errors) < 2*MaxLineErrors { // a batch's refusals come later than its lines' errors
		im.done.Errors = append(im.done.Errors, LineError{line, message})
	}
}

// tries is how often a batch is tried while the database is busy; each try
// waits for some seconds.
const tries = 5

// flush makes what was collected durable.
func (im *importing) flush(ctx context.Context) error {
	if len(im.entries) == 0 {
		return nil
	}
	applied, err := im.banks.Apply(ctx, im.bank, Change{Upserts: im.entries})
	for range tries - 1 {
		if !db.IsUnavailable(err) || ctx.Err() != nil {
			break
		}
		applied, err = im.banks.Apply(ctx, im.bank, Change{Upserts: im.entries})
	}
	if err != nil {
		return err
	}
	for _, refusal := range applied.Refused {
		im.refuse(im.lines[refusal.Index], refusal.Reason)
	}
	im.done.Added += int64(applied.Added)
	im.done.Changed += int64(applied.Changed)
	im.done.Unchanged += int64(applied.Unchanged)
	im.done.Version = applied.Version
	im.entries, im.lines = im.entries[:0], im.lines[:0]
	if im.progress != nil {
		im.progress(im.done)
	}
	return nil
}

// Exported is what an export has written.
type Exported struct {
	Bank    Bank // as it was when the export began
	Entries int64
	Changed bool // the bank changed meanwhile: some of that is in it, some not
}

// Export writes a bank's entries, one a line, and calls progress, if it is not
// nil, with how many there are so far.
func (s *Banks) Export(ctx context.Context, bank string, w io.Writer, f Format, progress func(int64)) (Exported, error) {
	out, err := newWriter(w, f)
	if err != nil {
		return Exported{}, err
	}
	var done Exported
	done.Bank, err = s.Each(ctx, bank, 0, func(e Entry) error {
		done.Entries++
		if progress != nil && done.Entries%1000 == 0 {
			progress(done.Entries)
		}
		return out.write(e)
	})
	if err == nil {
		err = out.flush()
	}
	if err != nil {
		return done, err
	}
	after, err := s.Bank(ctx, bank)
	done.Changed = err != nil || after.Version != done.Bank.Version
	return done, nil
}
