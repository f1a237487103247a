package scan

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// walker goes through files in order and hands out jobs.
type walker struct {
	ctx    context.Context //nolint:containedctx // it lives as long as the walk
	limits Limits
	images int64 // bytes of the largest image
	from   Position
	room   *room
	work   chan *job // for whoever is free
	order  chan *job // the same, as they came

	at       Position
	disk     int64 // bytes of the files before the one that the walk is in
	size     int64 // of that
	through  int64 // bytes of it that it is through, if it is an archive
	expanded int64 // bytes that it has expanded to so far
}

// job is one thing to look at: content, or what it is that can't be read.
type job struct {
	done     Done
	line     Line
	err      error
	data     []byte   // the content, if it is small
	file     *os.File // else a file that has it, from its beginning
	size     int64
	sums     *sums // else its digests, where it need not be looked at
	release  func()
	finished chan struct{}
}

func (w *walker) walk(paths []string) error {
	for root, path := range paths {
		if root < w.from.Root {
			w.disk += sizeOf(path)
			continue
		}
		w.at = Position{Root: root}
		if err := w.folder(path); err != nil {
			return err
		}
	}
	return nil
}

// sizeOf is the bytes on disk beneath a path, as far as they can be seen.
func sizeOf(path string) int64 {
	n := int64(0)
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// Size is the bytes that a scan of the paths has to go through, so that Done
// can be compared with it.
func Size(paths []string) int64 {
	n := int64(0)
	for _, path := range paths {
		n += sizeOf(path)
	}
	return n
}

func (w *walker) folder(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ended := context.Cause(w.ctx); ended != nil {
			return ended
		}
		w.begin(path)
		switch {
		case err != nil:
			return errors.Join(w.fail("", err), skipped(d))
		case d.Type().IsRegular():
			return w.file(path, d)
		case path == root && d.Type()&fs.ModeSymlink != 0:
			return w.fail("", errors.New("it is a symbolic link, which is not followed"))
		default: // folders, links, devices
			return nil
		}
	})
}

// skipped is what WalkDir wants to hear of a folder that can't be read.
func skipped(d fs.DirEntry) error {
	if d != nil && d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// begin sets the position to the beginning of a file.
func (w *walker) begin(path string) {
	w.disk += w.size
	w.at.Path, w.at.Items, w.size, w.through, w.expanded = path, 0, 0, 0, 0
}

// passed reports whether the file lies before the position that the scan goes
// on from.
func (w *walker) passed() bool {
	return w.at.Root == w.from.Root && compare(w.at.Path, w.from.Path) < 0
}

// compare orders paths as WalkDir does.
func compare(a, b string) int {
	split := func(path string) []string { return strings.Split(path, string(filepath.Separator)) }
	return slices.Compare(split(a), split(b))
}

func (w *walker) file(path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return w.fail("", err)
	}
	w.size = info.Size()
	if w.passed() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return w.fail("", err)
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		return errors.Join(f.Close(), w.fail("", cmp.Or(err, errors.New("it was changed for another while it was opened"))))
	}
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(f.Close(), w.fail("", err))
	}
	if kind := archiveKind(head[:n]); kind != "" {
		err := w.archive(kind, "", io.NewSectionReader(f, 0, info.Size()), 1)
		return errors.Join(err, f.Close())
	}
	if w.skip() {
		return f.Close()
	}
	w.through = w.size
	return w.send(&job{file: f, size: w.size}, "")
}

// skip reports whether the next item is done already, and counts it if so.
func (w *walker) skip() bool {
	if w.at.Root == w.from.Root && w.at.Path == w.from.Path && w.at.Items < w.from.Items {
		w.at.Items++
		return true
	}
	return false
}

// fail hands out that something can't be looked at.
func (w *walker) fail(member string, err error) error {
	if w.passed() || w.skip() {
		return nil
	}
	return w.send(&job{err: withoutPath(err)}, member)
}

// withoutPath is an error of a file without its path, which stands beside it.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// send hands out a job.
func (w *walker) send(j *job, member string) error {
	w.at.Items++
	j.line = Line{Path: w.at.Path, Member: member}
	j.done = Done{At: w.at, Disk: w.disk + w.through}
	j.finished = make(chan struct{})
	if j.release == nil {
		j.release = func() {
			if j.file != nil {
				_ = j.file.Close()
			}
		}
	}
	select {
	case w.work <- j:
	case <-w.ctx.Done():
		j.release()
		return context.Cause(w.ctx)
	}
	select {
	case w.order <- j:
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}
