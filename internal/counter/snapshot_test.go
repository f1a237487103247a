package counter

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var began = time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)

func open(t testing.TB, o MemoryOptions) *Memory {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return began }
	}
	m, err := OpenMemory(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// record is one entry of a journal: what it added, and when it came.
type entry struct {
	adds []Add
	came time.Time
}

// journal is n entries of a day, some late, some twice, some for a few owners
// that become crowds.
func journal(seed uint64, n int) []entry {
	random := rand.New(rand.NewPCG(seed, 1))
	log := make([]entry, n)
	for i := range log {
		came := began.Add(-day*time.Second + time.Duration(i)*(day*time.Second/time.Duration(n)))
		late := time.Duration(0)
		if random.IntN(4) == 0 {
			late = time.Duration(random.IntN(3*day)) * time.Second
		}
		owner := fmt.Sprint("account", random.IntN(200))
		if random.IntN(3) == 0 {
			owner = fmt.Sprint("target", random.IntN(2))
		}
		log[i] = entry{came: came, adds: []Add{
			{Counter: "a", Owner: owner, Element: fmt.Sprint(random.IntN(5000)), At: came.Add(-late), Keep: 24 * time.Hour},
			{Counter: "b", Owner: owner, Element: fmt.Sprint(random.IntN(50)), At: came.Add(-late), Keep: 7 * 24 * time.Hour},
		}}
	}
	return log
}

func rebuild(t testing.TB, m *Memory, log []entry) {
	t.Helper()
	for _, e := range log {
		if err := m.Rebuild(e.adds, e.came); err != nil {
			t.Fatal(err)
		}
	}
}

// all is every count of the owners in journal.
func all(t testing.TB, m *Memory) []float64 {
	t.Helper()
	var reads []Read
	for i := range 202 {
		owner := fmt.Sprint("account", i)
		if i >= 200 {
			owner = fmt.Sprint("target", i-200)
		}
		for _, window := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
			reads = append(reads, Read{Counter: "a", Owner: owner, Window: window, At: began}, Read{Counter: "b", Owner: owner, Window: 7 * window, At: began})
		}
	}
	counts, err := m.Count(t.Context(), nil, reads)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// Whatever was in the snapshot, and wherever the journal is read again from
// that overlaps with it, the counts are what they would have been.
func TestKilledAnywhere(t *testing.T) {
	const n = 6000
	log := journal(1, n)
	whole := open(t, MemoryOptions{})
	rebuild(t, whole, log)
	want := all(t, whole)
	if len(want) == 0 || want[len(want)-2] < Exact {
		t.Fatalf("there is no crowd in the journal: %v", want[len(want)-6:])
	}
	random := rand.New(rand.NewPCG(2, 3))
	for range 25 {
		saved := random.IntN(n + 1)
		from := random.IntN(saved + 1)
		before := open(t, MemoryOptions{Path: filepath.Join(t.TempDir(), "counts")})
		rebuild(t, before, log[:saved])
		if err := before.Save(int64(from)); err != nil {
			t.Fatal(err)
		}
		after := open(t, MemoryOptions{Path: before.o.Path})
		seq, err := after.Load()
		if err != nil || seq != int64(from) {
			t.Fatalf("Load: %d, %v; want %d", seq, err, from)
		}
		rebuild(t, after, log[seq:])
		if diff := cmp.Diff(want, all(t, after)); diff != "" {
			t.Fatalf("saved after %d, read again from %d: (-want +got)\n%s", saved, from, diff)
		}
	}
}

// A snapshot that is made while the store is used has what was there before,
// and what comes after does no harm twice.
func TestSnapshotWhileCounting(t *testing.T) {
	log := journal(4, 4000)
	m := open(t, MemoryOptions{})
	rebuild(t, m, log[:2000])
	var snapshot bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, e := range log[2000:] {
			_ = m.Rebuild(e.adds, e.came)
		}
	}()
	if err := m.Snapshot(&snapshot, 2000); err != nil {
		t.Fatal(err)
	}
	<-done
	again := open(t, MemoryOptions{})
	seq, err := again.Restore(&snapshot)
	if err != nil {
		t.Fatal(err)
	}
	rebuild(t, again, log[seq:])
	if diff := cmp.Diff(all(t, m), all(t, again)); diff != "" {
		t.Errorf("(-counted +restored)\n%s", diff)
	}
}

