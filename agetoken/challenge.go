package agetoken

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Challenge is what a platform asks a token to answer (TokenChallenge, RFC 9577
// §2.1.1). Make it with NewChallenge or ParseChallenge.
type Challenge struct {
	issuer  string
	context []byte
	origins []string
}

// NewChallenge asks for a token of an issuer, named by its host. The context is
// empty or 32 bytes, of a session for example; the origins are hosts. Tokens
// that are kept for later have neither, or they would say where they will be
// spent. Its errors are ErrFormat.
func NewChallenge(issuer string, context []byte, origins ...string) (Challenge, error) {
	c := Challenge{issuer: issuer, context: slices.Clone(context), origins: slices.Clone(origins)}
	info := strings.Join(origins, ",")
	switch {
	case !isHost(issuer):
		return Challenge{}, fmt.Errorf("agetoken: %w: the issuer's name is not a host: %.64q", ErrFormat, issuer)
	case len(context) != 0 && len(context) != DigestSize:
		return Challenge{}, fmt.Errorf("agetoken: %w: a context has 0 or %d bytes, not %d", ErrFormat, DigestSize, len(context))
	case len(issuer) > math.MaxUint16 || len(info) > math.MaxUint16:
		return Challenge{}, fmt.Errorf("agetoken: %w: a name is longer than %d bytes", ErrFormat, math.MaxUint16)
	}
	for _, origin := range origins {
		if !isHost(origin) {
			return Challenge{}, fmt.Errorf("agetoken: %w: an origin is not a host: %.64q", ErrFormat, origin)
		}
	}
	return c, nil
}

// ParseChallenge reads exactly one challenge. Its errors are ErrFormat.
func ParseChallenge(b []byte) (Challenge, error) {
	if len(b) < 2 {
		return Challenge{}, fmt.Errorf("agetoken: %w: a challenge of %d bytes", ErrFormat, len(b))
	}
	if err := typed(b); err != nil {
		return Challenge{}, err
	}
	issuer, rest, ok := cutPrefixed(b[2:], 2)
	context, rest, ok2 := cutPrefixed(rest, 1)
	info, rest, ok3 := cutPrefixed(rest, 2)
	if !ok || !ok2 || !ok3 {
		return Challenge{}, fmt.Errorf("agetoken: %w: the challenge is cut off", ErrFormat)
	}
	if len(rest) > 0 {
		return Challenge{}, fmt.Errorf("agetoken: %w: %d bytes follow the challenge", ErrFormat, len(rest))
	}
	var origins []string
	if len(info) > 0 {
		origins = strings.Split(string(info), ",")
	}
	return NewChallenge(string(issuer), context, origins...)
}

// cutPrefixed splits a byte string off b that follows its length in size bytes.
func cutPrefixed(b []byte, size int) (value, rest []byte, ok bool) {
	if len(b) < size {
		return nil, nil, false
	}
	n := 0
	for _, digit := range b[:size] {
		n = n<<8 | int(digit)
	}
	if b = b[size:]; len(b) < n {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// Bytes is the challenge on the wire.
func (c Challenge) Bytes() []byte {
	info := strings.Join(c.origins, ",")
	b := binary.BigEndian.AppendUint16(nil, TokenType)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.issuer)))
	b = append(b, c.issuer...)
	b = append(append(b, byte(len(c.context))), c.context...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(info)))
	return append(b, info...)
}

// Digest is what a token that answers c carries: SHA-256 of Bytes.
func (c Challenge) Digest() [DigestSize]byte { return sha256.Sum256(c.Bytes()) }

// Issuer is the host of the issuer.
func (c Challenge) Issuer() string { return c.issuer }

// Context is empty or 32 bytes.
func (c Challenge) Context() []byte { return slices.Clone(c.context) }

// Origins are the hosts at which a token may be spent; none means any.
func (c Challenge) Origins() []string { return slices.Clone(c.origins) }

// isHost reports whether s has only letters, digits and what else stands in a
// host with its port. Everything else, commas above all, could be read in two
// ways.
func isHost(s string) bool {
	for _, r := range []byte(s) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.IndexByte("-._:[]", r) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
