package conversation

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// filled is a scene in which much was said.
func filled(t testing.TB) *scene {
	t.Helper()
	s := between(t, adult, child)
	for _, l := range s.lines(rand.New(rand.NewPCG(3, 3)), 200) {
		s.see(l)
	}
	return s
}

// What was known before is known after, and the next line is judged the same.
func TestRestore(t *testing.T) {
	s := filled(t)
	kept := s.state()
	other := between(t, adult, child)
	if err := other.m.Restore(strings.NewReader(kept)); err != nil {
		t.Fatal(err)
	}
	if other.state() != kept {
		t.Error("the snapshot of what was restored differs")
	}
	last := s.line("a", "b", "secrecy")
	if diff := cmp.Diff(s.see(last), other.see(last)); diff != "" {
		t.Error(diff)
	}
}

// A snapshot that is damaged anywhere, or another's, changes nothing.
func TestRestoreRefuses(t *testing.T) {
	kept := filled(t).state()
	s := between(t, adult, child)
	s.play("a>b: age_probe")
	want := s.state()
	for i := 0; i < len(kept); i += 97 {
		bad := []byte(kept)
		bad[i] ^= 0x40
		for what, text := range map[string]string{"a flipped bit": string(bad), "a torn end": kept[:i]} {
			if err := s.m.Restore(strings.NewReader(text)); err == nil {
				t.Fatalf("%s at %d is taken", what, i)
			}
		}
	}
	stranger := New(Options{Secret: [32]byte{2}})
	if err := stranger.Restore(strings.NewReader(kept)); !errors.Is(err, ErrSecret) {
		t.Errorf("another's snapshot: %v", err)
	}
	if s.state() != want {
		t.Error("what was refused has changed something")
	}
}

// Whatever is taken is within bounds and can be written again.
func FuzzRestore(f *testing.F) {
	f.Add([]byte(filled(f).state()))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := between(t, adult, child)
		if s.m.Restore(strings.NewReader(string(data))) == nil {
			s.play("a>b: secrecy")
			s.state()
		}
	})
}
