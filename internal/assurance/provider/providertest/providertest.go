// Package providertest is what tests need to speak as a provider of age checks.
package providertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Standard signs a body as Standard Webhooks 1.0 has it.
func Standard(body string, at time.Time, key []byte) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "msg_1.%s.%s", stamp, body)
	h := http.Header{}
	h.Set("Webhook-Id", "msg_1")
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1a,xx v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h
}

// Name and Client are whom an Issuer's tokens are by and for.
const (
	Name   = "https://issuer.example"
	Client = "client-1"
)

// Issuer is an OpenID Connect provider: it signs ID tokens, and serves its key
// at /jwks.
type Issuer struct {
	*httptest.Server
	signer jose.Signer
	now    time.Time
}

// NewIssuer is one whose tokens are issued at a time. It ends with the test.
func NewIssuer(t testing.TB, now time.Time) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: crypto.PublicKey(&key.PublicKey), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}}
	i := &Issuer{now: now}
	i.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(keys) // who went away needs none
	}))
	t.Cleanup(i.Close)
	return i
}

// Token is a signed ID token for Client with nonce "n-1" and lasting a minute,
// with claims beside these or in their place.
func (i *Issuer) Token(t testing.TB, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": Name, "aud": Client, "sub": "x", "nonce": "n-1", "iat": i.now.Unix(), "exp": i.now.Add(time.Minute).Unix()}
	maps.Copy(all, claims)
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := i.signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}
