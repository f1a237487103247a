package scan

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path"
	"strings"

	"github.com/breakwater-project/breakwater/picture"
)

// headSize is how many bytes tell what a file is.
const headSize = 512

// archiveKind is "tar", "gzip" or "zip" for what begins like one.
func archiveKind(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return "gzip"
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return "tar"
	}
	return ""
}

// expandsError ends the reading of a file on disk: what it expands to is beyond
// the limit.
type expandsError struct{}

func (expandsError) Error() string {
	return "it expands to far more than it is: the rest of it was not looked at"
}

// expanding counts what comes out of archives against what may.
type expanding struct {
	w *walker
	r io.Reader
}

func (e expanding) Read(b []byte) (int, error) {
	if err := context.Cause(e.w.ctx); err != nil {
		return 0, err
	}
	n, err := e.r.Read(b)
	e.w.expanded += int64(n)
	if e.w.expanded-e.w.limits.Expand > e.w.size*e.w.limits.Ratio {
		return n, expandsError{}
	}
	return n, err
}

// archive goes through an archive at a depth. An error that is returned ends
// the scan, or, if it is an expandsError, what is left of the file on disk.
func (w *walker) archive(kind, name string, r io.Reader, depth int) error {
	if depth > w.limits.Depth {
		return w.fail(name, reason("it is an archive in more than %d others", w.limits.Depth))
	}
	var err error
	switch kind {
	case "tar":
		err = w.tar(name, r, depth)
	case "gzip":
		err = w.gzip(name, r, depth)
	case "zip":
		err = w.zip(name, r, depth)
	}
	var expands expandsError
	if depth == 1 && errors.As(err, &expands) {
		return w.fail("", err)
	}
	return err
}

// fatal reports whether an error is not of the archive, but of the scan.
func (w *walker) fatal(err error) bool {
	var expands expandsError
	return errors.As(err, &expands) || w.ctx.Err() != nil
}

func (w *walker) tar(name string, r io.Reader, depth int) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && w.fatal(err):
			return err
		case err != nil:
			return w.fail(name, reason("the archive is damaged: %w", err))
		}
		w.read(r, depth)
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			continue // folders, links, devices
		}
		if err := w.member(inside(name, h.Name), expanding{w, t}, h.Size, depth); err != nil {
			return err
		}
	}
}

// read notes how far an archive on disk is read.
func (w *walker) read(r io.Reader, depth int) {
	if s, ok := r.(source); ok {
		r = s.of
	}
	if s, ok := r.(io.Seeker); ok && depth == 1 {
		w.through, _ = s.Seek(0, io.SeekCurrent) // where it is can always be said
	}
}

func (w *walker) gzip(name string, r io.Reader, depth int) error {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		if w.fatal(err) {
			return err
		}
		return w.fail(name, reason("the archive is damaged: %w", err))
	}
	in := bufio.NewReaderSize(expanding{w, z}, 64<<10)
	head, err := in.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		if w.fatal(err) {
			return err
		}
		return w.fail(name, reason("the archive is damaged: %w", err))
	}
	if archiveKind(head) == "tar" { // .tar.gz is one archive, not two
		return w.tar(name, source{in, r}, depth)
	}
	w.read(r, depth)
	whole := path.Base(w.at.Path)
	if name != "" {
		whole = path.Base(name)
	}
	return w.member(inside(name, strings.TrimSuffix(whole, ".gz")), in, -1, depth)
}

// source is what comes out of another reader, which says how far it is.
type source struct {
	io.Reader
	of io.Reader
}

func (w *walker) zip(name string, r io.Reader, depth int) error {
	content, size, err := w.random(r)
	if err != nil {
		if w.fatal(err) {
			return err
		}
		return w.fail(name, err)
	}
	defer func() { _ = content.Close() }()
	z, err := w.open(content, size)
	if err != nil {
		return w.fail(name, err)
	}
	for i, f := range z.File {
		if depth == 1 {
			w.through = size / int64(len(z.File)) * int64(i)
		}
		if !f.Mode().IsRegular() {
			continue
		}
		if err := w.zipMember(inside(name, f.Name), f, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) zipMember(name string, f *zip.File, depth int) error {
	const encrypted = 1
	if f.Flags&encrypted != 0 {
		return w.fail(name, errors.New("it is encrypted"))
	}
	in, err := f.Open()
	if err != nil {
		return w.fail(name, err)
	}
	defer func() { _ = in.Close() }() // says again what reading has said
	return w.member(name, expanding{w, in}, -1, depth)
}

// inside is the name of a member of an archive, which itself has a name if it
// is a member.
func inside(archive, member string) string {
	if archive == "" {
		return member
	}
	return archive + "!" + member
}

// budgeted is content of which so much is read and no more.
type budgeted struct {
	random
	left int64
}

var errMembers = errors.New("the archive lists more members than are looked at")

func (b *budgeted) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errMembers
	}
	return b.random.ReadAt(p, at)
}

