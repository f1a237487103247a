package agetoken

import (
	"bytes"
	"context"
	"crypto/rsa"
	"fmt"
	"io"

	"github.com/cloudflare/circl/blindsign/blindrsa"
)

// Pending is a token that waits for its signature. It stays on the person's
// device: it links the request with the token.
type Pending struct {
	token  Token
	client blindrsa.Client
	state  blindrsa.State
}

// Blind begins a token that answers c and is to be signed by key, with
// randomness of random, which is crypto/rand.Reader outside of tests.
func Blind(random io.Reader, key *Key, c Challenge) (Request, *Pending, error) {
	p := &Pending{token: Token{Challenge: c.Digest(), KeyID: key.id}}
	if _, err := io.ReadFull(random, p.token.Nonce[:]); err != nil {
		return Request{}, nil, fmt.Errorf("agetoken: nonce: %w", err)
	}
	var err error
	if p.client, err = blindrsa.NewClient(blindrsa.SHA384PSSDeterministic, key.public); err != nil {
		return Request{}, nil, fmt.Errorf("agetoken: blind: %w", err)
	}
	blinded, state, err := p.client.Blind(random, p.token.signed())
	if err != nil {
		return Request{}, nil, fmt.Errorf("agetoken: blind: %w", err)
	}
	p.state = state
	return Request{KeyID: key.truncatedID(), Blinded: [SignatureSize]byte(blinded)}, p, nil
}

// Finalize takes the blinding off the issuer's answer. Its error is
// ErrSignature: the issuer did not sign this request with this key.
func (p *Pending) Finalize(r Response) (Token, error) {
	signature, err := p.client.Finalize(p.state, r[:])
	if err != nil {
		return Token{}, fmt.Errorf("agetoken: %w", ErrSignature)
	}
	t := p.token
	t.Signature = [SignatureSize]byte(signature)
	return t, nil
}

// Batch is several pending tokens, in the order of their requests.
type Batch []*Pending

// BlindBatch begins n tokens, between 1 and MaxBatch, as Blind does.
func BlindBatch(random io.Reader, key *Key, c Challenge, n int) ([]Request, Batch, error) {
	if err := batchSize(n); err != nil {
		return nil, nil, err
	}
	requests, batch := make([]Request, n), make(Batch, n)
	for i := range batch {
		var err error
		if requests[i], batch[i], err = Blind(random, key, c); err != nil {
			return nil, nil, err
		}
	}
	return requests, batch, nil
}

// Finalize makes tokens of the answers, all or none. Its errors are ErrBatch,
// where not every request has its answer, and ErrSignature.
func (b Batch) Finalize(responses []Response) ([]Token, error) {
	if len(responses) != len(b) {
		return nil, fmt.Errorf("agetoken: %w: %d answers to %d requests", ErrBatch, len(responses), len(b))
	}
	tokens := make([]Token, len(b))
	for i, p := range b {
		var err error
		if tokens[i], err = p.Finalize(responses[i]); err != nil {
			return nil, fmt.Errorf("%w (number %d of the batch)", err, i+1)
		}
	}
	return tokens, nil
}

// Issuer signs blindly with one key. The key must serve nothing else: whoever
// may ask for tokens can have it sign, or decrypt, anything.
//
// The arithmetic is math/big's, whose time depends on the numbers. What it
// works on is blinded anew for each signature, and each is checked before it
// leaves, so that a fault in the computation does not betray the key.
type Issuer struct {
	key     *Key
	modulus []byte
	signer  blindrsa.Signer
}

// NewIssuer issues with a private key of two primes, 2048 bits and the
// exponent 65537.
func NewIssuer(private *rsa.PrivateKey) (*Issuer, error) {
	key, err := NewKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	if err := private.Validate(); err != nil || len(private.Primes) != 2 {
		return nil, fmt.Errorf("agetoken: %w: the private key does not fit together", ErrFormat)
	}
	return &Issuer{key: key, modulus: private.N.Bytes(), signer: blindrsa.NewSigner(private)}, nil
}

// Key is the public key.
func (i *Issuer) Key() *Key { return i.key }

// Check says whether Sign would answer a request, at once. Its errors are
// ErrKey, where the request is for another key, and ErrFormat.
func (i *Issuer) Check(r Request) error {
	if r.KeyID != i.key.truncatedID() {
		return fmt.Errorf("agetoken: %w: the request is for …%02x, this is …%02x", ErrKey, r.KeyID, i.key.truncatedID())
	}
	if r.Blinded == [SignatureSize]byte{} || bytes.Compare(r.Blinded[:], i.modulus) >= 0 {
		return fmt.Errorf("agetoken: %w: the blinded message is not between 0 and the modulus", ErrFormat)
	}
	return nil
}

// Sign answers one request. Whether the person may have a token is decided
// before. Its errors are Check's.
func (i *Issuer) Sign(r Request) (Response, error) {
	if err := i.Check(r); err != nil {
		return Response{}, err
	}
	signature, err := i.signer.BlindSign(r.Blinded[:])
	if err != nil {
		return Response{}, fmt.Errorf("agetoken: sign: %w", err)
	}
	return Response(signature), nil
}

// SignBatch answers between 1 and MaxBatch requests, all or none. A signature
// takes milliseconds; ctx ends the batch between two of them. Its errors are
// ErrBatch, ctx's and Sign's.
func (i *Issuer) SignBatch(ctx context.Context, requests []Request) ([]Response, error) {
	if err := batchSize(len(requests)); err != nil {
		return nil, err
	}
	responses := make([]Response, len(requests))
	for n, r := range requests {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("agetoken: sign: %w", err)
		}
		var err error
		if responses[n], err = i.Sign(r); err != nil {
			return nil, fmt.Errorf("%w (number %d of the batch)", err, n+1)
		}
	}
	return responses, nil
}
