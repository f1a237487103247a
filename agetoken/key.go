package agetoken

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
)

const keyBits = 8 * SignatureSize

// pssSHA384 is the DER of the algorithm of every key: RSASSA-PSS with SHA-384,
// MGF1 with SHA-384 and a salt of 48 bytes (RFC 9578 §8.2.2).
const pssSHA384 = "\x30\x3d" +
	"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" + // id-RSASSA-PSS
	"\x30\x30" +
	"\xa0\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02" + // SHA-384
	"\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" + // MGF1
	"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02" + // with SHA-384
	"\xa2\x03\x02\x01\x30" // a salt of 48 bytes

// KeyID names a key: SHA-256 of its SubjectPublicKeyInfo.
type KeyID [DigestSize]byte

// String is the ID in hexadecimal.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// Key is an issuer's public key. Make it with NewKey or ParseKey.
type Key struct {
	public *rsa.PublicKey
	der    []byte
	id     KeyID
}

// subjectPublicKeyInfo is that of X.509. The algorithm is kept as it came:
// crypto/x509 does not read keys that are for PSS only.
type subjectPublicKeyInfo struct {
	Algorithm asn1.RawValue
	Key       asn1.BitString
}

// NewKey wraps an RSA key of 2048 bits with the exponent 65537; its errors are
// ErrFormat.
func NewKey(public *rsa.PublicKey) (*Key, error) {
	if public == nil || public.N == nil || public.N.BitLen() != keyBits || public.N.Bit(0) == 0 || public.E != 65537 {
		return nil, fmt.Errorf("agetoken: %w: a key is RSA of %d bits with the exponent 65537", ErrFormat, keyBits)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	der, err := asn1.Marshal(subjectPublicKeyInfo{
		Algorithm: asn1.RawValue{FullBytes: []byte(pssSHA384)},
		Key:       asn1.BitString{Bytes: pkcs1, BitLength: 8 * len(pkcs1)},
	})
	if err != nil {
		return nil, fmt.Errorf("agetoken: key: %w", err)
	}
	return &Key{public: public, der: der, id: sha256.Sum256(der)}, nil
}

// ParseKey reads a SubjectPublicKeyInfo in DER whose algorithm is RSASSA-PSS
// with SHA-384 and a salt of 48 bytes, as a directory has it. A key has one
// spelling, for its ID is a digest of it. Its errors are ErrFormat.
func ParseKey(der []byte) (*Key, error) {
	var info subjectPublicKeyInfo
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("agetoken: %w: the key is not one SubjectPublicKeyInfo", ErrFormat)
	}
	if !bytes.Equal(info.Algorithm.FullBytes, []byte(pssSHA384)) {
		return nil, fmt.Errorf("agetoken: %w: the key is not for RSASSA-PSS with SHA-384 and a salt of 48 bytes", ErrFormat)
	}
	public, err := x509.ParsePKCS1PublicKey(info.Key.Bytes)
	if err != nil {
		return nil, fmt.Errorf("agetoken: %w: the key's numbers can't be read", ErrFormat)
	}
	key, err := NewKey(public)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(key.der, der) {
		return nil, fmt.Errorf("agetoken: %w: the key is not in DER", ErrFormat)
	}
	return key, nil
}

// Bytes is the key as ParseKey reads it.
func (k *Key) Bytes() []byte { return bytes.Clone(k.der) }

// ID is SHA-256 of Bytes.
func (k *Key) ID() KeyID { return k.id }

// truncatedID is the key's ID in a request.
func (k *Key) truncatedID() byte { return k.id[len(k.id)-1] }

// Verify checks that k signed t: only that. What the token answers, when it
// lapses and whether it was spent are for Verifier and Spent. Its errors are
// ErrKey and ErrSignature.
func (k *Key) Verify(t Token) error {
	if subtle.ConstantTimeCompare(k.id[:], t.KeyID[:]) == 0 {
		return fmt.Errorf("agetoken: %w: the token names %.8s…, this is %.8s…", ErrKey, t.KeyID, k.id)
	}
	digest := sha512.Sum384(t.signed())
	options := rsa.PSSOptions{SaltLength: crypto.SHA384.Size(), Hash: crypto.SHA384}
	if rsa.VerifyPSS(k.public, crypto.SHA384, digest[:], t.Signature[:], &options) != nil {
		return fmt.Errorf("agetoken: %w", ErrSignature)
	}
	return nil
}
