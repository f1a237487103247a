// Package agetoken proves that somebody is old enough, and nothing else about
// them: single-use tokens that an issuer signs without seeing them and that
// anybody with the issuer's public key verifies offline.
//
// The tokens are Privacy Pass of type 2, publicly verifiable (RFC 9578 §6):
// blind RSA signatures, RSABSSA-SHA384-PSS-Deterministic (RFC 9474), of
// 2048-bit keys. What a token says, its key says: there is one key for each
// KeyName, which is an age, how well it was assured, and a month.
//
//	person's device        issuer                platform
//	Blind ── Request ────▶ Issuer.Sign
//	Finalize ◀─ Response ──┘
//	Token ─────────────────────────────────────▶ Verifier.Verify, Spent.Spend
//
// The issuer can't link a token with its issuance, not even together with the
// platform, as long as many people use the same key and the same challenge.
// So keys are few and public (Directory), and tokens that are kept for later
// answer a challenge without origin and context. A token is a bearer's: who
// holds it may spend it, once for each platform.
package agetoken

import "errors"

// TokenType is the type of all tokens here: 2, blind RSA with 2048 bits.
const TokenType = 0x0002

// MaxBatch is the most tokens that are issued in one go.
const MaxBatch = 30

// Sizes of what goes over the wire, in bytes.
const (
	NonceSize     = 32
	DigestSize    = 32                                                      // SHA-256
	SignatureSize = 256                                                     // RSA of 2048 bits
	TokenSize     = 2 + NonceSize + DigestSize + DigestSize + SignatureSize // 354
	RequestSize   = 2 + 1 + SignatureSize                                   // 259
	ResponseSize  = SignatureSize                                           // 256
)

// Media types of a token request and its response (RFC 9578 §8.2).
const (
	RequestMediaType  = "application/private-token-request"
	ResponseMediaType = "application/private-token-response"
)

// What can be wrong, for errors.Is. A message says more than its error.
var (
	ErrFormat    = errors.New("malformed")                            // not what RFC 9577 and 9578 describe
	ErrKey       = errors.New("another key")                          // made for, or by, a key that is not this one
	ErrSignature = errors.New("the signature is not the key's")       // forged or damaged
	ErrChallenge = errors.New("answers another challenge")            // of another issuer, origin or session
	ErrTime      = errors.New("not at this time")                     // lapsed, or not yet begun
	ErrSpent     = errors.New("spent before")                         // a token is good for one time
	ErrBatch     = errors.New("a batch has between 1 and 30 of them") // none or too many
)
