package agetoken_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/agetoken"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// malformed checks what a parser answers to inputs named by their defect.
func malformed[T any](t *testing.T, parse func([]byte) (T, error), inputs map[string][]byte) {
	t.Helper()
	for name, b := range inputs {
		if got, err := parse(b); !errors.Is(err, agetoken.ErrFormat) {
			t.Errorf("%s: %v and error %v, want %v", name, got, err, agetoken.ErrFormat)
		}
	}
}

func TestParseTokenRefuses(t *testing.T) {
	good := agetoken.Token{Nonce: [32]byte{1}}.Bytes()
	if _, err := agetoken.ParseToken(good); err != nil {
		t.Fatal(err)
	}
	malformed(t, agetoken.ParseToken, map[string][]byte{
		"empty":          nil,
		"type only":      good[:2],
		"truncated":      good[:len(good)-1],
		"trailing byte":  append(bytes.Clone(good), 0),
		"twice":          append(bytes.Clone(good), good...),
		"type 1, VOPRF":  append([]byte{0, 1}, good[2:]...),
		"type 0x0200":    append([]byte{2, 0}, good[2:]...),
		"type 0xDA7A":    append([]byte{0xDA, 0x7A}, good[2:]...),
		"4096-bit token": append(bytes.Clone(good), make([]byte, 256)...),
	})
}

func TestParseRequestRefuses(t *testing.T) {
	good := agetoken.Request{KeyID: 5, Blinded: [256]byte{9}}.Bytes()
	if _, err := agetoken.ParseRequest(good); err != nil {
		t.Fatal(err)
	}
	malformed(t, agetoken.ParseRequest, map[string][]byte{
		"empty":         nil,
		"truncated":     good[:len(good)-1],
		"trailing byte": append(bytes.Clone(good), 0),
		"type 1":        append([]byte{0, 1}, good[2:]...),
		"no key ID":     append(bytes.Clone(good[:2]), good[3:]...),
	})
	malformed(t, agetoken.ParseResponse, map[string][]byte{
		"empty":         nil,
		"truncated":     make([]byte, 255),
		"trailing byte": make([]byte, 257),
	})
}

func TestParseBatch(t *testing.T) {
	one := agetoken.Request{KeyID: 5, Blinded: [256]byte{9}}.Bytes()
	for n := range agetoken.MaxBatch + 2 {
		want := error(nil)
		if n == 0 || n > agetoken.MaxBatch {
			want = agetoken.ErrBatch
		}
		requests, err := agetoken.ParseRequests(bytes.Repeat(one, n))
		if !errors.Is(err, want) || (err == nil && len(requests) != n) {
			t.Errorf("%d requests: %d and %v, want %v", n, len(requests), err, want)
		}
		responses, err := agetoken.ParseResponses(make([]byte, n*agetoken.ResponseSize))
		if !errors.Is(err, want) || (err == nil && len(responses) != n) {
			t.Errorf("%d responses: %d and %v, want %v", n, len(responses), err, want)
		}
	}
	wrong := bytes.Repeat(one, 3)
	wrong[2*agetoken.RequestSize+1] = 1
	malformed(t, agetoken.ParseRequests, map[string][]byte{
		"the last truncated":        bytes.Repeat(one, 3)[:3*len(one)-1],
		"trailing byte":             append(bytes.Clone(one), 0),
		"the third of another type": wrong,
	})
	if _, err := agetoken.ParseRequests(wrong); err == nil || !strings.Contains(err.Error(), "number 3 ") {
		t.Errorf("%v does not say which", err)
	}
}

func TestChallenge(t *testing.T) {
	c := newChallenge(t, bytes.Repeat([]byte{7}, 32), "foo.example", "bar.example:8443")
	got, err := agetoken.ParseChallenge(c.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"foo.example", "bar.example:8443"}, got.Origins()); diff != "" {
		t.Error(diff)
	}
	if got.Issuer() != "issuer.example" || !bytes.Equal(got.Context(), c.Context()) || got.Digest() != c.Digest() {
		t.Errorf("%+v, want %+v", got, c)
	}
}

