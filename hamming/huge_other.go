//go:build !linux

package hamming

// large makes an array for random access.
func large[T word](n int) []T { return make([]T, n) }
