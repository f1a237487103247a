//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package hamming

import (
	"errors"
	"math"
	"os"
	"runtime"
	"syscall"
)

// mapFile maps a file until nothing refers to the mapping.
func mapFile(f *os.File) (*mapping, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 || !info.Mode().IsRegular() { // neither can be mapped
		return &mapping{}, nil
	}
	if info.Size() > math.MaxInt {
		return nil, errors.New("the file is larger than the address space")
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	m := &mapping{data: data}
	runtime.AddCleanup(m, func(data []byte) { _ = syscall.Munmap(data) }, data)
	return m, nil
}

// syncFolder makes durable which files a folder has.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
