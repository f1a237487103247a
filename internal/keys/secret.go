package keys

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// SecretSize is the length of an installation secret, in bytes.
const SecretSize = 32

// Secrets are the installation's own random secrets, in files of Dir that
// nobody else may read. They are not in the database, so that who has a copy of
// it cannot undo what they key. Back Dir up apart from it; several processes
// with one database need the same.
type Secrets struct{ Dir string }

var secretName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)

// Secret is the secret of that name, made at random when it is first asked
// for. It refuses a file that others may read.
func (s Secrets) Secret(name string) ([SecretSize]byte, error) {
	var secret [SecretSize]byte
	if !secretName.MatchString(name) {
		return secret, fmt.Errorf("keys: %q cannot name a secret", name)
	}
	path := filepath.Join(s.Dir, name)
	err := readSecret(path, &secret)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSecret(s.Dir, path); err == nil {
			err = readSecret(path, &secret)
		}
	}
	if err != nil {
		return secret, fmt.Errorf("keys: secret %s: %w", name, err)
	}
	return secret, nil
}

func readSecret(path string, secret *[SecretSize]byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may read %s: chmod 600 it, or replace it if they did", path)
	}
	if info.Size() != SecretSize {
		return fmt.Errorf("%s has %d bytes, not %d", path, info.Size(), SecretSize)
	}
	data, err := os.ReadFile(path)
	copy(secret[:], data)
	return err
}

// makeSecret writes a new secret to path, unless another process just did: the
// file appears under its name only when it is whole and on disk.
func makeSecret(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	secret := make([]byte, SecretSize)
	rand.Read(secret) // never fails
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
