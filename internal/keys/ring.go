package keys

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/breakwater-project/breakwater/internal/db"
)

const (
	freshFor = 2 * time.Second        // within this, other processes learn of a revocation
	missFor  = 250 * time.Millisecond // how often keys that nobody knows make the ring look again
	staleFor = 30 * time.Second       // how long it trusts what it knew while the database is away
	loadTime = 2 * time.Second        // to read all keys

	configuredID = "admin" // of the key that the configuration sets
	maxName      = 100     // characters
)

// Ring is the keys in force, read from the database and remembered for some
// seconds. Make it with New; it is safe for concurrent use.
type Ring struct {
	db  *db.DB
	now func() time.Time

	mu       sync.Mutex // held while reading and forgetting
	snapshot atomic.Pointer[snapshot]
	used     sync.Map // of key id → *atomic.Int64, microseconds; since the last Flush
}

// snapshot is the keys in force at one moment.
type snapshot struct {
	taken time.Time
	keys  map[string]known
}

type known struct {
	digest    digest
	principal Principal
}

// New is a ring of the keys in d, whose tables Migrations makes; now is
// time.Now but in tests.
func New(d *db.DB, now func() time.Time) *Ring {
	return &Ring{db: d, now: now}
}

// ErrNotFound means that there never was such a key.
var ErrNotFound = errors.New("keys: no key has this id")

// Create makes a key. The credential is what its owner sends; it cannot be had
// again.
func (r *Ring) Create(ctx context.Context, name string, roles []Role) (k Key, credential string, err error) {
	if n := utf8.RuneCountInString(name); n == 0 || n > maxName {
		return Key{}, "", fmt.Errorf("keys: a name has 1 to %d characters", maxName)
	}
	for _, c := range name {
		if !unicode.IsPrint(c) {
			return Key{}, "", errors.New("keys: a name has printable characters only")
		}
	}
	if len(roles) == 0 {
		return Key{}, "", errors.New("keys: a key needs a role")
	}
	made, credential := r.make(name, roles)
	if err := r.db.Tx(ctx, func(tx *sql.Tx) error { return putKey(ctx, tx, made) }); err != nil {
		return Key{}, "", fmt.Errorf("keys: create: %w", err)
	}
	r.forget()
	return made.Key, credential, nil
}

func (r *Ring) make(name string, roles []Role) (row, string) {
	id, credential := newCredential()
	return row{Key{ID: id, Name: name, Roles: roles, Created: r.now().UTC().Truncate(time.Microsecond)}, digestOf(credential)}, credential
}

// List is every key that there is or was, the newest first.
func (r *Ring) List(ctx context.Context) ([]Key, error) {
	rows, err := selectKeys(ctx, r.db.Read)
	if err != nil {
		return nil, fmt.Errorf("keys: list: %w", err)
	}
	list := make([]Key, len(rows))
	for i := range rows {
		list[i] = rows[i].Key
	}
	return list, nil
}

// Revoke ends a key: here at once, in other processes within seconds. The
// error is ErrNotFound if it never was.
func (r *Ring) Revoke(ctx context.Context, id string) error {
	err := r.db.Tx(ctx, func(tx *sql.Tx) error {
		found, err := revokeKey(ctx, tx, id, r.now())
		if err == nil && !found {
			return ErrNotFound
		}
		return err
	})
	r.forget()
	if err != nil {
		return fmt.Errorf("keys: revoke: %w", err)
	}
	return nil
}

// Configure sets the admin key to the one configured, which must be hard to
// guess; a new one takes the place of the last. With none configured, and no
// admin key in force, it makes one and returns it, to be shown once.
func (r *Ring) Configure(ctx context.Context, configured string) (made string, err error) {
	err = r.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := r.db.Lock(ctx, tx, "keys_configure"); err != nil {
			return err
		}
		rows, err := selectKeys(ctx, tx)
		if err != nil {
			return err
		}
		if configured != "" {
			return r.configure(ctx, tx, rows, digestOf(configured))
		}
		for _, k := range rows {
			if k.Revoked.IsZero() && (Principal{Roles: k.Roles}).Has(Admin) {
				return nil
			}
		}
		first, credential := r.make("first admin key", []Role{Admin})
		made = credential
		return putKey(ctx, tx, first)
	})
	r.forget()
	if err != nil {
		return "", fmt.Errorf("keys: configure: %w", err)
	}
	return made, nil
}

