package hashlist

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/hamming"
)

// FuzzDigests plays changes that its input says, and compares the table with a
// map after each; and once more after it was written and read.
func FuzzDigests(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Add(bytes.Repeat([]byte{0, 7, 1, 130, 7, 1}, 40))
	f.Add([]byte(strings.Repeat("abcdefghi", 60)))
	f.Fuzz(func(t *testing.T, script []byte) {
		table, naive := new(digests), map[[16]byte]map[uint32]bool{}
		sumOf := func(b byte) (sum [16]byte) {
			binary.LittleEndian.PutUint64(sum[:], uint64(b%37)*0x0101010101010101)
			return sum
		}
		check := func(table *digests) {
			total := 0
			for b := range 37 {
				sum := sumOf(byte(b))
				var got, want []uint32
				table.find(sum[:], func(n uint32) { got = append(got, n) })
				for n := range naive[sum] {
					want = append(want, n)
				}
				total += len(want)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("digest %d: %v, want %v", b, got, want)
				}
			}
			if table.len() != total {
				t.Fatalf("has %d, want %d", table.len(), total)
			}
		}
		for ; len(script) >= 3; script = script[3:] {
			sum, number := sumOf(script[1]), 1+uint32(script[2])
			if script[0] < 128 {
				table.add(sum[:], number)
				if naive[sum] == nil {
					naive[sum] = map[uint32]bool{}
				}
				naive[sum][number] = true
			} else {
				table.remove(sum[:], number)
				delete(naive[sum], number)
			}
		}
		check(table)
		var b bytes.Buffer
		if err := table.writeTo(&b); err != nil {
			t.Fatal(err)
		}
		again := new(digests)
		if err := again.readFrom(&b); err != nil || b.Len() != 0 {
			t.Fatal(err, b.Len())
		}
		check(again)
		sum := sumOf(3)
		again.add(sum[:], 999)
		naive[sum] = map[uint32]bool{999: true}
		again.find(sum[:], func(n uint32) {
			if n != 999 {
				naive[sum][n] = true
			}
		})
		check(again)
	})
}

// FuzzHashes: whatever is read is packed, unpacked and written as what reads
// as the same, and no error repeats what it was given.
func FuzzHashes(f *testing.F) {
	code := strings.Repeat("0f", 32)
	f.Add(code, strings.Repeat("ab", 16), strings.Repeat("cd", 32), "https://example.org/a", `["`+code+`,90,1.5"]`)
	f.Add("x", "", "", "hmac-sha256:"+code, `["`+code+`,90,1e+02","`+code+`,49,2"]`)
	f.Add("", "", "", "", `[]`)
	r := &reader{canonical: func(s string) (string, error) { return s, nil }}
	f.Fuzz(func(t *testing.T, pdq, md5, sha256, url, vpdq string) {
		k, err := r.read(Hashes{PDQ: pdq, MD5: md5, SHA256: sha256, URL: url, VPDQ: vpdq})
		if err != nil {
			for _, given := range []string{pdq, md5, sha256, url, vpdq} {
				if len(given) > 8 && strings.Contains(err.Error(), given) {
					t.Errorf("%v repeats what it was given", err)
				}
			}
			return
		}
		if k.empty() {
			return
		}
		again, err := unpack(k.pack())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(k, again, cmp.AllowUnexported(known{}, frame{})); diff != "" {
			t.Error(diff)
		}
		written, err := r.read(k.text())
		if err != nil || !bytes.Equal(written.pack(), k.pack()) || written.name() != k.name() {
			t.Errorf("%+v reads as something else: %v", k.text(), err)
		}
		if name := k.name(); !utf8.ValidString(name) || len(name) > maxID {
			t.Errorf("is called %q", name)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	c := hamming.Code{1, 2, 3, 4}
	k := known{pdq: &c, frames: []frame{{c, 90, 1}}}
	k.exact[2] = make([]byte, 16)
	f.Add(k.pack())
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := unpack(b)
		if err == nil && len(k.pack()) > len(b) {
			t.Errorf("%d bytes grow to %d", len(b), len(k.pack()))
		}
	})
}

// FuzzNDJSON: a line is read as an entry or refused; nothing breaks.
func FuzzNDJSON(f *testing.F) {
	for _, line := range []string{
		`{"id":"a","hash":{"pdq":"x"}}`, `{"kind":"md5","value":"y","quality":3}`, `{"md5":"z","disabled_until":"2026-11-24T10:00:00Z"}`, `{}`, `[]`, `{"hash":{"pdq":1}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseNDJSON(line)
		if err != nil && len(line) > 12 && strings.Contains(err.Error(), string(line)) {
			t.Errorf("%v repeats the line", err)
		}
		if err == nil {
			var b strings.Builder
			w, err := newWriter(&b, NDJSON)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.write(e); err != nil {
				return // a year that RFC 3339 does not have
			}
			again, err := parseNDJSON([]byte(strings.TrimSpace(b.String())))
			if err != nil || again.Hashes != valid(e.Hashes) || again.Quality != e.Quality {
				t.Errorf("%+v is written as %s and read as %+v, %v", e, b.String(), again, err)
			}
		}
	})
}

// valid is what JSON makes of strings that are not UTF-8.
func valid(h Hashes) Hashes {
	for _, kind := range allKinds {
		at := h.of(kind)
		*at = strings.ToValidUTF8(*at, "\ufffd")
	}
	return h
}

// FuzzCSV: rows are read as entries or refused, and what is written reads the
// same.
func FuzzCSV(f *testing.F) {
	f.Add("id,kind,value", "a,md5,b")
	f.Add("pdq,quality,disabled_until", "x,1,2026-11-24T10:00:00Z")
	f.Add(strings.Join(columns, ","), strings.Repeat(",", len(columns)-1))
	f.Fuzz(func(t *testing.T, header, row string) {
		names, err := csvHeader(strings.Split(header, ","))
		if err != nil {
			return
		}
		e, err := parseCSV(names, strings.Split(row, ","))
		if err != nil {
			return
		}
		again, err := parseCSV(columns, csvRecord(e))
		if e.Until.Nanosecond() == 0 && (err != nil || again.Hashes != e.Hashes || again.ID != e.ID || again.Quality != e.Quality || !again.Until.Equal(e.Until)) {
			t.Errorf("%+v is written and read as %+v, %v", e, again, err)
		}
	})
}
