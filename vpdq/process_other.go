//go:build !linux

package vpdq

import (
	"os"
	"os/exec"
)

// confine and restrict do nothing where it is not Linux: what FFmpeg says of
// limits holds for time, bytes, pixels and frames.
func confine(*exec.Cmd, bool) {}

func restrict(int, Limits) error { return nil }

func unnamed(data []byte) (*os.File, error) { return temporary(data) }
