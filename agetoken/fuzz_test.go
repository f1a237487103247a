package agetoken_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/agetoken"
)

// fuzzWire checks that what is read is written the same, and that what is not
// read is refused with an error that callers know.
func fuzzWire[T any](f *testing.F, parse func([]byte) (T, error), write func(T) []byte) {
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		v, err := parse(b)
		if err != nil {
			if !errors.Is(err, agetoken.ErrFormat) && !errors.Is(err, agetoken.ErrBatch) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if !bytes.Equal(before, b) {
			t.Fatal("reading changes what is read")
		}
		if again := write(v); !bytes.Equal(again, b) {
			t.Fatalf("%x is read, and written %x", b, again)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add(agetoken.Token{Nonce: [32]byte{1}}.Bytes())
	f.Add(agetoken.Token{}.Bytes()[:353])
	fuzzWire(f, agetoken.ParseToken, agetoken.Token.Bytes)
}

func FuzzParseRequests(f *testing.F) {
	f.Add(bytes.Repeat(agetoken.Request{KeyID: 3}.Bytes(), 2))
	f.Add([]byte{0, 2, 1})
	fuzzWire(f, agetoken.ParseRequests, func(list []agetoken.Request) (b []byte) {
		for _, r := range list {
			b = append(b, r.Bytes()...)
		}
		return b
	})
}

func FuzzParseResponses(f *testing.F) {
	f.Add(make([]byte, 512))
	f.Add(make([]byte, 511))
	fuzzWire(f, agetoken.ParseResponses, func(list []agetoken.Response) (b []byte) {
		for _, r := range list {
			b = append(b, r[:]...)
		}
		return b
	})
}

func FuzzParseChallenge(f *testing.F) {
	f.Add(newChallenge(f, nil).Bytes())
	f.Add(newChallenge(f, make([]byte, 32), "a.example", "b.example").Bytes())
	fuzzWire(f, agetoken.ParseChallenge, agetoken.Challenge.Bytes)
}

func FuzzParseKey(f *testing.F) {
	f.Add(newIssuer(f, 0).Key().Bytes())
	f.Add([]byte("\x30\x82\x01\x52\x30\x3d"))
	fuzzWire(f, agetoken.ParseKey, (*agetoken.Key).Bytes)
}

func FuzzParseKeyName(f *testing.F) {
	f.Add([]byte("over-18.strict.2026-11"))
	f.Add([]byte("over-018.strict.2026-11"))
	fuzzWire(f,
		func(b []byte) (agetoken.KeyName, error) { return agetoken.ParseKeyName(string(b)) },
		func(n agetoken.KeyName) []byte { return []byte(n.String()) })
}

func FuzzParseDirectory(f *testing.F) {
	seed, err := json.Marshal(agetoken.Directory{RequestURI: "/r", Keys: []agetoken.NamedKey{{Key: newIssuer(f, 0).Key(), Name: november}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"issuer-request-uri":"/r","token-keys":[{"token-type":1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := agetoken.ParseDirectory(b)
		if err != nil {
			if !errors.Is(err, agetoken.ErrFormat) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := agetoken.ParseDirectory(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, again, sameKeys); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseWWWAuthenticate(f *testing.F) {
	f.Add(agetoken.WWWAuthenticate(agetoken.Offer{Challenge: newChallenge(f, nil), Key: newIssuer(f, 0).Key(), MaxAge: 1e9}))
	f.Add(`Negotiate abc==, Basic realm="a\"b", PrivateToken challenge=AAIADmlzc3Vlci5leGFtcGxlAAAA`)
	f.Fuzz(func(t *testing.T, value string) {
		offers, err := agetoken.ParseWWWAuthenticate(value)
		if err != nil {
			if !errors.Is(err, agetoken.ErrFormat) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if len(offers) > strings.Count(strings.ToLower(value), "privatetoken") {
			t.Fatalf("%d offers", len(offers))
		}
		again, err := agetoken.ParseWWWAuthenticate(agetoken.WWWAuthenticate(offers...))
		if err != nil && len(value) <= 8<<10 {
			t.Fatal(err)
		}
		if diff := cmp.Diff(offers, again, sameKeys); err == nil && diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add(agetoken.Authorization(agetoken.Token{Nonce: [32]byte{1}}))
	f.Add("Basic dXNlcjpwYXNz")
	f.Fuzz(func(t *testing.T, value string) {
		token, err := agetoken.ParseAuthorization(value)
		if err != nil {
			if !errors.Is(err, agetoken.ErrFormat) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if again, err := agetoken.ParseAuthorization(agetoken.Authorization(token)); err != nil || again != token {
			t.Fatalf("%v, written again", err)
		}
	})
}
