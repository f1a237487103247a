package agetoken

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Request asks for one token (TokenRequest, RFC 9578 §6.1).
type Request struct {
	// KeyID is the last byte of the key's ID. It tells a mistake from the right
	// key; it does not choose among keys, of which two may end alike.
	KeyID byte
	// Blinded is the blinded message: an integer below the key's modulus,
	// big-endian.
	Blinded [SignatureSize]byte
}

// Bytes is the request on the wire, RequestSize long.
func (r Request) Bytes() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, RequestSize), TokenType)
	return append(append(b, r.KeyID), r.Blinded[:]...)
}

// ParseRequest reads exactly one request. Its errors are ErrFormat.
func ParseRequest(b []byte) (Request, error) {
	if err := sized(b, RequestSize, "token request"); err != nil {
		return Request{}, err
	}
	if err := typed(b); err != nil {
		return Request{}, err
	}
	return Request{KeyID: b[2], Blinded: [SignatureSize]byte(b[3:])}, nil
}

// Response is the issuer's answer to one request (TokenResponse, RFC 9578
// §6.2): a blind signature.
type Response [ResponseSize]byte

// ParseResponse reads exactly one response. Its errors are ErrFormat.
func ParseResponse(b []byte) (Response, error) {
	if err := sized(b, ResponseSize, "token response"); err != nil {
		return Response{}, err
	}
	return Response(b), nil
}

// ParseRequests reads a batch: between 1 and MaxBatch requests one after the
// other. (This is not the batch of draft-ietf-privacypass-batched-tokens.) Its
// errors are ErrFormat and ErrBatch.
func ParseRequests(b []byte) ([]Request, error) { return parseBatch(b, RequestSize, ParseRequest) }

// ParseResponses reads the answer to a batch: as many responses one after the
// other, in the order of the requests. Its errors are ErrFormat and ErrBatch.
func ParseResponses(b []byte) ([]Response, error) { return parseBatch(b, ResponseSize, ParseResponse) }

func parseBatch[T any](b []byte, size int, parse func([]byte) (T, error)) ([]T, error) {
	if len(b)%size != 0 {
		return nil, fmt.Errorf("agetoken: %w: a batch of %d bytes, not a multiple of %d", ErrFormat, len(b), size)
	}
	n := len(b) / size
	if err := batchSize(n); err != nil {
		return nil, err
	}
	batch := make([]T, n)
	for i := range batch {
		var err error
		if batch[i], err = parse(b[i*size : (i+1)*size]); err != nil {
			return nil, fmt.Errorf("%w (number %d of the batch)", err, i+1)
		}
	}
	return batch, nil
}

func batchSize(n int) error {
	if n < 1 || n > MaxBatch {
		return fmt.Errorf("agetoken: %w, not %d", ErrBatch, n)
	}
	return nil
}

// Token proves what the name of its key says (Token, RFC 9577 §2.2.1 and RFC
// 9578 §6).
type Token struct {
	Nonce     [NonceSize]byte     // random, chosen on the person's device
	Challenge [DigestSize]byte    // Challenge.Digest of what it answers
	KeyID     KeyID               // the key that signed it
	Signature [SignatureSize]byte // the "authenticator", of all the above
}

// Bytes is the token on the wire, TokenSize long.
func (t Token) Bytes() []byte { return append(t.signed(), t.Signature[:]...) }

// ParseToken reads exactly one token. It verifies nothing. Its errors are
// ErrFormat.
func ParseToken(b []byte) (Token, error) {
	if err := sized(b, TokenSize, "token"); err != nil {
		return Token{}, err
	}
	if err := typed(b); err != nil {
		return Token{}, err
	}
	const nonce, challenge, key, signature = 2, 2 + NonceSize, 2 + NonceSize + DigestSize, TokenSize - SignatureSize
	return Token{
		Nonce:     [NonceSize]byte(b[nonce:challenge]),
		Challenge: [DigestSize]byte(b[challenge:key]),
		KeyID:     KeyID(b[key:signature]),
		Signature: [SignatureSize]byte(b[signature:]),
	}, nil
}

// signed is what the signature covers: everything before it, 98 bytes.
func (t Token) signed() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, TokenSize), TokenType)
	b = append(b, t.Nonce[:]...)
	b = append(b, t.Challenge[:]...)
	return append(b, t.KeyID[:]...)
}

// Nullifier is what a platform keeps of a spent token, to know it again: the
// first 16 bytes of SHA-256 of the key's ID and the nonce. Two honest tokens
// share one with a probability of 2⁻¹²⁸; whoever makes two of their own collide
// spends only one of them.
type Nullifier [16]byte

// Nullifier is the token's nullifier. It does not depend on the signature, of
// which one token might have several.
func (t Token) Nullifier() Nullifier {
	sum := sha256.Sum256(append(t.KeyID[:], t.Nonce[:]...))
	return Nullifier(sum[:16])
}

func sized(b []byte, want int, what string) error {
	if len(b) != want {
		return fmt.Errorf("agetoken: %w: a %s has %d bytes, not %d", ErrFormat, what, want, len(b))
	}
	return nil
}

func typed(b []byte) error {
	if got := binary.BigEndian.Uint16(b); got != TokenType {
		return fmt.Errorf("agetoken: %w: token type %#04x, not %#04x", ErrFormat, got, TokenType)
	}
	return nil
}
