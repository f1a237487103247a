//go:build !race

package vpdq_test

const raced = false
