package agetoken_test

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/agetoken"
)

// hexBytes are written in hexadecimal.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// vectors reads a file of RFC 9578's test vectors, as pat-go has them.
func vectors[T any](t *testing.T, name string) []T {
	t.Helper()
	folder := cmp.Or(os.Getenv("BREAKWATER_VECTORS"), filepath.Join("..", "..", "shared", "vectors"))
	text, err := os.ReadFile(filepath.Join(folder, "privacypass", name))
	if os.IsNotExist(err) {
		t.Skipf("no test vectors in %s: set BREAKWATER_VECTORS", folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []T
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no vectors in the file")
	}
	return list
}

type issuance struct {
	Private   hexBytes `json:"skS"`
	Public    hexBytes `json:"pkS"`
	Challenge hexBytes `json:"token_challenge"`
	Nonce     hexBytes `json:"nonce"`
	Blind     hexBytes `json:"blind"`
	Salt      hexBytes `json:"salt"`
	Request   hexBytes `json:"token_request"`
	Response  hexBytes `json:"token_response"`
	Token     hexBytes `json:"token"`
}

func TestIssuanceVectors(t *testing.T) {
	for i, v := range vectors[issuance](t, "type2-issuance-test-vectors.json") {
		key, err := agetoken.ParseKey(v.Public)
		if err != nil {
			t.Fatal(i, err)
		}
		equal(t, "key", key.Bytes(), v.Public)
		issuer, err := agetoken.NewIssuer(parsePrivate(t, v.Private))
		if err != nil {
			t.Fatal(i, err)
		}
		equal(t, "public key of the private key", issuer.Key().Bytes(), v.Public)
		challenge, err := agetoken.ParseChallenge(v.Challenge)
		if err != nil {
			t.Fatal(i, err)
		}
		equal(t, "challenge", challenge.Bytes(), v.Challenge)

		random := bytes.NewReader(bytes.Join([][]byte{v.Nonce, v.Salt, v.Blind}, nil))
		request, pending, err := agetoken.Blind(random, key, challenge)
		if err != nil {
			t.Fatal(i, err)
		}
		equal(t, "request", request.Bytes(), v.Request)
		received, err := agetoken.ParseRequest(v.Request)
		if err != nil {
			t.Fatal(i, err)
		}
		response, err := issuer.Sign(received)
		if err != nil {
			t.Fatal(i, err)
		}
		equal(t, "response", response[:], v.Response)
		token, err := pending.Finalize(response)
		if err != nil {
			t.Fatal(i, err)
		}
		equal(t, "token", token.Bytes(), v.Token)

		token, err = agetoken.ParseToken(v.Token)
		if err != nil {
			t.Fatal(i, err)
		}
		if err := key.Verify(token); err != nil {
			t.Error(i, err)
		}
		if token.Challenge != challenge.Digest() {
			t.Errorf("%d: the token answers another challenge", i)
		}
	}
}

type tokenInput struct {
	Issuer  hexBytes `json:"issuer_name"`
	Context hexBytes `json:"redemption_context"`
	Origins hexBytes `json:"origin_info"`
	Nonce   hexBytes `json:"nonce"`
	KeyID   hexBytes `json:"token_key_id"`
	Signed  hexBytes `json:"token_authenticator_input"`
}

func TestTokenVectors(t *testing.T) {
	for i, v := range vectors[tokenInput](t, "token-test-vectors.json") {
		var origins []string
		if len(v.Origins) > 0 {
			origins = strings.Split(string(v.Origins), ",")
		}
		challenge, err := agetoken.NewChallenge(string(v.Issuer), v.Context, origins...)
		if err != nil {
			t.Fatal(i, err)
		}
		token := agetoken.Token{Nonce: [32]byte(v.Nonce), Challenge: challenge.Digest(), KeyID: agetoken.KeyID(v.KeyID)}
		equal(t, "what the signature covers", token.Bytes()[:len(token.Bytes())-agetoken.SignatureSize], v.Signed)
		again, err := agetoken.ParseChallenge(challenge.Bytes())
		if err != nil {
			t.Fatal(i, err)
		}
		equal(t, "challenge", again.Bytes(), challenge.Bytes())
	}
}

func parsePrivate(t *testing.T, text []byte) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("the private key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %x, want %x", what, got, want)
	}
}
