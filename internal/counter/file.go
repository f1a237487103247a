package counter

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// Beside the snapshot, at its path and ".forgotten", are the digests of those
// who were forgotten since it was made, 12 bytes each: a digest, as uint64, and
// its CRC-32C. An element's has the upper half 0, which no count's has but by
// a chance that does no harm: it is forgotten twice.
const (
	forgottenSuffix = ".forgotten"
	forgottenSize   = 12
)

var errNoPath = errors.New("counter: no path to keep a snapshot at")

// Save keeps a snapshot at the path, in place of the one before once it is
// whole. seq is as for Snapshot.
func (m *Memory) Save(seq int64) error {
	if m.o.Path == "" {
		return errNoPath
	}
	m.saving.Lock()
	defer m.saving.Unlock()
	noted, err := m.noted()
	if err != nil {
		return wrap(err)
	}
	if noted > 0 {
		m.sweep() // or the snapshot would have them still, as elements
	}
	if err := m.write(seq); err != nil {
		return wrap(err)
	}
	return wrap(m.unnote(noted))
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("counter: snapshot: %w", err)
	}
	return nil
}

func (m *Memory) write(seq int64) error {
	return replace(m.o.Path, func(f *os.File) error {
		w := bufio.NewWriterSize(f, 1<<20)
		return errors.Join(m.Snapshot(w, seq), w.Flush())
	})
}

// replace puts a new file in the place of path once it is durable.
func replace(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Load restores the snapshot at the path, without those who were forgotten
// since. Without a file it is 0. A file that is not whole is an ErrSnapshot
// that names it.
func (m *Memory) Load() (seq int64, err error) {
	if m.o.Path == "" {
		return 0, errNoPath
	}
	f, err := os.Open(m.o.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, wrap(err)
	}
	seq, err = m.Restore(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, fmt.Errorf("counter: %s: %w", m.o.Path, err)
	}
	data, err := os.ReadFile(m.o.Path + forgottenSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.reset()
		return 0, wrap(err)
	}
	for ; len(data) >= forgottenSize; data = data[forgottenSize:] {
		digest := binary.LittleEndian.Uint64(data)
		if checksum(data[:8]) != binary.LittleEndian.Uint32(data[8:]) {
			continue // torn: Forget gave an error then, or none yet
		}
		if digest>>32 == 0 {
			m.forgetElement(uint32(digest))
		} else {
			m.forgetCount(digest)
		}
	}
	m.sweep()
	return seq, nil
}

// note writes down what is forgotten.
func (m *Memory) note(digests []uint64) error {
	var b []byte
	for _, digest := range digests {
		b = binary.LittleEndian.AppendUint64(b, digest)
		b = binary.LittleEndian.AppendUint32(b, checksum(b[len(b)-8:]))
	}
	m.noting.Lock()
	defer m.noting.Unlock()
	file, err := os.OpenFile(m.o.Path+forgottenSuffix, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return wrap(err)
	}
	info, err := file.Stat()
	if err == nil && info.Size()%forgottenSize != 0 { // torn
		err = file.Truncate(info.Size() - info.Size()%forgottenSize)
	}
	if err == nil {
		_, err = file.Write(b)
	}
	return wrap(errors.Join(err, file.Sync(), file.Close()))
}

// noted is how many bytes are noted.
func (m *Memory) noted() (int64, error) {
	info, err := os.Stat(m.o.Path + forgottenSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// unnote removes the first so many bytes.
func (m *Memory) unnote(n int64) error {
	if n == 0 {
		return nil
	}
	m.noting.Lock()
	defer m.noting.Unlock()
	path := m.o.Path + forgottenSuffix
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data = bytes.Clone(data[min(n, int64(len(data))):])
	return replace(path, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
