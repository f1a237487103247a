package sdjwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// Key is a public key that signatures are checked with: ECDSA on P-256 or
// P-384, or Ed25519. It knows its one algorithm, so a token cannot choose
// another. The zero Key verifies nothing.
type Key struct {
	algorithms []string // the names of its algorithm
	verify     func(signed, signature []byte) bool
}

// ParseKey reads a JSON Web Key (RFC 7517): kty EC with crv P-256 (ES256) or
// P-384 (ES384), or kty OKP with crv Ed25519 (EdDSA, RFC 8037). Private parts
// are ignored. Keys of other kinds, points off the curve, and keys whose alg
// or use say they are for something else are errors.
func ParseKey(jwk []byte) (*Key, error) {
	object, err := decodeObject(jwk)
	if err != nil {
		return nil, fmt.Errorf("sdjwt: JWK: %w", err)
	}
	key, err := keyOf(object)
	if err != nil {
		return nil, fmt.Errorf("sdjwt: JWK: %w", err)
	}
	return key, nil
}

func keyOf(jwk map[string]any) (*Key, error) {
	var key *Key
	var err error
	switch [2]any{jwk["kty"], jwk["crv"]} {
	case [2]any{"EC", "P-256"}:
		key, err = ecdsaKey(jwk, elliptic.P256(), "ES256", sum256)
	case [2]any{"EC", "P-384"}:
		key, err = ecdsaKey(jwk, elliptic.P384(), "ES384", sum384)
	case [2]any{"OKP", "Ed25519"}:
		key, err = ed25519Key(jwk)
	default:
		err = errors.New("the key is neither EC on P-256 or P-384 nor Ed25519")
	}
	if err != nil {
		return nil, err
	}
	if use, given := jwk["use"]; given && use != "sig" {
		return nil, errors.New("its use is not sig")
	}
	if alg, given := jwk["alg"]; given && !key.has(alg) {
		return nil, errors.New("its alg does not fit its curve")
	}
	return key, nil
}

func ecdsaKey(jwk map[string]any, curve elliptic.Curve, alg string, sum func([]byte) []byte) (*Key, error) {
	size := (curve.Params().BitSize + 7) / 8
	x, errX := coordinate(jwk, "x", size)
	y, errY := coordinate(jwk, "y", size)
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errors.New("its point is not on its curve")
	}
	verify := func(signed, signature []byte) bool {
		if len(signature) != 2*size { // r and s side by side, RFC 7518 §3.4
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(public, sum(signed), r, s)
	}
	return &Key{[]string{alg}, verify}, nil
}

func ed25519Key(jwk map[string]any) (*Key, error) {
	public, err := coordinate(jwk, "x", ed25519.PublicKeySize)
	if err != nil {
		return nil, err
	}
	verify := func(signed, signature []byte) bool {
		return ed25519.Verify(ed25519.PublicKey(public), signed, signature)
	}
	return &Key{[]string{"EdDSA", "Ed25519"}, verify}, nil // the second name is RFC 9864's
}

// coordinate is a member of a JWK that is so many bytes in base64url.
func coordinate(jwk map[string]any, name string, size int) ([]byte, error) {
	text, _ := jwk[name].(string)
	data, err := decodeBase64(text)
	if err != nil || len(data) != size {
		return nil, fmt.Errorf("%s is not %d bytes in base64url", name, size)
	}
	return data, nil
}

// has reports whether a header's alg names the key's algorithm.
func (k *Key) has(alg any) bool {
	name, ok := alg.(string)
	return ok && slices.Contains(k.algorithms, name)
}

func sum256(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

func sum384(data []byte) []byte {
	sum := sha512.Sum384(data)
	return sum[:]
}

func sum512(data []byte) []byte {
	sum := sha512.Sum512(data)
	return sum[:]
}