func TestParseChallengeRefuses(t *testing.T) {
	const issuer = "0002 0001 61" // "a"
	good := unhex(t, issuer+"00 0001 62")
	if _, err := agetoken.ParseChallenge(good); err != nil {
		t.Fatal(err)
	}
	malformed(t, agetoken.ParseChallenge, map[string][]byte{
		"empty":                   nil,
		"half a type":             {0},
		"type only":               unhex(t, "0002"),
		"type 1":                  unhex(t, "0001 0001 61 00 0001 62"),
		"no issuer":               unhex(t, "0002 0000 00 0000"),
		"issuer cut off":          unhex(t, "0002 0002 61"),
		"no context":              unhex(t, issuer),
		"context of 1 byte":       unhex(t, issuer+"01 ff 0000"),
		"context of 31 bytes":     unhex(t, issuer+"1f"+strings.Repeat("ff", 31)+"0000"),
		"context of 33 bytes":     unhex(t, issuer+"21"+strings.Repeat("ff", 33)+"0000"),
		"context cut off":         unhex(t, issuer+"20"+strings.Repeat("ff", 31)),
		"no origins":              unhex(t, issuer+"00"),
		"origins cut off":         unhex(t, issuer+"00 0002 62"),
		"empty origin at the end": unhex(t, issuer+"00 0002 622c"),
		"only a comma":            unhex(t, issuer+"00 0001 2c"),
		"blank in an origin":      unhex(t, issuer+"00 0003 622c20"),
		"issuer not ASCII":        unhex(t, "0002 0002 c3a4 00 0000"),
		"issuer with a NUL":       unhex(t, "0002 0002 6100 00 0000"),
		"trailing byte":           append(bytes.Clone(good), 0),
	})
}

