package sdjwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/sdjwt"
)

// object is a JSON object that a test writes.
type object = map[string]any

// signer is the key of an issuer or a holder, in the tests' hands.
type signer struct {
	alg  string
	jwk  object // public
	sign func(signed []byte) []byte
}

func (s *signer) key(t testing.TB) *sdjwt.Key {
	t.Helper()
	key, err := sdjwt.ParseKey(encode(t, s.jwk))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signed is a JWT of a header, to which alg is added if it has none, and claims.
func (s *signer) signed(t testing.TB, header, claims object) string {
	t.Helper()
	header = maps.Clone(header)
	if _, given := header["alg"]; !given {
		header["alg"] = s.alg
	}
	return s.raw(encode(t, header), encode(t, claims))
}

// raw is a JWT of a header and a payload that need not be JSON.
func (s *signer) raw(header, payload []byte) string {
	text := base64url(header) + "." + base64url(payload)
	return text + "." + base64url(s.sign([]byte(text)))
}

// ecSigner has a private key whose scalar, big endian, is d.
func ecSigner(t testing.TB, curve elliptic.Curve, alg string, hash crypto.Hash, d []byte) *signer {
	t.Helper()
	private, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	size := len(point) / 2
	return &signer{
		alg: alg,
		jwk: object{"kty": "EC", "crv": curve.Params().Name, "x": base64url(point[1 : 1+size]), "y": base64url(point[1+size:])},
		sign: func(signed []byte) []byte {
			h := hash.New()
			h.Write(signed)
			r, s, err := ecdsa.Sign(nil, private, h.Sum(nil))
			if err != nil {
				t.Fatal(err)
			}
			out := make([]byte, 2*size)
			r.FillBytes(out[:size])
			s.FillBytes(out[size:])
			return out
		},
	}
}

func p256(t testing.TB, number byte) *signer {
	return ecSigner(t, elliptic.P256(), "ES256", crypto.SHA256, scalar(32, number))
}

func p384(t testing.TB, number byte) *signer {
	return ecSigner(t, elliptic.P384(), "ES384", crypto.SHA384, scalar(48, number))
}

func ed25519Signer(number byte) *signer {
	private := ed25519.NewKeyFromSeed(scalar(32, number))
	return &signer{
		alg:  "EdDSA",
		jwk:  object{"kty": "OKP", "crv": "Ed25519", "x": base64url(private.Public().(ed25519.PublicKey))},
		sign: func(signed []byte) []byte { return ed25519.Sign(private, signed) },
	}
}

// scalar is a private key that is no secret.
func scalar(size int, number byte) []byte {
	d := make([]byte, size)
	d[0], d[size-1] = 1, number
	return d
}

var hashes = map[string]func([]byte) []byte{
	"sha-256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
	"sha-384": func(b []byte) []byte { s := sha512.Sum384(b); return s[:] },
	"sha-512": func(b []byte) []byte { s := sha512.Sum512(b); return s[:] },
}

// disclosing encodes a disclosure, [salt, name, value] or [salt, value].
func disclosing(t testing.TB, of ...any) string { return base64url(encode(t, of)) }

func digest(alg, text string) string { return base64url(hashes[alg]([]byte(text))) }

// presentation is what Verify takes, of a JWT, disclosures and, if holder is
// not nil, a key binding JWT with these claims and the hash of what it binds.
func presentation(t testing.TB, token string, disclosures []string, holder *signer, claims object) string {
	t.Helper()
	text := strings.Join(append([]string{token}, disclosures...), "~") + "~"
	if holder == nil {
		return text
	}
	claims = maps.Clone(claims)
	if _, given := claims["sd_hash"]; !given {
		claims["sd_hash"] = digest("sha-256", text)
	}
	return text + holder.signed(t, object{"typ": "kb+jwt"}, claims)
}

func base64url(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// concealed is a value as an issuer signs it: what is disclosable in it is
// replaced by digests, and kept in parts.
type concealed struct {
	value any
	parts map[string]part // by claim name, or by index
}

// part is a claim or an element, and what it is disclosed with: "" if it is in
// the open.
type part struct {
	disclosure string
	concealed
}

// chosen are the disclosures that a holder gives who chose as told: true or a
// list or an object discloses, false and nothing keep back.
func (c concealed) chosen(choice any) []string {
	choose := func(name string) any { return nil }
	switch choice := choice.(type) {
	case map[string]any:
		choose = func(name string) any { return choice[name] }
	case []any:
		byIndex := map[string]any{}
		for i, v := range choice {
			byIndex[fmt.Sprint(i)] = v
		}
		choose = func(name string) any { return byIndex[name] }
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(c.parts)) {
		p, choice := c.parts[name], choose(name)
		if choice == nil || choice == false {
			continue
		}
		if p.disclosure != "" {
			all = append(all, p.disclosure)
		}
		all = append(all, p.chosen(choice)...)
	}
	return all
}
