package practice

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Open is the shipped registry with an operator's methods and figures over it.
// An empty path leaves that part out.
func Open(methods, figures string) (*Registry, error) {
	r, err := Shipped()
	if err != nil || methods == "" && figures == "" {
		return r, err
	}
	if methods != "" {
		text, err := readFile(methods)
		if err != nil {
			return nil, err
		}
		if r, err = r.With(methods, text); err != nil {
			return nil, err
		}
	}
	if figures == "" {
		return r, nil
	}
	file, err := os.Open(figures)
	if err != nil {
		return nil, fmt.Errorf("practice: %w", err)
	}
	read, err := ReadFigures(figures, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return r.WithFigures(read)
}

// readFile reads no more of a file than With takes.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("practice: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	return text, errors.Join(err, file.Close())
}
