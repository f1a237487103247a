package decide

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/journal"
)

// Vault keeps the events whose content a rule preserves, sealed with
// AES-256-GCM under a key that lives outside the database. Everything else
// leaves no content behind.
type Vault struct {
	db   *db.DB
	aead cipher.AEAD
}

// NewVault seals with key.
func NewVault(d *db.DB, key [32]byte) (*Vault, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("decide: vault key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("decide: vault key: %w", err)
	}
	return &Vault{db: d, aead: aead}, nil
}

// seal stores the event of an entry. The entry's number is bound to the seal,
// so that a sealed event can't be moved under another decision.
func (v *Vault) seal(ctx context.Context, tx *sql.Tx, entry *journal.Entry, ev *event.Event) error {
	plain, err := json.Marshal(ev)
	if err != nil {
		return fmt.Errorf("encode preserved event: %w", err)
	}
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(plain)+v.aead.Overhead())
	rand.Read(nonce)
	sealed := v.aead.Seal(nonce, nonce, plain, sealContext(entry.Seq))
	_, err = tx.ExecContext(ctx, `INSERT INTO decide_preserved (seq, actor, sealed, at) VALUES ($1, $2, $3, $4)`,
		entry.Seq, entry.Actor, sealed, entry.Decision.Time.UnixMicro())
	return err
}

// ErrNotPreserved means that no rule preserved the event of a decision.
var ErrNotPreserved = errors.New("decide: the event of this decision was not preserved")

// Open gives back the event that was preserved with a decision.
func (v *Vault) Open(ctx context.Context, decisionID string) (event.Event, error) {
	var ev event.Event
	seq, ok := journal.Seq(decisionID)
	if !ok {
		return ev, ErrNotPreserved
	}
	var sealed []byte
	err := v.db.Read.QueryRowContext(ctx, `SELECT sealed FROM decide_preserved WHERE seq = $1`, seq).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return ev, ErrNotPreserved
	}
	if err != nil {
		return ev, fmt.Errorf("decide: preserved event: %w", err)
	}
	n := v.aead.NonceSize()
	if len(sealed) < n {
		return ev, errors.New("decide: preserved event: truncated")
	}
	plain, err := v.aead.Open(nil, sealed[:n], sealed[n:], sealContext(seq))
	if err != nil {
		return ev, errors.New("decide: preserved event: the seal is broken or the key is another")
	}
	return ev, json.Unmarshal(plain, &ev)
}

// Held counts what is preserved of an account, for the answer to an erasure.
func (v *Vault) Held(ctx context.Context, tx *sql.Tx, account string) (int, error) {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM decide_preserved WHERE actor = $1`, account).Scan(&n)
	return n, err
}

func sealContext(seq int64) []byte {
	return binary.BigEndian.AppendUint64([]byte("breakwater decide_preserved "), uint64(seq))
}