func TestBrokenSnapshots(t *testing.T) {
	m := open(t, MemoryOptions{})
	rebuild(t, m, journal(5, 3000))
	var whole bytes.Buffer
	if err := m.Snapshot(&whole, 7); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty":           {},
		"cut off":         whole.Bytes()[:whole.Len()/2],
		"without its end": whole.Bytes()[:whole.Len()-4],
		"longer":          append(bytes.Clone(whole.Bytes()), 0),
		"a bit turned":    turned(whole.Bytes(), whole.Len()/3),
		"its check":       turned(whole.Bytes(), whole.Len()-1),
		"another version": turned(whole.Bytes(), 7),
		"another secret":  turned(whole.Bytes(), 17),
		"another kind":    []byte(strings.Repeat("journal ", 100)),
	} {
		path := filepath.Join(t.TempDir(), "counts")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, MemoryOptions{Path: path})
		_, err := again.Load()
		if !errors.Is(err, ErrSnapshot) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want ErrSnapshot with the file's name", name, err)
		}
		if s := again.Stats(); s.Counts+s.Crowds > 0 || len(again.names.list()) > 0 {
			t.Errorf("%s: something stayed: %+v", name, s)
		}
		rebuild(t, again, journal(5, 3000))
		if diff := cmp.Diff(all(t, m), all(t, again)); diff != "" {
			t.Errorf("%s: rebuilt from the journal (-want +got)\n%s", name, diff)
		}
	}
}

func turned(data []byte, i int) []byte {
	data = bytes.Clone(data)
	data[i] ^= 4
	return data
}