// open reads the list of members, of which each takes memory, whatever number
// of them the archive says that it has.
func (w *walker) open(content random, size int64) (*zip.Reader, error) {
	const (
		each = 128       // bytes that a member has in the list: 46 and its name, usually
		end  = 128 << 10 // bytes in which the end of the list is looked for
	)
	b := &budgeted{content, w.limits.Members*each + end}
	z, err := zip.NewReader(b, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // no file is made by a member's name
		if b.left < 0 {
			return nil, errMembers
		}
		return nil, reason("the archive is damaged: %w", err)
	}
	if int64(len(z.File)) > w.limits.Members {
		return nil, errMembers
	}
	b.left = math.MaxInt64
	return z, nil
}

// member looks at what is in an archive, of a size if that is known, else -1.
func (w *walker) member(name string, r io.Reader, size int64, depth int) error {
	in := bufio.NewReaderSize(r, 4<<10)
	head, err := in.Peek(headSize)
	if err == nil || errors.Is(err, io.EOF) {
		if kind := archiveKind(head); kind != "" {
			return w.archive(kind, name, in, depth+1)
		}
		if w.skip() {
			return nil
		}
		err = w.content(name, in, head, size)
	}
	if err != nil && !w.fatal(err) {
		return w.fail(name, err)
	}
	return err
}

// content hands out a member's content: in memory if it is no larger than an
// image may be, in a temporary file if it is a video, else as digests.
func (w *walker) content(name string, in io.Reader, head []byte, size int64) error {
	hold := w.images + 1
	if size >= 0 {
		hold = min(hold, size+1)
	}
	taken := w.room.take(hold)
	j := &job{release: func() { w.room.give(taken) }}
	buf := bytes.NewBuffer(make([]byte, 0, min(hold, 1<<20)))
	_, err := io.CopyN(buf, in, w.images+1)
	switch {
	case errors.Is(err, io.EOF): // all of it
		j.data, j.size = buf.Bytes(), int64(buf.Len())
		if size < 0 { // give back what it did not need
			keep := min(j.size, taken)
			w.room.give(taken - keep)
			taken = keep
		}
		return w.send(j, name)
	case err != nil:
		j.release()
		return err
	}
	all := io.MultiReader(buf, in)
	if strings.HasPrefix(picture.Sniff(head), "video/") {
		j.file, j.size, err = w.spool(all)
		j.release()
		j.release = nil
	} else {
		j.sums = newSums()
		j.size, err = io.Copy(j.sums, all)
	}
	if err != nil {
		if j.sums != nil {
			j.release()
		}
		return err
	}
	return w.send(j, name)
}

// spool writes a temporary file whose name is gone at once.
func (w *walker) spool(r io.Reader) (*os.File, int64, error) {
	f, err := os.CreateTemp("", "scan-*")
	if err != nil {
		return nil, 0, err
	}
	err = os.Remove(f.Name())
	n := int64(0)
	if err == nil {
		n, err = io.Copy(f, io.LimitReader(r, w.limits.Spool+1))
	}
	if err == nil && n > w.limits.Spool {
		err = reason("it is larger than %d bytes", w.limits.Spool)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, n, nil
}

// random is content that can be read anywhere.
type random interface {
	io.ReaderAt
	io.Closer
}

type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// random gives what r has: itself if it is a file on disk, else a copy of it
// in a temporary file.
func (w *walker) random(r io.Reader) (random, int64, error) {
	if s, ok := r.(*io.SectionReader); ok {
		return section{s}, s.Size(), nil
	}
	return w.spool(r)
}
