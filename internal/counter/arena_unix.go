//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package counter

import "syscall"

// offHeap is from which size on memory comes from the system: the garbage
// collector lets its heap grow to twice of what is in use, which gigabytes of
// counts should not become.
const offHeap = 64 << 10

func allocate(n int) []byte {
	if n >= offHeap {
		b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err == nil {
			return b
		}
	}
	return make([]byte, n)
}

// free gives back what allocate gave. Nothing may refer to it any more.
func free(b []byte) {
	if cap(b) >= offHeap {
		_ = syscall.Munmap(b) // refused if it is the collector's
	}
}
