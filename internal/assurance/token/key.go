package token

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/db"
)

// Statement is what tokens say: an age, and how well it was assured. There is
// one key for each statement and epoch.
type Statement struct {
	Over  int
	Class agetoken.Class
}

// ParseStatement reads "over-18.strict".
func ParseStatement(s string) (Statement, error) {
	name, err := agetoken.ParseKeyName(s + ".2000-01")
	if err != nil {
		return Statement{}, fmt.Errorf("token: what tokens say is like over-18.strict, not %.64q", s)
	}
	return Statement{name.Over, name.Class}, nil
}

// String is as ParseStatement reads it.
func (s Statement) String() string { return fmt.Sprintf("over-%d.%s", s.Over, s.Class) }

// ahead is how long before its epoch a key is published, so that those who
// verify have it before the first token comes.
const ahead = 7 * 24 * time.Hour

// fresh bounds how long another process's new key may go unseen.
const fresh = 5 * time.Second

// Keys are the keys that this installation signs tokens with. The private ones
// are sealed with AES-256-GCM under a secret that is not in the database, and
// destroyed when their epoch ends, so that none can be back-dated. It is safe
// for concurrent use.
type Keys struct {
	db   *db.DB
	seal cipher.AEAD
	opt  KeyOptions

	mu      sync.Mutex
	cached  []issuerKey
	until   time.Time
	signers map[agetoken.KeyID]*agetoken.Issuer
}

// KeyOptions of keys. Host is required where there are statements.
type KeyOptions struct {
	Host       string      // by which tokens name this issuer
	Statements []Statement // what to have keys for; none is no issuer
	Secret     [32]byte
	Now        func() time.Time // time.Now unless set
}

// Errors of keys.
var (
	ErrNoKey    = errors.New("token: no such key signs now")
	errUnsealed = errors.New("the seal is broken, or the secret is another than the keys were made under")
)

// issuerKey is a key as it is stored.
type issuerKey struct {
	agetoken.NamedKey
	generation int
	sealed     []byte // empty once its epoch has ended
}

// NewKeys is over the tables that Migrations makes. Ready makes the keys.
func NewKeys(d *db.DB, o KeyOptions) (*Keys, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	block, err := aes.NewCipher(o.Secret[:])
	if err != nil {
		return nil, fmt.Errorf("token: secret of keys: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("token: secret of keys: %w", err)
	}
	return &Keys{db: d, seal: seal, opt: o, signers: map[agetoken.KeyID]*agetoken.Issuer{}}, nil
}

// Host is by which name tokens name this issuer; empty if it is none.
func (k *Keys) Host() string { return k.opt.Host }

// Ready makes the keys that are missing, of this epoch and, in time, of the
// next, and destroys what is over. It takes seconds for each key; run it as a
// job, each hour.
func (k *Keys) Ready(ctx context.Context) error {
	if err := k.clear(ctx); err != nil {
		return fmt.Errorf("token: clear keys: %w", err)
	}
	now := k.opt.Now()
	epochs := []agetoken.Epoch{agetoken.EpochOf(now)}
	if next := agetoken.EpochOf(now.Add(ahead)); next != epochs[0] {
		epochs = append(epochs, next)
	}
	have, err := k.read(ctx)
	if err != nil {
		return err
	}
	for _, epoch := range epochs {
		for _, s := range k.opt.Statements {
			name := agetoken.KeyName{Over: s.Over, Class: s.Class, Epoch: epoch}
			if slices.ContainsFunc(have, func(h issuerKey) bool { return h.Name == name }) {
				continue
			}
			if err := k.add(ctx, name, 1); err != nil {
				return fmt.Errorf("token: make key %s: %w", name, err)
			}
		}
	}
	return nil
}

// Rotate withdraws the key of a name, and makes another: for when it may have
// become known. Tokens of the old one are worth nothing from then on, wherever
// the directory is read again.
func (k *Keys) Rotate(ctx context.Context, name agetoken.KeyName) error {
	have, err := k.read(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(have, func(h issuerKey) bool { return h.Name == name })
	if i < 0 || !k.opt.Now().Before(name.Epoch.End()) {
		return ErrNoKey
	}
	err = k.add(ctx, name, have[i].generation+1)
	if err == nil {
		err = k.clear(ctx)
	}
	if err != nil {
		return fmt.Errorf("token: rotate key %s: %w", name, err)
	}
	return nil
}

// add makes a key and stores it, unless another process did first. Requests
// name a key by one byte only, so no two that can be asked for may share it.
func (k *Keys) add(ctx context.Context, name agetoken.KeyName, generation int) error {
	for {
		private, err := rsa.GenerateKey(rand.Reader, 8*agetoken.SignatureSize)
		if err != nil {
			return err
		}
		public, err := agetoken.NewKey(&private.PublicKey)
		if err != nil {
			return err
		}
		sealed, err := k.sealKey(private, public.ID())
		if err != nil {
			return err
		}
		taken := false
		err = k.db.Tx(ctx, func(tx *sql.Tx) error {
			if err := k.db.Lock(ctx, tx, "token.keys"); err != nil {
				return err
			}
			all, err := readKeys(ctx, tx)
			if err != nil {
				return err
			}
			taken = slices.ContainsFunc(all, func(other issuerKey) bool { return truncated(other.Key) == truncated(public) })
			if taken {
				return nil
			}
			return writeKey(ctx, tx, name, generation, public, sealed)
		})
		if err != nil || !taken {
			k.forget()
			return err
		}
	}
}

// truncated is how a request names a key (RFC 9578 §6.1).
func truncated(key *agetoken.Key) byte {
	id := key.ID()
	return id[len(id)-1]
}

func (k *Keys) sealKey(private *rsa.PrivateKey, id agetoken.KeyID) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, k.seal.NonceSize(), k.seal.NonceSize()+len(der)+k.seal.Overhead())
	rand.Read(nonce) // never fails
	return k.seal.Seal(nonce, nonce, der, id[:]), nil
}

