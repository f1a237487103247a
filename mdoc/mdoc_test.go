package mdoc

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// defect is a change to a good response or its request, and what must then be
// said.
type defect struct {
	name string
	// response and request change what verifies; nil leaves it.
	response func(t *testing.T, b []byte) []byte
	request  func(t *testing.T, r *Request)
	want     []Name
}

// replaced swaps the first occurrence, which must be there.
func replaced(old, with string) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("the response does not hold %q", old)
		}
		return bytes.Replace(b, []byte(old), []byte(with), 1)
	}
}

// ended swaps the last byte, the status 0.
func ended(with string) func(*testing.T, []byte) []byte {
	return func(_ *testing.T, b []byte) []byte { return append(b[:len(b)-1:len(b)-1], with...) }
}

// withDeviceAuth swaps what the device says about itself.
func withDeviceAuth(with string) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		from, to := bytes.Index(b, []byte("deviceAuth\xa1")), bytes.LastIndex(b, []byte("\x66status"))
		if from < 0 || to < from {
			t.Fatal("no deviceAuth")
		}
		return slices.Concat(b[:from+len("deviceAuth")], []byte(with), b[to:])
	}
}

var defects = []defect{
	{"tampered digest", replaced("elementValue\xf5", "elementValue\xf4"), nil, []Name{DigestMismatch}},
	{"tampered salt", replaced("frandomP\xf1", "frandomP\xf2"), nil, []Name{DigestMismatch}},
	{"unknown digest id", replaced("digestID\x00", "digestID\x09"), nil, []Name{DigestMismatch}},
	{"tampered object", replaced("SHA-256", "SHA-512"), nil, []Name{IssuerSignature}},
	{"wrong transcript", nil, func(_ *testing.T, r *Request) {
		r.Transcript = slices.Clone(r.Transcript)
		r.Transcript[len(r.Transcript)-1] ^= 1
	}, []Name{DeviceSignature}},
	{"no transcript", nil, func(_ *testing.T, r *Request) { r.Transcript = nil }, []Name{BadTranscript}},
	{"expired", nil, func(_ *testing.T, r *Request) { r.At = r.At.AddDate(1, 0, 0) }, []Name{Expired}},
	{"not yet valid", nil, func(_ *testing.T, r *Request) { r.At = r.At.AddDate(-1, 0, 0) }, []Name{NotYetValid}},
	{"expired and wrong transcript", nil, func(_ *testing.T, r *Request) {
		r.At, r.Transcript = r.At.AddDate(1, 0, 0), []byte{0x83, 0xf6, 0xf6, 0xf6}
	}, []Name{Expired, DeviceSignature}},
	{"another docType asked for", nil, func(_ *testing.T, r *Request) { r.DocType = "eu.europa.ec.av.1" }, []Name{WrongDocType}},
	{"another docType signed", replaced("org.iso.18013.5.1.mDL", "org.iso.18013.5.1.mDX"), func(_ *testing.T, r *Request) {
		r.DocType = ""
	}, []Name{WrongDocType, DeviceSignature}},
	{"duplicate map key", func(t *testing.T, b []byte) []byte {
		return replaced("\xa3gversion", "\xa4gversion")(t, append(b[:len(b):len(b)], "\x66status\x00"...))
	}, nil, []Name{DuplicateKey}},
	{"indefinite length", func(t *testing.T, b []byte) []byte {
		return replaced("\xa3gversion", "\xbfgversion")(t, append(b[:len(b):len(b)], 0xff))
	}, nil, []Name{IndefiniteLength}},
	{"trailing bytes", func(_ *testing.T, b []byte) []byte { return append(b[:len(b):len(b)], 0) }, nil, []Name{TrailingBytes}},
	{"truncated", func(_ *testing.T, b []byte) []byte { return b[:len(b)-1] }, nil, []Name{Truncated}},
	{"float", ended("\xf9\x00\x00"), nil, []Name{Float}},
	{"non-shortest integer", ended("\x18\x00"), nil, []Name{NotShortest}},
	{"text that is none", replaced("gversion", "gvers\xffon"), nil, []Name{NotUTF8}},
	{"wallet failed", ended("\x0a"), nil, []Name{ResponseStatus}},
	{"another version", replaced("c1.0", "c2.0"), nil, []Name{ResponseVersion}},
	{"unknown key", replaced("jnameSpaces", "jnameSpacez"), nil, []Name{Malformed}},
	{"device signature stripped", withDeviceAuth("\xa0"), nil, []Name{NoDeviceSignature}},
	{"device signature not a signature", withDeviceAuth("\xa1odeviceSignature\xf6"), nil, []Name{Malformed}},
	{"device MAC", withDeviceAuth("\xa1ideviceMac\x84\x43\xa1\x01\x05\xa0\xf6\x40"), nil, []Name{NoDeviceSignature}},
	{"device algorithm missing", withDeviceAuth("\xa1odeviceSignature\x84\x40\xa0\xf6\x40"), nil, []Name{WrongAlgorithm}},
	{"device algorithm unprotected", withDeviceAuth("\xa1odeviceSignature\x84\x43\xa1\x01\x26\xa1\x01\x26\xf6\x40"), nil, []Name{WrongAlgorithm}},
	{"device algorithm of another curve", withDeviceAuth("\xa1odeviceSignature\x84\x44\xa1\x01\x38\x22\xa0\xf6\x40"), nil, []Name{WrongAlgorithm}},
	{"device signature of no length", withDeviceAuth("\xa1odeviceSignature\x84\x43\xa1\x01\x26\xa0\xf6\x40"), nil, []Name{DeviceSignature}},
	{"device signature not detached", withDeviceAuth("\xa1odeviceSignature\x84\x43\xa1\x01\x26\xa0\x40\x40"), nil, []Name{Malformed}},
	{"device claims", replaced("nameSpaces\xd8\x18\x41\xa0", "nameSpaces\xd8\x18\x44\xa1\x61a\xa0"), nil, []Name{DeviceClaims}},
	{"missing claim", nil, func(_ *testing.T, r *Request) { r.Require = []string{"age_over_18", "age_over_21"} }, []Name{MissingClaim}},
	{"another issuer's key", nil, func(t *testing.T, r *Request) {
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		r.IssuerKey = &other.PublicKey
	}, []Name{IssuerSignature}},
	{"key of another curve", nil, func(t *testing.T, r *Request) {
		other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		r.IssuerKey = &other.PublicKey
	}, []Name{WrongAlgorithm}},
	{"nobody to trust", nil, func(_ *testing.T, r *Request) { r.IssuerKey = nil }, []Name{NoTrust}},
	{"key and roots", nil, func(_ *testing.T, r *Request) { r.Roots = []*x509.Certificate{{}} }, []Name{NoTrust}},
	{"nothing", func(*testing.T, []byte) []byte { return nil }, nil, []Name{Truncated}},
	{"too large", func(*testing.T, []byte) []byte { return make([]byte, MaxSize+1) }, nil, []Name{TooLarge}},
}

