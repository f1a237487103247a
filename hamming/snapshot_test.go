package hamming

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// snapshot is what the index writes.
func snapshot(t testing.TB, x *Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

// again is the index written and read, with the sizes it had.
func again(t testing.TB, x *Index) *Index {
	t.Helper()
	y, err := Read(bytes.NewReader(snapshot(t, x)))
	if err != nil {
		t.Fatal(err)
	}
	y.banded = x.banded
	return y
}

// small is an index with a banded segment, a dead entry and a tail.
func small() *Index {
	r := rand.New(rand.NewPCG(5, 5))
	x := sized(16, 16)
	x.AddAll(uniform(r, 40))
	x.Add(Code{1, 2, 3, 4}, 7)
	for m := range x.Search(Code{}, Size) {
		x.Delete(m.Code, m.ID)
		if x.Len() < 39 {
			break
		}
	}
	return x
}

func TestDamagedSnapshots(t *testing.T) {
	whole := snapshot(t, small())
	for i := 0; i < len(whole); i += 7 { // in the end each byte of a word, in some word
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		if _, err := Read(bytes.NewReader(damaged)); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := Read(bytes.NewReader(whole[:i])); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	broken := errors.New("broken")
	if _, err := Read(iotest.ErrReader(broken)); !errors.Is(err, broken) || errors.Is(err, ErrSnapshot) {
		t.Errorf("reader fails: %v", err)
	}
}

// FuzzRead gives Read bytes with a right checksum, which only malice makes.
func FuzzRead(f *testing.F) {
	f.Add(snapshot(f, small()))
	f.Add(snapshot(f, New()))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 16 {
			sum := crc32.Checksum(b[:len(b)-8], crc32.MakeTable(crc32.Castagnoli))
			b = binary.LittleEndian.AppendUint64(slices.Clone(b[:len(b)-8]), uint64(sum))
		}
		x, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		n := 0
		for m := range x.Search(Code{}, Size) {
			x.Search(m.Code, 31)(func(Match) bool { return false })
			n++
		}
		if n != x.Len() {
			t.Errorf("%d entries, Len says %d", n, x.Len())
		}
		x.Compact()
		all := slices.Collect(again(t, x).Search(Code{}, Size))
		if diff := cmp.Diff(sorted(slices.Collect(x.Search(Code{}, Size))), sorted(all)); diff != "" {
			t.Errorf("written again (-before +after):\n%s", diff)
		}
	})
}
