package agetoken_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/breakwater-project/breakwater/agetoken"
)

// BenchmarkVerify has the bare signature check beside it: the aim is at most
// 1.2 times that.
func BenchmarkVerify(b *testing.B) {
	keys, err := privateKeys()
	if err != nil {
		b.Fatal(err)
	}
	issuer, c := newIssuer(b, 0), newChallenge(b, nil)
	token, verifier := newTokens(b, issuer, c, 1)[0], newVerifier(b, c, issuer)
	b.Run("token", func(b *testing.B) {
		for b.Loop() {
			if _, err := verifier.Verify(token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		digest := sha512.Sum384(token.Bytes()[:98])
		options := rsa.PSSOptions{SaltLength: 48, Hash: crypto.SHA384}
		for b.Loop() {
			if err := rsa.VerifyPSS(&keys[0].PublicKey, crypto.SHA384, digest[:], token.Signature[:], &options); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSign is one blind signature; the aim is 120 a second on a core.
func BenchmarkSign(b *testing.B) {
	issuer := newIssuer(b, 0)
	request, _, err := agetoken.Blind(rand.Reader, issuer.Key(), newChallenge(b, nil))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := issuer.Sign(request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBlind(b *testing.B) {
	key, c := newIssuer(b, 0).Key(), newChallenge(b, nil)
	for b.Loop() {
		if _, _, err := agetoken.Blind(rand.Reader, key, c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSpend fills a set with two million and says what each takes; the aim
// is 40 bytes.
func BenchmarkSpend(b *testing.B) {
	const n = 2_000_000
	for b.Loop() {
		spent := new(agetoken.Spent)
		before := heap()
		for i := range n {
			var token agetoken.Token
			binary.BigEndian.PutUint64(token.Nonce[:], uint64(i))
			if !spent.Spend(token.Nullifier()) {
				b.Fatal("a new token counts as spent")
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/nullifier")
		runtime.KeepAlive(spent)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