// A snapshot that is older than somebody's erasure brings nothing back.
func TestForgottenStayForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counts")
	add := func(owner, element string) Add {
		return Add{Counter: "a", Owner: owner, Element: element, At: began, Keep: 24 * time.Hour}
	}
	has := func(m *Memory, owner string) float64 {
		n, err := m.Count(t.Context(), nil, []Read{{Counter: "a", Owner: owner, Window: time.Hour, At: began}})
		if err != nil {
			t.Fatal(err)
		}
		return n[0]
	}
	m := open(t, MemoryOptions{Path: path})
	if _, err := m.Count(t.Context(), []Add{add("gone", "x"), add("other", "gone"), add("other", "y"), add("later", "gone"), add("crowd", "gone")}, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * Exact {
		if _, err := m.Count(t.Context(), []Add{add("crowd", fmt.Sprint(i))}, nil); err != nil {
			t.Fatal(err)
		}
	}
	crowd := has(m, "crowd")
	if err := m.Save(1); err != nil {
		t.Fatal(err)
	}
	if err := m.Forget(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	// Killed while somebody else is forgotten.
	f, err := os.OpenFile(path+forgottenSuffix, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("torn")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		again := open(t, MemoryOptions{Path: path})
		if _, err := again.Load(); err != nil {
			t.Fatal(err)
		}
		if has(again, "gone") != 0 || has(again, "other") != 1 || has(again, "crowd") >= crowd {
			t.Errorf("round %d: gone has %v, other %v, crowd %v of %v", round, has(again, "gone"), has(again, "other"), has(again, "crowd"), crowd)
		}
		if round == 0 {
			if err := again.Forget(t.Context(), "later"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if has(again, "later") != 0 {
			t.Errorf("round %d: who was forgotten after a torn note came back", round)
		}
		if err := again.Save(2); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path + forgottenSuffix); err != nil || info.Size() != 0 {
			t.Errorf("notes stay after a snapshot: %v, %v", info, err)
		}
	}
}

// A snapshot that is made after an erasure has nothing of it, also where the
// sweep has not come by yet.
func TestForgottenBeforeSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counts")
	m := open(t, MemoryOptions{Path: path})
	add := []Add{{Counter: "a", Owner: "other", Element: "gone", At: began, Keep: time.Hour}}
	if _, err := m.Count(t.Context(), add, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Forget(t.Context(), "gone"), m.Save(1)); err != nil {
		t.Fatal(err)
	}
	again := open(t, MemoryOptions{Path: path})
	if _, err := again.Load(); err != nil {
		t.Fatal(err)
	}
	if s := again.Stats(); s.Counts != 0 {
		t.Errorf("%+v is left of who was forgotten", s)
	}
}

func TestWithoutSnapshot(t *testing.T) {
	m := open(t, MemoryOptions{Path: filepath.Join(t.TempDir(), "none")})
	if seq, err := m.Load(); seq != 0 || err != nil {
		t.Errorf("no file: %d, %v", seq, err)
	}
	if err := open(t, MemoryOptions{}).Save(1); !errors.Is(err, errNoPath) {
		t.Errorf("no path: %v", err)
	}
	if _, err := open(t, MemoryOptions{}).Load(); !errors.Is(err, errNoPath) {
		t.Errorf("no path: %v", err)
	}
	rebuild(t, m, journal(6, 1))
	if _, err := m.Restore(strings.NewReader("")); err == nil {
		t.Error("it restored over counts")
	}
}

// Neither names of people nor of elements are in a snapshot.
func TestSnapshotNamesNobody(t *testing.T) {
	m := open(t, MemoryOptions{})
	_, err := m.Count(t.Context(), []Add{{Counter: "met", Owner: "somebody-in-particular", Element: "a-certain-child", At: began, Keep: time.Hour}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Snapshot(&b, 1); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte("met")) || bytes.Contains(b.Bytes(), []byte("somebody")) || bytes.Contains(b.Bytes(), []byte("child")) {
		t.Errorf("in the snapshot: %q", b.Bytes())
	}
}

// FuzzRestore reads anything without a panic, and what it takes for a snapshot
// it can write and read again.
func FuzzRestore(f *testing.F) {
	for _, n := range []int{0, 3, 2 * Exact} {
		m := open(f, MemoryOptions{Bytes: LeastBytes})
		for i := range n {
			if err := m.Rebuild([]Add{{Counter: "a", Owner: fmt.Sprint(i % 2), Element: fmt.Sprint(i), At: began, Keep: 72 * time.Hour}}, began); err != nil {
				f.Fatal(err)
			}
		}
		var b bytes.Buffer
		if err := m.Snapshot(&b, 1); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes()[:b.Len()-4])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := checksum(data) // or the fuzzer would never come past it
		data = append(bytes.Clone(data), byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
		m, err := OpenMemory(MemoryOptions{Bytes: LeastBytes, Now: func() time.Time { return began }})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		seq, err := m.Restore(bytes.NewReader(data))
		if err != nil {
			if s := m.Stats(); s.Counts+s.Crowds > 0 {
				t.Fatalf("%v, and %+v stayed", err, s)
			}
			return
		}
		for _, owner := range []string{"0", "1"} {
			add := []Add{{Counter: "a", Owner: owner, Element: "e", At: began, Keep: 72 * time.Hour}}
			read := []Read{{Counter: "a", Owner: owner, Window: time.Hour, At: began}, {Counter: "a", Owner: owner, Window: 72 * time.Hour, At: began}}
			if _, err := m.Count(t.Context(), add, read); err != nil {
				t.Fatal(err)
			}
		}
		m.sweep()
		var b bytes.Buffer
		if err := m.Snapshot(&b, seq); err != nil {
			t.Fatal(err)
		}
		again, err := OpenMemory(MemoryOptions{Bytes: LeastBytes, Now: func() time.Time { return began }})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if _, err := again.Restore(&b); err != nil {
			t.Fatalf("it does not read what it wrote: %v", err)
		}
	})
}
