//go:build ignore

// Builds the hasher for browsers: assets/hasher.wasm.gz, the runtime that Go
// ships for it, and the digest of what they are made from, which a test
// compares. The same Go version makes the same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/breakwater-project/breakwater/internal/hashlist/ownimage/wasm/source"
)

func main() {
	dir, err := os.MkdirTemp("", "hasher-")
	check(err)
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "hasher.wasm")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "./wasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	check(build.Run())
	program, err := os.ReadFile(out)
	check(err)
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	check(err)
	_, err = z.Write(program)
	check(err)
	check(z.Close())
	write("assets/hasher.wasm.gz", packed.Bytes())
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	check(err)
	script, err := os.ReadFile(filepath.Join(string(bytes.TrimSpace(goroot)), "lib", "wasm", "wasm_exec.js"))
	check(err)
	write("assets/wasm_exec.js", script)
	sum, err := source.Digest("../../../pdq", "wasm")
	check(err)
	write("assets/hasher.sum", fmt.Appendf(nil, "%s %s\n", sum, runtime.Version()))
}

func write(name string, data []byte) { check(os.WriteFile(name, data, 0o644)) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