func TestNewChallengeRefuses(t *testing.T) {
	long := strings.Repeat("a", math.MaxUint16)
	for name, build := range map[string]func() (agetoken.Challenge, error){
		"no issuer":           func() (agetoken.Challenge, error) { return agetoken.NewChallenge("", nil) },
		"issuer too long":     func() (agetoken.Challenge, error) { return agetoken.NewChallenge(long+"a", nil) },
		"comma in an origin":  func() (agetoken.Challenge, error) { return agetoken.NewChallenge("a", nil, "b,c") },
		"address, not a host": func() (agetoken.Challenge, error) { return agetoken.NewChallenge("https://a/", nil) },
		"empty origin":        func() (agetoken.Challenge, error) { return agetoken.NewChallenge("a", nil, "") },
		"origins too long":    func() (agetoken.Challenge, error) { return agetoken.NewChallenge("a", nil, long, "b") },
		"short context":       func() (agetoken.Challenge, error) { return agetoken.NewChallenge("a", []byte{1}) },
	} {
		if _, err := build(); !errors.Is(err, agetoken.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	good := newIssuer(t, 0).Key().Bytes()
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	longer := append(bytes.Clone(good), 5, 0) // NULL
	longer[3] += 2
	malformed(t, agetoken.ParseKey, map[string][]byte{
		"another member at the end": longer,
		"empty":                     nil,
		"truncated":                 good[:len(good)-1],
		"trailing byte":             append(bytes.Clone(good), 0),
		"RSA encryption, not PSS":   change(16, 1),
		"SHA-256":                   change(33, 1),
		"mask of SHA-256":           change(61, 1),
		"salt of 32 bytes":          change(66, 32),
		"exponent 65539":            change(len(good)-1, 3),
		"even exponent":             change(len(good)-1, 0),
		"even modulus":              change(len(good)-6, 0),
		"modulus of 2047 bits":      change(len(good)-261, 0x7f),
		"bit string with five bits": change(71, 5),
		"indefinite length":         change(1, 0x80),
	})
	key, err := agetoken.ParseKey(good)
	if err != nil {
		t.Fatal(err)
	}
	if key.ID() != newIssuer(t, 0).Key().ID() {
		t.Error("read again, it has another ID")
	}
}

func TestKeyName(t *testing.T) {
	const text = "over-18.strict.2026-11"
	if november.String() != text {
		t.Errorf("%s, want %s", november, text)
	}
	got, err := agetoken.ParseKeyName(text)
	if err != nil || got != november {
		t.Errorf("%v, %v, want %v", got, err, november)
	}
	parse := func(b []byte) (agetoken.KeyName, error) { return agetoken.ParseKeyName(string(b)) }
	inputs := map[string][]byte{}
	for _, s := range []string{
		"", "over-18", "over-18.strict", "over-18.strict.2026-11.", "over-18.strict.2026-1", "over-18.strict.2026-13",
		"over-18.strict.2026-00", "over-18.strict.0000-01", "over-18.strict.2026-11-01", "over-18..2026-11", "over-18.Strict.2026-11",
		"over-0.strict.2026-11", "over--1.strict.2026-11", "over-018.strict.2026-11", "over-+18.strict.2026-11",
		"over-121.strict.2026-11", "18.strict.2026-11", "over-over-18.strict.2026-11", " over-18.strict.2026-11", "under-18.strict.2026-11",
	} {
		inputs[s] = []byte(s)
	}
	malformed(t, parse, inputs)
	for _, n := range []agetoken.KeyName{
		{},
		{Over: 18, Class: agetoken.Strict},
		{Over: 18, Class: 5, Epoch: november.Epoch},
		{Over: 18, Epoch: november.Epoch},
		{Over: 18, Class: agetoken.Strict, Epoch: agetoken.Epoch{Year: 2026, Month: 13}},
	} {
		if text, err := n.MarshalText(); !errors.Is(err, agetoken.ErrFormat) {
			t.Errorf("%+v is written as %s, %v", n, text, err)
		}
	}
}

// Whenever a token is got, it can be spent for some two months, and for ninety
// days at most.
func TestEpoch(t *testing.T) {
	for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2029; at = at.Add(7 * time.Hour) {
		e := agetoken.EpochOf(at)
		if at.Before(e.Begin()) || !at.Before(e.End()) {
			t.Fatalf("%s is not in %s", at, e)
		}
		if left := e.Lapse().Sub(at); left > agetoken.Validity || left < 59*24*time.Hour {
			t.Fatalf("got at %s, spent within %s", at, left)
		}
	}
	west := time.FixedZone("west", -8*60*60)
	if got := agetoken.EpochOf(time.Date(2026, 10, 31, 20, 0, 0, 0, west)); got != november.Epoch {
		t.Errorf("%s, want the month in UTC", got)
	}
}

// What a token says is in its key: two keys' tokens can't be exchanged.
func TestKeysDiffer(t *testing.T) {
	c, over13, over18 := newChallenge(t, nil), newIssuer(t, 0), newIssuer(t, 1)
	younger := november
	younger.Over = 13
	verifier, err := agetoken.NewVerifier(c,
		agetoken.NamedKey{Key: over13.Key(), Name: younger}, agetoken.NamedKey{Key: over18.Key(), Name: november})
	if err != nil {
		t.Fatal(err)
	}
	verifier.Now = november.Epoch.Begin
	token := newTokens(t, over13, c, 1)[0]
	if said, err := verifier.Verify(token); err != nil || said != younger {
		t.Errorf("%s, %v, want %s", said, err, younger)
	}
	token.KeyID = over18.Key().ID()
	if said, err := verifier.Verify(token); !errors.Is(err, agetoken.ErrSignature) {
		t.Errorf("a token for 13 passes for %s, %v", said, err)
	}
	if _, _, err := agetoken.Blind(rand.Reader, over18.Key(), c); err != nil {
		t.Error(err)
	}
}
