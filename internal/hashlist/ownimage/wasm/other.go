//go:build !js

// Command wasm is the PDQ hasher as browsers run it; see main.go.
package main

import "os"

// main is for nobody: the program is made for browsers, by go generate.
func main() { os.Exit(2) }
