package agetoken

import (
	"crypto/subtle"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Verifier checks tokens offline, with public keys alone. Make it with
// NewVerifier; it is safe for concurrent use.
type Verifier struct {
	// Now is the clock: time.Now outside of tests.
	Now func() time.Time

	challenge [DigestSize]byte
	keys      map[KeyID]NamedKey
}

// NewVerifier checks tokens that answer c and are signed with one of the keys.
// A key without a name proves nothing and is ErrFormat; so is one that occurs
// twice.
func NewVerifier(c Challenge, keys ...NamedKey) (*Verifier, error) {
	v := &Verifier{Now: time.Now, challenge: c.Digest(), keys: make(map[KeyID]NamedKey, len(keys))}
	for _, k := range keys {
		if !k.Name.valid() {
			return nil, fmt.Errorf("agetoken: %w: key %.8s… has no name", ErrFormat, k.Key.id)
		}
		if _, twice := v.keys[k.Key.id]; twice {
			return nil, fmt.Errorf("agetoken: %w: key %.8s… occurs twice", ErrFormat, k.Key.id)
		}
		v.keys[k.Key.id] = k
	}
	return v, nil
}

// Keys are the keys by ID, for those who advertise them.
func (v *Verifier) Keys() map[KeyID]NamedKey { return maps.Clone(v.keys) }

// Verify is what a token says. Spend its nullifier before you act on it. The
// errors are ErrKey, ErrTime, ErrChallenge and ErrSignature; the signature,
// which costs most, is checked last.
func (v *Verifier) Verify(t Token) (KeyName, error) { return v.verify(&v.challenge, t) }

// VerifyAnswer is Verify for a challenge of the moment, in the place of the
// verifier's own: one that has the context of a session, say.
func (v *Verifier) VerifyAnswer(c Challenge, t Token) (KeyName, error) {
	digest := c.Digest()
	return v.verify(&digest, t)
}

func (v *Verifier) verify(challenge *[DigestSize]byte, t Token) (KeyName, error) {
	k, known := v.keys[t.KeyID]
	if !known {
		return KeyName{}, fmt.Errorf("agetoken: %w: no key has the ID %.8s…", ErrKey, t.KeyID)
	}
	now := v.Now()
	if now.Before(k.Name.Epoch.Begin()) || now.Before(k.NotBefore) {
		return KeyName{}, fmt.Errorf("agetoken: %w: the key %s has not begun", ErrTime, k.Name)
	}
	if !now.Before(k.Name.Epoch.Lapse()) {
		return KeyName{}, fmt.Errorf("agetoken: %w: tokens of the key %s have lapsed", ErrTime, k.Name)
	}
	if subtle.ConstantTimeCompare(challenge[:], t.Challenge[:]) == 0 {
		return KeyName{}, fmt.Errorf("agetoken: the token %w", ErrChallenge)
	}
	if err := k.Key.Verify(t); err != nil {
		return KeyName{}, err
	}
	return k.Name, nil
}

// Spent remembers in memory which tokens were spent, 20 to 40 bytes each. The
// zero value is empty; it is safe for concurrent use. Keep one for each epoch,
// and drop it once the epoch has lapsed. What it knows is gone when the program
// ends.
type Spent struct{ shards [256]shard }

type shard struct {
	mu   sync.Mutex
	seen map[Nullifier]struct{}
}

// Spend reports whether n is spent now, for the first time. However many spend
// one token at once, exactly one of them is told so. Spend only what was
// verified: anybody can make up nullifiers, and they would fill the memory.
func (s *Spent) Spend(n Nullifier) bool {
	sh := &s.shards[n[0]]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, again := sh.seen[n]; again {
		return false
	}
	if sh.seen == nil {
		sh.seen = map[Nullifier]struct{}{}
	}
	sh.seen[n] = struct{}{}
	return true
}

// Len is how many tokens were spent.
func (s *Spent) Len() int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += len(sh.seen)
		sh.mu.Unlock()
	}
	return n
}