// configure leaves the key as it is if it is the same, revoked or not.
func (r *Ring) configure(ctx context.Context, tx *sql.Tx, rows []row, configured digest) error {
	for _, k := range rows {
		if k.ID == configuredID && k.digest.equal(configured) {
			return nil
		}
	}
	return putKey(ctx, tx, row{
		Key:    Key{ID: configuredID, Name: "configured admin key", Roles: []Role{Admin}, Created: r.now()},
		digest: configured,
	})
}

// Verify says who holds a credential. The error is ErrUnknown if nobody does,
// or why it cannot be known.
func (r *Ring) Verify(ctx context.Context, credential string) (Principal, error) {
	if len(credential) > maxCredential {
		return Principal{}, ErrUnknown
	}
	id, proof := idOf(credential), digestOf(credential)
	for _, age := range []time.Duration{freshFor, missFor} {
		s, err := r.current(ctx, age)
		if err != nil {
			return Principal{}, fmt.Errorf("keys: verify: %w", err)
		}
		if k, ok := s.find(id); ok && k.digest.equal(proof) {
			r.touch(k.principal.ID)
			return k.principal, nil
		}
	}
	return Principal{}, ErrUnknown
}

// find is the key that a credential of that id can be.
func (s *snapshot) find(id string) (known, bool) {
	k, ok := s.keys[id]
	if !ok { // the configured key may have any form
		k, ok = s.keys[configuredID]
	}
	return k, ok
}

// current is a snapshot no older than age. While one caller reads, or the
// database is away, the last one serves for a while.
func (r *Ring) current(ctx context.Context, age time.Duration) (*snapshot, error) {
	last := r.snapshot.Load()
	if last.younger(r.now(), age) {
		return last, nil
	}
	usable := last.younger(r.now(), staleFor)
	if !usable {
		r.mu.Lock()
	} else if !r.mu.TryLock() {
		return last, nil
	}
	defer r.mu.Unlock()
	if other := r.snapshot.Load(); other != last && other != nil {
		return other, nil
	}
	next, err := r.load(ctx)
	switch {
	case err == nil:
		r.snapshot.Store(next)
		return next, nil
	case usable:
		return last, nil
	}
	return nil, err
}

// younger is false for a snapshot from the future: the clock was set back.
func (s *snapshot) younger(now time.Time, age time.Duration) bool {
	if s == nil {
		return false
	}
	is := now.Sub(s.taken)
	return is >= 0 && is < age
}

func (r *Ring) load(ctx context.Context) (*snapshot, error) {
	// A caller who leaves must not fail the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
	defer cancel()
	s := &snapshot{taken: r.now(), keys: map[string]known{}}
	rows, err := selectKeys(ctx, r.db.Read)
	if err != nil {
		return nil, err
	}
	for _, k := range rows {
		if k.Revoked.IsZero() {
			s.keys[k.ID] = known{k.digest, Principal{ID: k.ID, Name: k.Name, Roles: k.Roles}}
		}
	}
	return s, nil
}

// forget makes the next caller read the database again, after any that reads
// it now.
func (r *Ring) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot.Store(nil)
}

func (r *Ring) touch(id string) {
	at, ok := r.used.Load(id)
	if !ok {
		at, _ = r.used.LoadOrStore(id, new(atomic.Int64))
	}
	at.(*atomic.Int64).Store(r.now().UnixMicro())
}

// Flush writes down when keys were last used. Call it every minute or so, and
// at the end; until then only this process knows.
func (r *Ring) Flush(ctx context.Context) error {
	seen := map[string]time.Time{}
	r.used.Range(func(id, at any) bool {
		if micros := at.(*atomic.Int64).Swap(0); micros != 0 {
			seen[id.(string)] = time.UnixMicro(micros)
		}
		return true
	})
	if len(seen) == 0 {
		return nil
	}
	err := r.db.Tx(ctx, func(tx *sql.Tx) error {
		for id, at := range seen {
			if err := touchKey(ctx, tx, id, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keys: last used: %w", err)
	}
	return nil
}