// Vector 0, spoilt in one way each.
func TestDefects(t *testing.T) {
	good, request := byIndex(t, 0)
	request.Require = []string{"age_over_18"}
	for _, d := range defects {
		t.Run(strings.ReplaceAll(d.name, " ", "_"), func(t *testing.T) {
			response, r := slices.Clone(good), request
			if d.response != nil {
				response = d.response(t, response)
			}
			if d.request != nil {
				d.request(t, &r)
			}
			refused(t, Verify(response, r), d.want...)
		})
	}
}

// refused checks that nothing is proven, for exactly these reasons.
func refused(t *testing.T, got Result, want ...Name) {
	t.Helper()
	var names []Name
	for _, e := range got.Errors {
		names = append(names, e.Name)
		if e.Detail == "" {
			t.Errorf("%s has no detail", e.Name)
		}
	}
	if diff := cmp.Diff(want, names); diff != "" || got.OK {
		t.Errorf("OK %v; defects (-want +got):\n%s%v", got.OK, diff, got.Errors)
	}
}

// Whatever single bit of a response is flipped outside of its certificate,
// which a given key makes meaningless: it is refused, or it proves what it
// proved before. Never is a claim proven that the issuer did not sign.
func TestFlippedBits(t *testing.T) {
	response, request := byIndex(t, 0)
	want := Verify(response, request)
	if !want.OK {
		t.Fatal(want.Errors)
	}
	changed := 0
	for i := range response {
		bit := byte(1) << (i % 8) // all eight would take a minute
		response[i] ^= bit
		if got := Verify(response, request); got.OK {
			changed++
			if diff := cmp.Diff(want.Claims, got.Claims); diff != "" {
				t.Errorf("bit of byte %d (-want +got):\n%s", i, diff)
			}
		}
		response[i] ^= bit
	}
	if certificate := 600; changed > certificate {
		t.Errorf("%d flips change nothing, more than the certificate has bytes", changed)
	}
}

// The result shares no memory with the response.
func TestResultIsCopied(t *testing.T) {
	response, request := byIndex(t, 5)
	first := Verify(response, request)
	before := cmp.Diff(nil, first.Claims)
	for i := range response {
		response[i] = 0xff
	}
	if after := cmp.Diff(nil, first.Claims); before != after {
		t.Errorf("claims changed with the response: %s", after)
	}
}

// The whole of a verification beside the three signature checks in it:
// authority on certificate, certificate on object, device on session.
func BenchmarkVerify(b *testing.B) {
	p, r := good(b, elliptic.P256())
	response := p.response()
	b.Run("chain", func(b *testing.B) {
		for b.Loop() {
			if got := Verify(response, r); !got.OK {
				b.Fatal(got.Errors)
			}
		}
	})
	key, ok := newKey(b, elliptic.P256()).(*ecdsa.PrivateKey)
	if !ok {
		b.Fatal("no ECDSA key")
	}
	digest := make([]byte, 32)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("signatures", func(b *testing.B) {
		for b.Loop() {
			for range 3 {
				if !ecdsa.VerifyASN1(&key.PublicKey, digest, signature) {
					b.Fatal("refused")
				}
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(unhex(f, v.MDoc))
	}
	_, request := byIndex(f, 7)
	f.Fuzz(func(t *testing.T, response []byte) {
		for _, r := range []Request{request, {At: time.Unix(0, 0), Roots: []*x509.Certificate{{}}}} {
			got := Verify(response, r)
			if got.OK != (len(got.Errors) == 0) || !got.OK && len(r.Require) == 0 && got.Claims != nil {
				t.Errorf("%+v", got)
			}
		}
	})
}
