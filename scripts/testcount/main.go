// Command testcount reads the events of `go test -json` on standard input and
// says what a person wants to know: each package as it ends, every failure in
// full, every skipped test with its reason, and one closing line
//
//	512 passed, 0 failed, 2 skipped
//
// It exits 0 only when something passed and nothing failed.
package main

import (
	"fmt"
	"os"
)

func main() {
	c := newCount(os.Stdout)
	if err := c.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		os.Exit(1)
	}
	if !c.close() {
		os.Exit(1)
	}
}
