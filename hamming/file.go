package hamming

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile makes path a snapshot of the set, of use to ReadFile. Whatever
// happens meanwhile, a crash or a loss of power, path is afterwards the old
// snapshot or the new one, whole: the new one is written beside it, as
// path.new, made durable, and put in its place. One process at a time writes
// to a path.
func (x *Index) WriteFile(path string) error {
	x.saving.Lock()
	defer x.saving.Unlock()
	beside := path + ".new" // always the same, so that crashes leave one such file
	if err := x.writeDurably(beside); err != nil {
		_ = os.Remove(beside)
		return fmt.Errorf("hamming: write snapshot: %w", err)
	}
	if err := errors.Join(os.Rename(beside, path), syncFolder(filepath.Dir(path))); err != nil {
		return fmt.Errorf("hamming: put snapshot in place: %w", err)
	}
	return nil
}

func (x *Index) writeDurably(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = x.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// ReadFile makes an index of the snapshot that WriteFile left at path. Where
// the system can, the file is mapped into memory and searched where it lies:
// the index is ready once the checksum is found right, and pages that are not
// used need not stay in memory. So the file must not be changed in place while
// the index lives; WriteFile to the same path does not. Errors are those of
// the file system, or wrap ErrSnapshot.
func ReadFile(path string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("hamming: read snapshot: %w", err)
	}
	defer func() { _ = f.Close() }()
	m, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("hamming: read snapshot: %w", err)
	}
	return decode(m)
}
