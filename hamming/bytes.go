package hamming

import (
	"encoding/binary"
	"unsafe"
)

// word is what the arrays of a snapshot consist of.
type word interface{ byte | uint32 | uint64 | Code }

// inPlace reports whether the bytes of a snapshot are those of an array here,
// which they are on a little-endian machine if they begin where it may.
func inPlace(b []byte) bool {
	return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 && uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0 //nolint:gosec // only compared
}

// arrayOf is the array that the bytes of a snapshot mean: the same memory, or
// a copy where that can't be.
func arrayOf[T word](b []byte) []T {
	var one T
	n := len(b) / int(unsafe.Sizeof(one))
	if inPlace(b) {
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n) //nolint:gosec // inPlace: it begins where a T may, and n of them fit
	}
	return copied[T](b, n)
}

func copied[T word](b []byte, n int) []T {
	array := make([]T, n)
	_, _ = binary.Decode(b, binary.LittleEndian, array) // fails when b is too short, and it has n values
	return array
}

// bytesOf is the array as a snapshot has it: the same memory, or a copy.
func bytesOf[T word](array []T) []byte {
	if len(array) == 0 {
		return nil
	}
	var one T
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(array))), len(array)*int(unsafe.Sizeof(one))) //nolint:gosec // its own bytes
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return b
	}
	b, _ = binary.Append(nil, binary.LittleEndian, array) // fails for types of no fixed size only
	return b
}