func (k *Keys) open(key *issuerKey) (*agetoken.Issuer, error) {
	n, id := k.seal.NonceSize(), key.Key.ID()
	if len(key.sealed) < n {
		return nil, errUnsealed
	}
	der, err := k.seal.Open(nil, key.sealed[:n], key.sealed[n:], id[:])
	if err != nil {
		return nil, errUnsealed
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := private.(*rsa.PrivateKey)
	if !ok {
		return nil, errUnsealed
	}
	return agetoken.NewIssuer(rsaKey)
}

// clear forgets lapsed keys, and destroys the private ones that sign no more.
func (k *Keys) clear(ctx context.Context) error {
	now := k.opt.Now()
	err := k.db.Tx(ctx, func(tx *sql.Tx) error {
		all, err := readKeys(ctx, tx)
		if err != nil {
			return err
		}
		latest := generations(all)
		for i := range all {
			key := &all[i]
			over := !now.Before(key.Name.Epoch.End()) || key.generation < latest[key.Name]
			switch {
			case !now.Before(key.Name.Epoch.Lapse()):
				err = dropKey(ctx, tx, key)
			case over && len(key.sealed) > 0:
				err = destroyKey(ctx, tx, key)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	k.forget()
	return err
}

// read is every key that is in force or was published for later, the ones
// that sign first, then by epoch, the latest first. Withdrawn ones are not
// there.
func (k *Keys) read(ctx context.Context) ([]issuerKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.opt.Now()
	if left := k.until.Sub(now); left > 0 && left <= fresh { // more is a clock that was set back
		return k.cached, nil
	}
	all, err := readKeys(ctx, k.db.Read)
	if err != nil {
		return nil, fmt.Errorf("token: keys: %w", err)
	}
	k.cached, k.until = inForce(all, now), now.Add(fresh)
	return k.cached, nil
}

func (k *Keys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until = time.Time{}
	clear(k.signers)
}

// generations are the latest of each name.
func generations(all []issuerKey) map[agetoken.KeyName]int {
	latest := map[agetoken.KeyName]int{}
	for _, key := range all {
		latest[key.Name] = max(latest[key.Name], key.generation)
	}
	return latest
}

// inForce drops withdrawn and lapsed keys, and puts the rest in the order of
// the directory.
func inForce(all []issuerKey, now time.Time) []issuerKey {
	latest := generations(all)
	left := slices.DeleteFunc(all, func(key issuerKey) bool {
		return key.generation < latest[key.Name] || !now.Before(key.Name.Epoch.Lapse())
	})
	current := agetoken.EpochOf(now)
	rank := func(key issuerKey) int {
		if key.Name.Epoch == current {
			return 1 << 30
		}
		return int(epochNumber(key.Name.Epoch))
	}
	slices.SortStableFunc(left, func(a, b issuerKey) int { return rank(b) - rank(a) })
	return left
}

// Signer is the key of this epoch that a request names, ready to sign, or
// ErrNoKey.
func (k *Keys) Signer(ctx context.Context, r agetoken.Request) (*agetoken.Issuer, agetoken.KeyName, error) {
	return k.signer(ctx, func(key *issuerKey) bool { return truncated(key.Key) == r.KeyID })
}

// Named is the key of that name, ready to sign, or ErrNoKey.
func (k *Keys) Named(ctx context.Context, name agetoken.KeyName) (*agetoken.Issuer, error) {
	issuer, _, err := k.signer(ctx, func(key *issuerKey) bool { return key.Name == name })
	return issuer, err
}

func (k *Keys) signer(ctx context.Context, wanted func(*issuerKey) bool) (*agetoken.Issuer, agetoken.KeyName, error) {
	have, err := k.read(ctx)
	if err != nil {
		return nil, agetoken.KeyName{}, err
	}
	epoch := agetoken.EpochOf(k.opt.Now())
	i := slices.IndexFunc(have, func(key issuerKey) bool { return key.Name.Epoch == epoch && wanted(&key) })
	if i < 0 {
		return nil, agetoken.KeyName{}, ErrNoKey
	}
	key := have[i]
	k.mu.Lock()
	defer k.mu.Unlock()
	issuer, ok := k.signers[key.Key.ID()]
	if !ok {
		if issuer, err = k.open(&key); err != nil {
			return nil, agetoken.KeyName{}, fmt.Errorf("token: key %s: %w", key.Name, err)
		}
		k.signers[key.Key.ID()] = issuer
	}
	return issuer, key.Name, nil
}

// Public are the keys as the directory has them.
func (k *Keys) Public(ctx context.Context) ([]agetoken.NamedKey, error) {
	have, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	public := make([]agetoken.NamedKey, len(have))
	for i := range have {
		public[i] = have[i].NamedKey
	}
	return public, nil
}

// IssuePath is where tokens are asked for.
const IssuePath = "/v1/age/tokens/issue"

// Directory is how the keys are made known.
func (k *Keys) Directory(ctx context.Context) (agetoken.Directory, error) {
	public, err := k.Public(ctx)
	return agetoken.Directory{RequestURI: IssuePath, Keys: public}, err
}
