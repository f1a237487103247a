package hamming

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codes")
	if _, err := ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	x := small()
	if err := x.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	y, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := func(x *Index) []Match { return sorted(slices.Collect(x.Search(Code{}, Size))) }
	if diff := cmp.Diff(all(x), all(y)); diff != "" {
		t.Errorf("read again (-before +after):\n%s", diff)
	}

	// What was read changes like any other index, and can be written over
	// the file that it lies in.
	y.Add(Code{9}, 9)
	first := all(y)[0]
	if !y.Delete(first.Code, first.ID) {
		t.Error("an entry of the file can't be deleted")
	}
	if err := y.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	y.Compact()
	z, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all(y), all(z)); diff != "" {
		t.Errorf("changed and read again (-before +after):\n%s", diff)
	}
	for range 3 { // unmaps what nothing refers to
		runtime.GC()
	}
	if diff := cmp.Diff(all(y), all(z)); diff != "" {
		t.Errorf("after the first file was let go:\n%s", diff)
	}
	for name, content := range map[string][]byte{"empty": nil, "short": []byte("hamming"), "text": bytes.Repeat([]byte("text"), 100)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadFile(t.TempDir()); err == nil {
		t.Error("a folder is read")
	}
	if err := x.WriteFile(filepath.Join(path, "under-a-file")); err == nil {
		t.Error("a file is written under a file")
	}
}

// TestCopiedArrays holds what machines do that can't search a snapshot where
// it lies to what this one does.
func TestCopiedArrays(t *testing.T) {
	b := snapshot(t, small())
	b = b[:len(b)/Size*Size]
	if !inPlace(b) {
		t.Skip("this machine copies always")
	}
	if diff := cmp.Diff(arrayOf[Code](b), copied[Code](b, len(b)/32)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(arrayOf[uint32](b), copied[uint32](b, len(b)/4)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(arrayOf[uint64](b), arrayOf[uint64](append([]byte{0}, b...)[1:])); diff != "" {
		t.Errorf("at an odd address:\n%s", diff)
	}
}

// TestKilledWhileWriting kills a process at some moment while it adds entries
// one by one, merges and writes snapshots, and holds the file to be whole
// each time: the first entries, as many as some moment had.
func TestKilledWhileWriting(t *testing.T) {
	const name = "HAMMING_TEST_WRITES"
	if os.Getenv(name) != "" {
		writeForever("codes")
	}
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "codes")
	last := 0
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilledWhileWriting$")
		cmd.Dir, cmd.Env = folder, append(os.Environ(), name+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Some snapshots are written, then perhaps a part of another.
		if _, err := io.CopyN(io.Discard, out, 1+rand.Int64N(30)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_ = cmd.Wait() // killed

		x, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if x.Len() < last {
			t.Fatalf("%d entries, there were %d", x.Len(), last)
		}
		last = x.Len()
		for i := range last {
			if m, ok := x.Nearest(numbered(i), 0); !ok || m.ID != uint64(i) {
				t.Fatalf("entry %d of %d: %v %v", i, last, m, ok)
			}
		}
	}
	t.Logf("%d entries after %d kills", last, rounds)
}

// numbered is a code that differs from others.
func numbered(i int) Code {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	return random(r)
}

// writeForever goes on from the file that is there, and writes a byte to its
// output for each snapshot.
func writeForever(path string) {
	x, err := ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		x, err = New(), nil
	}
	if err != nil {
		panic(err)
	}
	x.tailSize = 64
	for i := x.Len(); ; i++ {
		x.Add(numbered(i), uint64(i))
		if i%50 == 0 {
			if err := x.WriteFile(path); err != nil {
				panic("write " + strconv.Itoa(i) + ": " + err.Error())
			}
			_, _ = os.Stdout.Write([]byte{'.'})
		}
	}
}
