package pdq_test

import (
	"encoding/json"
	"math/bits"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/pdq"
)

func TestHashForms(t *testing.T) {
	const text = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
	h, err := pdq.Parse(strings.ToUpper(text))
	if err != nil || h.String() != text {
		t.Fatalf("%s, %v", h, err)
	}
	encoded, err := json.Marshal(map[pdq.Hash]pdq.Hash{h: h})
	if want := `{"` + text + `":"` + text + `"}`; err != nil || string(encoded) != want {
		t.Errorf("%s, %v", encoded, err)
	}
	var decoded map[pdq.Hash]pdq.Hash
	if err := json.Unmarshal(encoded, &decoded); err != nil || decoded[h] != h {
		t.Errorf("%v, %v", decoded, err)
	}
	binary, err := h.MarshalBinary()
	if err != nil || len(binary) != pdq.Size || binary[0] != 0xf8 || binary[31] != 0x22 {
		t.Errorf("%x, %v", binary, err)
	}
	var back pdq.Hash
	if err := back.UnmarshalBinary(binary); err != nil || back != h {
		t.Errorf("%s, %v", back, err)
	}
	if err := back.UnmarshalBinary(binary[1:]); err == nil || back != h {
		t.Errorf("31 bytes: %s, %v", back, err)
	}
	for _, bad := range []string{"", text[1:], text + "0", "g" + text[1:], " " + text[1:], "0x" + text[2:]} {
		if err := back.UnmarshalText([]byte(bad)); err == nil || back != h {
			t.Errorf("%q: %s, %v", bad, back, err)
		}
	}
}

func TestDistance(t *testing.T) {
	a, b := pdq.Hash{}, pdq.Hash{}
	for i := range a {
		a[i], b[i] = byte(i*37), byte(i*i)
	}
	want := 0
	for i := range a {
		want += bits.OnesCount8(a[i] ^ b[i])
	}
	if got := a.Distance(b); got != want || b.Distance(a) != want || a.Distance(a) != 0 {
		t.Errorf("%d, %d, %d; want %d", got, b.Distance(a), a.Distance(a), want)
	}
	for i := range b {
		b[i] = ^a[i]
	}
	if got := a.Distance(b); got != 256 {
		t.Errorf("of the opposite: %d", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22")
	f.Add(strings.Repeat("F", 64))
	f.Add("0x" + strings.Repeat("0", 62))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := pdq.Parse(s)
		if err != nil {
			if h != (pdq.Hash{}) {
				t.Errorf("%q: an error and %s", s, h)
			}
			return
		}
		if h.String() != strings.ToLower(s) {
			t.Errorf("%q is read as %s", s, h)
		}
	})
}
