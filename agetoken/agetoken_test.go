package agetoken_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/agetoken"
)

// november is a time at which tokens of the tests' keys can be spent.
var november = agetoken.KeyName{Over: 18, Class: agetoken.Strict, Epoch: agetoken.Epoch{Year: 2026, Month: time.November}}

// privateKeys are two of them, made once: it takes a while.
var privateKeys = sync.OnceValues(func() ([2]*rsa.PrivateKey, error) {
	a, errA := rsa.GenerateKey(rand.Reader, 2048)
	b, errB := rsa.GenerateKey(rand.Reader, 2048)
	return [2]*rsa.PrivateKey{a, b}, errors.Join(errA, errB)
})

func newIssuer(t testing.TB, n int) *agetoken.Issuer {
	t.Helper()
	keys, err := privateKeys()
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := agetoken.NewIssuer(keys[n])
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func newChallenge(t testing.TB, context []byte, origins ...string) agetoken.Challenge {
	t.Helper()
	c, err := agetoken.NewChallenge("issuer.example", context, origins...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newTokens goes the whole way over the wire.
func newTokens(t testing.TB, issuer *agetoken.Issuer, c agetoken.Challenge, n int) []agetoken.Token {
	t.Helper()
	requests, batch, err := agetoken.BlindBatch(rand.Reader, issuer.Key(), c, n)
	if err != nil {
		t.Fatal(err)
	}
	var wire []byte
	for _, r := range requests {
		wire = append(wire, r.Bytes()...)
	}
	received, err := agetoken.ParseRequests(wire)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := issuer.SignBatch(t.Context(), received)
	if err != nil {
		t.Fatal(err)
	}
	wire = nil
	for _, r := range signed {
		wire = append(wire, r[:]...)
	}
	responses, err := agetoken.ParseResponses(wire)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := batch.Finalize(responses)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func newVerifier(t testing.TB, c agetoken.Challenge, issuer *agetoken.Issuer) *agetoken.Verifier {
	t.Helper()
	v, err := agetoken.NewVerifier(c, agetoken.NamedKey{Key: issuer.Key(), Name: november})
	if err != nil {
		t.Fatal(err)
	}
	v.Now = func() time.Time { return time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC) }
	return v
}

func TestRoundTrip(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	verifier := newVerifier(t, c, issuer)
	var spent agetoken.Spent
	for _, token := range newTokens(t, issuer, c, 3) {
		received, err := agetoken.ParseToken(token.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(token, received); diff != "" {
			t.Errorf("over the wire (-sent +received):\n%s", diff)
		}
		name, err := verifier.Verify(received)
		if err != nil {
			t.Fatal(err)
		}
		if name != november {
			t.Errorf("the token says %s, want %s", name, november)
		}
		if !spent.Spend(received.Nullifier()) {
			t.Error("a new token counts as spent")
		}
		if spent.Spend(received.Nullifier()) {
			t.Error("a token is spent twice")
		}
	}
	if spent.Len() != 3 {
		t.Errorf("%d tokens spent, want 3", spent.Len())
	}
}

func TestVerifierRefuses(t *testing.T) {
	issuer, other, c := newIssuer(t, 0), newIssuer(t, 1), newChallenge(t, nil, "origin.example")
	good := newTokens(t, issuer, c, 1)[0]
	with := func(change func(*agetoken.Token)) agetoken.Token {
		changed := good
		change(&changed)
		return changed
	}
	begin, lapse := november.Epoch.Begin(), november.Epoch.Lapse()
	for name, test := range map[string]struct {
		token agetoken.Token
		now   time.Time
		want  error
	}{
		"nothing wrong, first instant": {good, begin, nil},
		"nothing wrong, last instant":  {good, lapse.Add(-1), nil},
		"before its epoch":             {good, begin.Add(-1), agetoken.ErrTime},
		"lapsed":                       {good, lapse, agetoken.ErrTime},
		"zero":                         {agetoken.Token{}, begin, agetoken.ErrKey},
		"unknown issuer":               {newTokens(t, other, c, 1)[0], begin, agetoken.ErrKey},
		"another origin":               {newTokens(t, issuer, newChallenge(t, nil, "other.example"), 1)[0], begin, agetoken.ErrChallenge},
		"another session":              {newTokens(t, issuer, newChallenge(t, bytes.Repeat([]byte{7}, 32), "origin.example"), 1)[0], begin, agetoken.ErrChallenge},
		"challenge altered":            {with(func(t *agetoken.Token) { t.Challenge[0] ^= 1 }), begin, agetoken.ErrChallenge},
		"nonce altered":                {with(func(t *agetoken.Token) { t.Nonce[0] ^= 1 }), begin, agetoken.ErrSignature},
		"signature altered":            {with(func(t *agetoken.Token) { t.Signature[255] ^= 1 }), begin, agetoken.ErrSignature},
		"signature above the modulus":  {with(func(t *agetoken.Token) { copy(t.Signature[:], bytes.Repeat([]byte{255}, 256)) }), begin, agetoken.ErrSignature},
		"signature zero":               {with(func(t *agetoken.Token) { clear(t.Signature[:]) }), begin, agetoken.ErrSignature},
		"key named, not signed by it":  {with(func(t *agetoken.Token) { t.KeyID = other.Key().ID() }), begin, agetoken.ErrKey},
	} {
		t.Run(name, func(t *testing.T) {
			verifier := newVerifier(t, c, issuer)
			verifier.Now = func() time.Time { return test.now }
			said, err := verifier.Verify(test.token)
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if err != nil && said != (agetoken.KeyName{}) {
				t.Errorf("refused, and yet it says %s", said)
			}
		})
	}
}

// A key that claims a token which another key signed is found out by the
// signature, not only by the name.
func TestKeySwapped(t *testing.T) {
	issuer, other, c := newIssuer(t, 0), newIssuer(t, 1), newChallenge(t, nil)
	token := newTokens(t, issuer, c, 1)[0]
	token.KeyID = other.Key().ID()
	if err := other.Key().Verify(token); !errors.Is(err, agetoken.ErrSignature) {
		t.Errorf("%v, want %v", err, agetoken.ErrSignature)
	}
}

// Every bit of a token counts.
func TestEveryBitFlipped(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	verifier, wire := newVerifier(t, c, issuer), newTokens(t, issuer, c, 1)[0].Bytes()
	for i := range 8 * len(wire) {
		flipped := bytes.Clone(wire)
		flipped[i/8] ^= 1 << (i % 8)
		token, err := agetoken.ParseToken(flipped)
		if err == nil {
			_, err = verifier.Verify(token)
		}
		if err == nil {
			t.Errorf("bit %d flipped, and it passes", i)
		}
	}
}

func TestNotBefore(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	late := november.Epoch.Begin().Add(time.Hour)
	verifier, err := agetoken.NewVerifier(c, agetoken.NamedKey{Key: issuer.Key(), Name: november, NotBefore: late})
	if err != nil {
		t.Fatal(err)
	}
	token := newTokens(t, issuer, c, 1)[0]
	verifier.Now = func() time.Time { return late.Add(-1) }
	if _, err := verifier.Verify(token); !errors.Is(err, agetoken.ErrTime) {
		t.Errorf("%v, want %v", err, agetoken.ErrTime)
	}
	verifier.Now = func() time.Time { return late }
	if _, err := verifier.Verify(token); err != nil {
		t.Error(err)
	}
}

func TestVerifierNeedsNames(t *testing.T) {
	c, named := newChallenge(t, nil), agetoken.NamedKey{Key: newIssuer(t, 0).Key(), Name: november}
	if _, err := agetoken.NewVerifier(c, agetoken.NamedKey{Key: named.Key}); !errors.Is(err, agetoken.ErrFormat) {
		t.Errorf("a key without a name: %v", err)
	}
	if _, err := agetoken.NewVerifier(c, named, named); !errors.Is(err, agetoken.ErrFormat) {
		t.Errorf("a key twice: %v", err)
	}
}

// What the issuer sees of two tokens for one challenge has nothing in common,
// with each other or with the tokens.
func TestBlindedDiffers(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	const n = 4
	requests, batch, err := agetoken.BlindBatch(rand.Reader, issuer.Key(), c, n)
	if err != nil {
		t.Fatal(err)
	}
	responses, err := issuer.SignBatch(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := batch.Finalize(responses)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[8]byte]string{}
	look := func(where string, b []byte) {
		for i := range len(b) - 7 {
			window := [8]byte(b[i:])
			if before, again := seen[window]; again {
				t.Errorf("%s and %s have eight bytes in common", before, where)
			}
			seen[window] = where
		}
	}
	for i := range n {
		look("a request", requests[i].Blinded[:])
		look("a response", responses[i][:])
		look("a token's nonce", tokens[i].Nonce[:])
		look("a token's signature", tokens[i].Signature[:])
	}
}

// Each issuance fits each token: there is a blinding that would have led from
// the one to the other, so that nothing in them says which belong together.
func TestUnlinkable(t *testing.T) {
	keys, err := privateKeys()
	if err != nil {
		t.Fatal(err)
	}
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	modulus, exponent := keys[0].N, big.NewInt(int64(keys[0].E))
	const n = 4
	requests, batch, err := agetoken.BlindBatch(rand.Reader, issuer.Key(), c, n)
	if err != nil {
		t.Fatal(err)
	}
	responses, err := issuer.SignBatch(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := batch.Finalize(responses)
	if err != nil {
		t.Fatal(err)
	}
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	for i := range n {
		for j := range n {
			signature := number(tokens[j].Signature[:])
			blind := new(big.Int).ModInverse(signature, modulus)
			blind.Mul(blind, number(responses[i][:])).Mod(blind, modulus)
			message := new(big.Int).Exp(signature, exponent, modulus)
			blinded := new(big.Int).Exp(blind, exponent, modulus)
			blinded.Mul(blinded, message).Mod(blinded, modulus)
			if blinded.Cmp(number(requests[i].Blinded[:])) != 0 {
				t.Errorf("issuance %d can't have led to token %d", i, j)
			}
		}
	}
}

func TestIssuerRefuses(t *testing.T) {
	keys, err := privateKeys()
	if err != nil {
		t.Fatal(err)
	}
	issuer := newIssuer(t, 0)
	id := issuer.Key().ID()
	good, _, err := agetoken.Blind(rand.Reader, issuer.Key(), newChallenge(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	modulus := [agetoken.SignatureSize]byte(keys[0].N.Bytes())
	for name, test := range map[string]struct {
		request agetoken.Request
		want    error
	}{
		"nothing wrong":     {good, nil},
		"another key":       {agetoken.Request{KeyID: id[31] + 1, Blinded: good.Blinded}, agetoken.ErrKey},
		"zero":              {agetoken.Request{KeyID: id[31]}, agetoken.ErrFormat},
		"the modulus":       {agetoken.Request{KeyID: id[31], Blinded: modulus}, agetoken.ErrFormat},
		"above the modulus": {agetoken.Request{KeyID: id[31], Blinded: [256]byte(bytes.Repeat([]byte{255}, 256))}, agetoken.ErrFormat},
	} {
		response, err := issuer.Sign(test.request)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err != nil && response != (agetoken.Response{}) {
			t.Errorf("%s: refused, and yet signed", name)
		}
	}
}

func TestFinalizeRefuses(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	requests, batch, err := agetoken.BlindBatch(rand.Reader, issuer.Key(), c, 2)
	if err != nil {
		t.Fatal(err)
	}
	good, err := issuer.SignBatch(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	altered := good[1]
	altered[200] ^= 4
	for name, test := range map[string]struct {
		responses []agetoken.Response
		want      error
	}{
		"nothing wrong": {good, nil},
		"one missing":   {good[:1], agetoken.ErrBatch},
		"none":          {nil, agetoken.ErrBatch},
		"one too many":  {append(good[:2:2], good[0]), agetoken.ErrBatch},
		"order changed": {[]agetoken.Response{good[1], good[0]}, agetoken.ErrSignature},
		"altered":       {[]agetoken.Response{good[0], altered}, agetoken.ErrSignature},
		"not signed":    {[]agetoken.Response{good[0], agetoken.Response(requests[1].Blinded)}, agetoken.ErrSignature},
		"zero":          {make([]agetoken.Response, 2), agetoken.ErrSignature},
	} {
		tokens, err := batch.Finalize(test.responses)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err != nil && tokens != nil {
			t.Errorf("%s: refused, and yet there are tokens", name)
		}
	}
}

func TestBatchSize(t *testing.T) {
	issuer, c := newIssuer(t, 0), newChallenge(t, nil)
	for _, n := range []int{-1, 0, agetoken.MaxBatch + 1} {
		if _, _, err := agetoken.BlindBatch(rand.Reader, issuer.Key(), c, n); !errors.Is(err, agetoken.ErrBatch) {
			t.Errorf("blind %d: %v", n, err)
		}
		if _, err := issuer.SignBatch(t.Context(), make([]agetoken.Request, max(n, 0))); !errors.Is(err, agetoken.ErrBatch) {
			t.Errorf("sign %d: %v", n, err)
		}
	}
	requests, _, err := agetoken.BlindBatch(rand.Reader, issuer.Key(), c, agetoken.MaxBatch)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := issuer.SignBatch(ctx, requests); !errors.Is(err, context.Canceled) {
		t.Errorf("sign for somebody who is gone: %v", err)
	}
}

func TestNoRandomness(t *testing.T) {
	key, c := newIssuer(t, 0).Key(), newChallenge(t, nil)
	for n := range 32 + 48 + 256 {
		if _, _, err := agetoken.Blind(bytes.NewReader(make([]byte, n)), key, c); err == nil {
			t.Fatalf("%d random bytes are enough", n)
		}
	}
}

func TestIssuerKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("no keys of 1024 bits to refuse:", err)
	}
	if _, err := agetoken.NewIssuer(small); !errors.Is(err, agetoken.ErrFormat) {
		t.Errorf("1024 bits: %v", err)
	}
}

// A thousand spend one token at once: one of them may.
func TestSpentOnce(t *testing.T) {
	var spent agetoken.Spent
	for round := range 20 {
		nullifier := agetoken.Token{Nonce: [32]byte{byte(round)}}.Nullifier()
		var first, begun sync.WaitGroup
		winners := make(chan int, 1000)
		begun.Add(1)
		for i := range 1000 {
			first.Go(func() {
				begun.Wait()
				if spent.Spend(nullifier) {
					winners <- i
				}
			})
		}
		begun.Done()
		first.Wait()
		if len(winners) != 1 {
			t.Fatalf("%d spent it, want 1", len(winners))
		}
	}
	if spent.Len() != 20 {
		t.Errorf("%d tokens spent, want 20", spent.Len())
	}
}

// The nullifier depends on nonce and key, and on nothing else.
func TestNullifier(t *testing.T) {
	token := agetoken.Token{Nonce: [32]byte{1}, KeyID: agetoken.KeyID{2}}
	same := token
	same.Signature[0], same.Challenge[0] = 3, 4
	if token.Nullifier() != same.Nullifier() {
		t.Error("the signature or the challenge changes the nullifier")
	}
	otherNonce, otherKey := token, token
	otherNonce.Nonce[31], otherKey.KeyID[31] = 5, 6
	if token.Nullifier() == otherNonce.Nullifier() || token.Nullifier() == otherKey.Nullifier() {
		t.Error("another nonce or key has the same nullifier")
	}
}
