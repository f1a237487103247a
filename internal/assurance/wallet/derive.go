package wallet

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// Derive is n bytes that a secret and a seed determine, for one purpose.
func Derive(secret, seed []byte, purpose string, n int) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, secret, seed, "breakwater wallet "+purpose, n)
	if err != nil {
		return nil, fmt.Errorf("wallet: derive: %w", err)
	}
	return b, nil
}

// DeriveKey is the key on P-256 that a secret and a seed determine, for one
// purpose.
func DeriveKey(secret, seed []byte, purpose string) (*ecdh.PrivateKey, error) {
	for i := range 8 { // one in 2³² numbers is no key
		scalar, err := Derive(secret, seed, fmt.Sprintf("%s %d", purpose, i), 32)
		if err != nil {
			return nil, err
		}
		if key, err := ecdh.P256().NewPrivateKey(scalar); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("wallet: no key for %s", purpose)
}
