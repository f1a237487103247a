package mdoc

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// Examples of RFC 8949 appendix A and what the strict form makes of them.
func TestDecode(t *testing.T) {
	for encoded, want := range map[string]Name{
		"00": "", "17": "", "1818": "", "1903e8": "", "1a000f4240": "", "1bffffffffffffffff": "",
		"20": "", "3863": "", "3bffffffffffffffff": "", "f4": "", "f5": "", "f6": "",
		"40": "", "4401020304": "", "60": "", "62c3bc": "", "80": "", "8301820203820405": "",
		"a0": "", "a201020304": "", "a26161016162820203": "", "d818456449455446": "",
		"c074323031332d30332d32315432303a30343a30305a": "",

		"1817": NotShortest, "190018": NotShortest, "1900ff": NotShortest, "1a0000ffff": NotShortest,
		"1b00000000ffffffff": NotShortest, "3817": NotShortest, "580100": NotShortest, "780161": NotShortest,
		"980100": NotShortest, "b8010000": NotShortest, "d80000": NotShortest,
		"f90000": Float, "fa47c35000": Float, "fb3ff199999999999a": Float,
		"5f42010243030405ff": IndefiniteLength, "7f657374726561646d696e67ff": IndefiniteLength,
		"9fff": IndefiniteLength, "bf61610161629f0203ffff": IndefiniteLength, "ff": IndefiniteLength,
		"f7": Malformed, "f0": Malformed, "f818": Malformed, "f8ff": Malformed, "1c": Malformed, "fc": Malformed,
		"a140f5": Malformed, "a18000": Malformed, "a1f500": Malformed,
		"a201000100": DuplicateKey, "a2616100616100": DuplicateKey,
		"61ff": NotUTF8, "62c328": NotUTF8,
		"": Truncated, "18": Truncated, "4401": Truncated, "5bffffffffffffffff": Truncated, "81": Truncated,
		"9bffffffffffffffff": Truncated, "bbffffffffffffffff": Truncated, "bb8000000000000000": Truncated, "a101": Truncated, "c0": Truncated,
		"0000": TrailingBytes, "8000": TrailingBytes,
		strings.Repeat("81", maxDepth) + "00":   "",
		strings.Repeat("81", maxDepth+1) + "00": TooDeep,
		strings.Repeat("c1", 100000):            TooDeep,
		"995000" + strings.Repeat("00", 0x5000): TooLarge,
	} {
		_, err := decode(unhex(t, encoded))
		var got Name
		if e := (*Error)(nil); errors.As(err, &e) {
			got = e.Name
		}
		if got != want {
			t.Errorf("%.40s: %v, want %q", encoded, err, want)
		}
	}
}

// Slices can't be appended to into what comes behind them.
func TestDecodeCutsSlices(t *testing.T) {
	data := unhex(t, "8241014102")
	it, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(it.items[0].content, 0xff)
	_ = append(it.items[0].raw, 0xff)
	if !bytes.Equal(data, unhex(t, "8241014102")) {
		t.Errorf("the message is now %x", data)
	}
}

// encoded is the strict encoding of an item: there is one only.
func encoded(it item) []byte {
	if it.kind == simple {
		return []byte{byte(simple)<<5 | byte(it.n)}
	}
	b := append(appendHead(nil, it.kind, it.n), it.content...)
	for _, inner := range it.items {
		b = append(b, encoded(inner)...)
	}
	return b
}

// What decodes encodes to the same bytes, within the limits.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"00", "3903e7", "d818456449455446", "a26161016162820203", "8301820203820405", "bf", "fb3ff199999999999a", "9bffffffffffffffff"} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := decode(data)
		if err != nil {
			return
		}
		if !bytes.Equal(encoded(it), data) || !bytes.Equal(it.raw, data) {
			t.Errorf("%x came back as %x", data, encoded(it))
		}
		if _, err := it.plain(); err != nil {
			return
		}
		_ = it.String()
	})
}
