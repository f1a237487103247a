package assurance

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

// Errors of grants.
var (
	// ErrNoGrant means that there is no such grant: it never was, was used up,
	// or has lapsed. Which of them is not said.
	ErrNoGrant = errors.New("assurance: no such grant")
	// ErrGrantSpent means that fewer tokens are left than were asked for.
	ErrGrantSpent = errors.New("assurance: the grant has fewer tokens left")
)

// Grant is leave to have tokens issued: that somebody has reached an age, and
// how well that was assured. It names neither account nor session.
type Grant struct {
	Over  int            // completed years
	Class agetoken.Class // what the tokens' key must say
	Left  int            // tokens
}

// Grants keeps them. A grant is known by a random secret that is stored as a
// digest only; nothing links it with the check it comes from.
type Grants struct {
	now func() time.Time
}

// NewGrants is over the tables that Migrations makes.
func NewGrants(now func() time.Time) *Grants { return &Grants{now: now} }

// New makes a grant of n tokens, between 1 and agetoken.MaxBatch, in the
// caller's transaction. The secret is for the person's device alone. It lapses
// at the end of the next day, so that its row tells no time of the check.
func (g *Grants) New(ctx context.Context, tx *sql.Tx, over int, class agetoken.Class, n int) (secret string, err error) {
	if n < 1 || n > agetoken.MaxBatch || over < 1 || class < agetoken.Standard || class > agetoken.Strict {
		return "", fmt.Errorf("assurance: no grant of %d tokens over %d of class %q", n, over, class)
	}
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	secret = base64.RawURLEncoding.EncodeToString(raw)
	_, err = tx.ExecContext(ctx, `INSERT INTO assurance_grant (id, over, class, remaining, expires) VALUES ($1, $2, $3, $4, $5)`,
		digest(secret), over, int(class), n, Day(g.now()).AddDate(0, 0, 2).UnixMicro())
	if err != nil {
		return "", fmt.Errorf("assurance: grant: %w", err)
	}
	return secret, nil
}

// Spend takes k tokens off a grant in the caller's transaction, and says what
// they may be issued for. The errors are ErrNoGrant and ErrGrantSpent; with
// either nothing is taken. Of several that spend one grant at once, no more
// than it has is given.
func (g *Grants) Spend(ctx context.Context, tx *sql.Tx, secret string, k int) (Grant, error) {
	if k < 1 {
		return Grant{}, ErrGrantSpent
	}
	id, now := digest(secret), g.now().UnixMicro()
	var got Grant
	var class int
	err := tx.QueryRowContext(ctx, `
		UPDATE assurance_grant SET remaining = remaining - $2
		WHERE id = $1 AND remaining >= $2 AND expires > $3 RETURNING over, class, remaining`, id, k, now).Scan(&got.Over, &class, &got.Left)
	if errors.Is(err, sql.ErrNoRows) {
		return Grant{}, g.missing(ctx, tx, id, now)
	}
	if err == nil && got.Left == 0 {
		_, err = tx.ExecContext(ctx, `DELETE FROM assurance_grant WHERE id = $1`, id)
	}
	if err != nil {
		return Grant{}, fmt.Errorf("assurance: spend: %w", err)
	}
	got.Class = agetoken.Class(class)
	return got, nil
}

// Known says, without a transaction, whether there is a grant: nil or
// ErrNoGrant. It keeps those who make secrets up from the one writer.
func (g *Grants) Known(ctx context.Context, q queryer, secret string) error {
	if err := g.missing(ctx, q, digest(secret), g.now().UnixMicro()); !errors.Is(err, ErrGrantSpent) {
		return err
	}
	return nil
}

// missing says why no row was there to take from.
func (g *Grants) missing(ctx context.Context, q queryer, id string, now int64) error {
	var left int
	err := q.QueryRowContext(ctx, `SELECT remaining FROM assurance_grant WHERE id = $1 AND expires > $2`, id, now).Scan(&left)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNoGrant
	case err != nil:
		return fmt.Errorf("assurance: spend: %w", err)
	}
	return ErrGrantSpent
}

// digest is how secrets are stored. They are random and long, so nothing
// slower is needed.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
