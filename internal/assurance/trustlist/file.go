package trustlist

import (
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// File is a list in a file that something else keeps up to date, such as a
// daily download. It is read again when the file has changed. It is safe for
// concurrent use.
type File struct {
	// Log is told when the file can't be used and why, once for each reason;
	// nobody unless set.
	Log *slog.Logger

	path    string
	signers []*x509.Certificate

	mu       sync.Mutex
	list     *List
	modified time.Time
	size     int64
	told     string // the reason that was logged last
}

// NewFile is a list of one of the signers.
func NewFile(path string, signers []*x509.Certificate) *File {
	return &File{path: path, signers: signers}
}

// Anchors are those of the list as it is now. A list that is out of date gives
// ErrStale, and one that was not replaced by a better one is no better for it.
func (f *File) Anchors(serviceType string, at time.Time) ([]*x509.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refresh(at); err != nil {
		return nil, err
	}
	if !at.Before(f.list.NextUpdate) {
		return nil, fmt.Errorf("%w: its next update was due on %s", ErrStale, f.list.NextUpdate.Format(time.RFC3339))
	}
	return f.list.Anchors(serviceType, at), nil
}

// refresh reads the file if it is not the one that was read. An older list, or
// a faulty one, takes the place of none that is in use.
func (f *File) refresh(at time.Time) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return f.unless(fmt.Errorf("trusted list: %w", err))
	}
	if f.list != nil && info.ModTime().Equal(f.modified) && info.Size() == f.size {
		return nil
	}
	text, err := readFile(f.path)
	if err != nil {
		return f.unless(fmt.Errorf("trusted list: %w", err))
	}
	list, err := Read(text, f.signers, at)
	if err == nil && f.list != nil && list.Sequence < f.list.Sequence {
		err = fmt.Errorf("trusted list: number %d is older than number %d, which was read before", list.Sequence, f.list.Sequence)
	}
	if err != nil {
		return f.unless(err)
	}
	f.list, f.modified, f.size, f.told = list, info.ModTime(), info.Size(), ""
	return nil
}

// unless is an error, unless there is a list that can still be used: until that
// is out of date, a faulty file closes nothing.
func (f *File) unless(err error) error {
	if f.Log != nil && err.Error() != f.told {
		f.told = err.Error()
		f.Log.Warn("the trusted list's file can't be used", "error", err, "list_in_use", f.list != nil)
	}
	if f.list != nil {
		return nil
	}
	return err
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, MaxSize+1))
}
