package mdoc

import (
	"crypto/elliptic"
	"errors"
	"slices"
	"testing"
)

// object is a MobileSecurityObject, with the values of some keys changed.
func object(changed ...any) item {
	pairs := []any{
		"version", appendText(nil, "1.0"),
		"digestAlgorithm", appendText(nil, "SHA-256"),
		"docType", appendText(nil, avType),
		"valueDigests", []byte{0xa0},
		"deviceKeyInfo", []byte{0xa0},
		"validityInfo", encodeMap("signed", tdate(noon), "validFrom", tdate(noon), "validUntil", tdate(noon.AddDate(0, 1, 0))),
		"status", []byte{0xa0}, // what else an issuer signs is let be
	}
	for i := 0; i < len(changed); i += 2 {
		pairs[slices.Index(pairs, changed[i])+1] = changed[i+1]
	}
	return item{kind: byteString, content: encode24(encodeMap(pairs...))}
}

func TestParseMSO(t *testing.T) {
	for name, c := range map[string]struct {
		payload item
		want    Name
	}{
		"good":               {object(), ""},
		"SHA-384":            {object("digestAlgorithm", appendText(nil, "SHA-384")), ""},
		"SHA-512":            {object("digestAlgorithm", appendText(nil, "SHA-512")), ""},
		"SHA-1":              {object("digestAlgorithm", appendText(nil, "SHA-1")), WrongAlgorithm},
		"version 2":          {object("version", appendText(nil, "2.0")), ResponseVersion},
		"no docType":         {object("docType", []byte{0xf6}), Malformed},
		"empty docType":      {object("docType", appendText(nil, "")), Malformed},
		"no dates":           {object("validityInfo", []byte{0xa0}), BadValidity},
		"date without a tag": {object("validityInfo", encodeMap("signed", tdate(noon)[1:])), BadValidity},
		"float":              {object("status", []byte{0xf9, 0, 0}), Float},
		"not wrapped":        {item{kind: byteString, content: []byte{0xa0}}, Malformed},
		"empty":              {item{kind: byteString}, Truncated},
	} {
		_, err := parseMSO(c.payload)
		if got := nameOf(err); got != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func nameOf(err error) Name {
	var e *Error
	if errors.As(err, &e) {
		return e.Name
	}
	return ""
}

func TestParseKey(t *testing.T) {
	ec := coseKey(newKey(t, elliptic.P256()).Public())
	ed := coseKey(newKey(t, nil).Public())
	at := func(b []byte, i int, with byte) []byte {
		b = slices.Clone(b)
		b[i] = with
		return b
	}
	for name, c := range map[string]struct {
		key  []byte
		want Name
	}{
		"P-256":                     {ec, ""},
		"Ed25519":                   {ed, ""},
		"no map":                    {[]byte{0xf6}, BadDeviceKey},
		"empty":                     {[]byte{0xa0}, BadDeviceKey},
		"symmetric":                 {at(ec, 2, 4), BadDeviceKey},
		"secp256k1":                 {at(ec, 4, 8), BadDeviceKey},
		"P-384 in P-256's length":   {at(ec, 4, 2), BadDeviceKey},
		"X25519":                    {at(ed, 4, 4), BadDeviceKey},
		"off the curve":             {at(ec, len(ec)-1, ec[len(ec)-1]^1), BadDeviceKey},
		"one coordinate and a sign": {append(slices.Clone(ec[:len(ec)-34]), 0xf5), BadDeviceKey},
	} {
		it, err := decode(c.key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := parseKey(it); nameOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What lies behind the issuer's signature, which FuzzVerify seldom passes.
func FuzzObject(f *testing.F) {
	f.Add(object().content, []byte{0xa0})
	f.Add(object("valueDigests", encodeMap(avType, []byte{0xa1, 0, 0x40})).content, []byte{0x84, 0x43, 0xa1, 1, 0x26, 0xa0, 0xf6, 0x40})
	f.Fuzz(func(t *testing.T, payload, signature []byte) {
		m, err := parseMSO(item{kind: byteString, content: payload})
		if err != nil {
			return
		}
		if m.covers(disclosed{namespace: avType, random: make([]byte, 16), signed: signature}) == nil && len(m.digests.items) == 0 {
			t.Error("an item is covered by no digest")
		}
		d := document{docType: m.docType}
		if d.deviceNames, err = decode(encode24([]byte{0xa0})); err != nil {
			t.Fatal(err)
		}
		if d.deviceAuth, err = decode(encodeMap("deviceSignature", signature)); err != nil {
			return
		}
		if d.deviceSigned(m.deviceKey, transcript) == nil {
			t.Errorf("%x is the signature of nobody", signature)
		}
	})
}
