//go:build !js

package main

import "os"

// main is for nobody: the program is made for browsers, by go generate.
func main() { os.Exit(2) }
