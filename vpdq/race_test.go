//go:build race

package vpdq_test

// raced says that the race detector runs, under which hashing takes many times
// as long.
const raced = true
