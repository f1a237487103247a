package hamming

import (
	"syscall"
	"unsafe"
)

const hugePage = 2 << 20

// large makes an array for random access and asks for large pages, so that a
// processor need not look up so many. It does no harm where there are none.
func large[T word](n int) []T {
	array := make([]T, n)
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(array))), n*int(unsafe.Sizeof(*new(T)))) //nolint:gosec // its own bytes
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) % hugePage)                              //nolint:gosec // only computed with
	if whole := (len(b) - skip) / hugePage * hugePage; whole > 0 {
		_ = syscall.Madvise(b[skip:][:whole], syscall.MADV_HUGEPAGE)
	}
	return array
}
