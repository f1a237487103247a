package vpdq

import (
	"errors"
	"io"
	"os"
)

// temporary is a file whose name is gone at once.
func temporary(data []byte) (*os.File, error) {
	file, err := os.CreateTemp("", "video-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return filled(file, data)
}

// filled writes a file and goes back to its beginning.
func filled(file *os.File, data []byte) (*os.File, error) {
	_, err := file.Write(data)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
