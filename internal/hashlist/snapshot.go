package hashlist

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/hamming"
)

// A snapshot is three files in the folder: near and frames, of package
// hamming, and rest, written last, which says what the three are of:
//
//	length of the head   uint32
//	head                 JSON
//	digests              of each exact kind, as digests.writeTo writes them
//	words                uint32 each, of the numbers from 0 on
//	checksum             uint32, the CRC-32C of all before
//
// Each may know more than the change that the head names, which does no harm:
// what has changed since is read again from the database.
type head struct {
	Version  int              `json:"version"`
	Database string           `json:"database"`
	Seq      int64            `json:"seq"`
	Words    int              `json:"words"`
	Until    map[uint32]int64 `json:"until,omitempty"`
}

const snapshotVersion = 1

var errSnapshot = errors.New("hashlist: not a whole snapshot of this database")

// When a snapshot is due: after so long, if so much has changed.
const (
	saveAfter   = 10 * time.Minute
	saveChanges = 20
)

func (l *Lists) saveIfDue() error {
	l.following.Lock()
	defer l.following.Unlock()
	x := l.index.Load()
	if x == nil || x.seq-l.saved < saveChanges || l.now().Sub(l.savedAt) < saveAfter {
		return nil
	}
	return l.save()
}

// save keeps a snapshot, if there is something new. following is held.
func (l *Lists) save() error {
	x := l.index.Load()
	if l.o.Dir == "" || l.o.ReadOnly || x == nil || x.seq == l.saved {
		return nil
	}
	state, err := readState(context.Background(), l.db.Read)
	if err != nil {
		return wrap("snapshot", err)
	}
	if err := x.save(l.o.Dir, state.database); err != nil {
		return wrap("snapshot", err)
	}
	l.saved, l.savedAt = x.seq, l.now()
	return nil
}

func (x *index) save(dir, database string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := x.near.WriteFile(filepath.Join(dir, "near")); err != nil {
		return err
	}
	if err := x.frames.WriteFile(filepath.Join(dir, "frames")); err != nil {
		return err
	}
	path := filepath.Join(dir, "rest")
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(x.writeRest(f, database), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (x *index) writeRest(w io.Writer, database string) error {
	sum := crc32.New(castagnoli)
	buffered := bufio.NewWriterSize(w, 1<<20)
	out := io.MultiWriter(buffered, sum)
	var blocks []*block
	if had := x.numbers.blocks.Load(); had != nil {
		blocks = *had
	}
	x.numbers.mu.RLock()
	text, err := json.Marshal(head{
		Version: snapshotVersion, Database: database, Seq: x.seq, Words: len(blocks) * blockSize, Until: x.numbers.until,
	})
	x.numbers.mu.RUnlock()
	if err != nil {
		return err
	}
	if _, err := out.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)); err != nil {
		return err
	}
	for _, table := range x.exact {
		if err := table.writeTo(out); err != nil {
			return err
		}
	}
	words := make([]byte, 0, 4*blockSize)
	for _, b := range blocks {
		words = words[:0]
		for i := range b {
			words = binary.LittleEndian.AppendUint32(words, b[i].Load())
		}
		if _, err := out.Write(words); err != nil {
			return err
		}
	}
	if _, err := buffered.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32())); err != nil {
		return err
	}
	return buffered.Flush()
}

// readSnapshot is the index as it was saved, nil if there is none of use.
func (l *Lists) readSnapshot(ctx context.Context) *index {
	if l.o.Dir == "" {
		return nil
	}
	state, err := readState(ctx, l.db.Read)
	if err != nil {
		return nil // whoever reads it next says so
	}
	x, err := readIndex(l.o.Dir, state)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		l.log.Warn("the snapshot of known hashes is of no use and is made anew", slog.Any("error", err))
		return nil
	}
	l.saved, l.savedAt = x.seq, l.now()
	return x
}

func readIndex(dir string, s state) (*index, error) {
	x := newIndex()
	var all sync.WaitGroup
	var errs [3]error
	for i, read := range []func() error{
		func() (err error) { x.near, err = hamming.ReadFile(filepath.Join(dir, "near")); return err },
		func() (err error) { x.frames, err = hamming.ReadFile(filepath.Join(dir, "frames")); return err },
		func() error { return x.readRest(filepath.Join(dir, "rest"), s) },
	} {
		all.Go(func() { errs[i] = read() })
	}
	all.Wait()
	return x, errors.Join(errs[:]...)
}

func (x *index) readRest(path string, s state) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(data) < 8 {
		return errSnapshot
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return errSnapshot
	}
	size := int64(binary.LittleEndian.Uint32(body))
	if body = body[4:]; size > int64(len(body)) {
		return errSnapshot
	}
	var h head
	if err := json.Unmarshal(body[:size], &h); err != nil {
		return errSnapshot
	}
	if h.Version != snapshotVersion || h.Database != s.database || h.Seq > s.seq {
		return errSnapshot
	}
	rest := &remainder{body[size:]}
	for _, table := range x.exact {
		if err := table.readFrom(rest); err != nil {
			return err
		}
	}
	return x.readWords(rest.b, h)
}

func (x *index) readWords(b []byte, h head) error {
	if len(b) != 4*h.Words || h.Words%blockSize != 0 {
		return errSnapshot
	}
	blocks := make([]*block, 0, h.Words/blockSize)
	for ; len(b) > 0; b = b[4*blockSize:] {
		next := new(block)
		for i := range next {
			next[i].Store(binary.LittleEndian.Uint32(b[4*i:]))
		}
		blocks = append(blocks, next)
	}
	x.numbers.blocks.Store(&blocks)
	x.numbers.until, x.seq = h.Until, h.Seq
	return nil
}

// remainder reads bytes and keeps those that are left.
type remainder struct{ b []byte }

func (r *remainder) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}
