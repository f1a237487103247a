// Package contact keeps whom people don't want to hear from: accounts that
// they blocked or muted, or everybody whom they don't know. Nobody is told who
// blocked them: not by an answer, and not by how long it takes.
package contact

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "contact", FS: migrations} }

// Stance is what somebody has decided about somebody else.
type Stance int

// The stances, from open to closed.
const (
	Open  Stance = iota
	Mute         // what they send stays out of sight
	Block        // nothing they send arrives
)

func (s Stance) String() string { return [...]string{"off", "mute", "block"}[s] }

// ParseStance reads what String writes.
func ParseStance(name string) (Stance, bool) {
	for s := Open; s <= Block; s++ {
		if s.String() == name {
			return s, true
		}
	}
	return Open, false
}

// Standing is where one account stands with another.
type Standing struct {
	Own     Stance // towards this one
	Unknown Stance // towards everybody that the account is not connected with
}

// Towards is the stance that counts, given whether the two are connected.
func (s Standing) Towards(connected bool) Stance {
	if connected {
		return s.Own
	}
	return max(s.Own, s.Unknown)
}

// Blocked is one entry of somebody's list.
type Blocked struct {
	Account string
	Stance  Stance
	Since   time.Time
}

// List is all that somebody has decided.
type List struct {
	Unknown  Stance
	Accounts []Blocked // the latest first
}

// MaxBlocked bounds one account's list.
const MaxBlocked = 10_000

// ErrFull is the answer to one entry more than MaxBlocked.
var ErrFull = errors.New("contact: the list is full")

// Blocks is the store of them, safe for concurrent use.
type Blocks struct {
	db    *db.DB
	now   func() time.Time
	known *known
}

// New is over the tables that Migrations makes.
func New(d *db.DB, now func() time.Time) *Blocks {
	return &Blocks{db: d, now: now, known: newKnown()}
}

// Put decides about one other account. Open takes the decision back.
func (b *Blocks) Put(ctx context.Context, account, other string, s Stance) (Blocked, error) {
	entry := Blocked{Account: other, Stance: s, Since: b.now().UTC()}
	err := b.db.Tx(ctx, func(tx *sql.Tx) error {
		// The row of the account orders those who write to one list.
		_, err := tx.ExecContext(ctx, `
			INSERT INTO contact_account (account, unknown, at) VALUES ($1, 0, $2)
			ON CONFLICT (account) DO UPDATE SET at = excluded.at`, account, entry.Since.UnixMicro())
		if err != nil {
			return err
		}
		if s == Open {
			_, err = tx.ExecContext(ctx, `DELETE FROM contact_block WHERE account = $1 AND other = $2`, account, other)
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO contact_block (account, other, stance, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, other) DO UPDATE SET stance = excluded.stance, at = excluded.at`,
			account, other, int(s), entry.Since.UnixMicro())
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM contact_block WHERE account = $1`, account).Scan(&n); err != nil {
			return err
		}
		if n > MaxBlocked {
			return ErrFull
		}
		return nil
	})
	if err != nil {
		return Blocked{}, fmt.Errorf("contact: put: %w", err)
	}
	b.known.Add(account)
	return entry, nil
}

// PutUnknown decides about everybody whom the account does not know.
func (b *Blocks) PutUnknown(ctx context.Context, account string, s Stance) error {
	err := b.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO contact_account (account, unknown, at) VALUES ($1, $2, $3)
			ON CONFLICT (account) DO UPDATE SET unknown = excluded.unknown, at = excluded.at`,
			account, int(s), b.now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("contact: put unknown: %w", err)
	}
	b.known.Add(account)
	return nil
}

// Get is all that an account has decided.
func (b *Blocks) Get(ctx context.Context, account string) (List, error) {
	var list List
	err := db.Query(ctx, b.db.Read, `SELECT unknown FROM contact_account WHERE account = $1`, []any{account},
		func(rows *sql.Rows) error { return rows.Scan(&list.Unknown) })
	if err == nil {
		err = db.Query(ctx, b.db.Read, `
			SELECT other, stance, at FROM contact_block WHERE account = $1 ORDER BY at DESC, other`, []any{account},
			func(rows *sql.Rows) error {
				var entry Blocked
				var at int64
				if err := rows.Scan(&entry.Account, &entry.Stance, &at); err != nil {
					return err
				}
				entry.Since = time.UnixMicro(at).UTC()
				list.Accounts = append(list.Accounts, entry)
				return nil
			})
	}
	if err != nil {
		return List{}, fmt.Errorf("contact: get: %w", err)
	}
	return list, nil
}

// Of is where each of members stands with the actor, in their order. It asks
// the database once, for the members who have ever decided about anybody: what
// it does, and how long it takes, does not depend on whether they decided about
// this actor. Another instance's decisions are seen within a second.
func (b *Blocks) Of(ctx context.Context, actor string, members []string) ([]Standing, error) {
	standings := make([]Standing, len(members))
	ask, err := b.deciders(ctx, members)
	if err != nil || len(ask) == 0 {
		return standings, err
	}
	args := append(make([]any, 0, 1+len(ask)), actor)
	for id := range ask {
		args = append(args, id)
	}
	err = db.Query(ctx, b.db.Read, `
		SELECT a.account, a.unknown, COALESCE(b.stance, 0) FROM contact_account a
		LEFT JOIN contact_block b ON b.account = a.account AND b.other = $1
		WHERE a.account IN (`+db.Params(2, len(ask))+`)`, args, func(rows *sql.Rows) error {
		var id string
		var s Standing
		if err := rows.Scan(&id, &s.Unknown, &s.Own); err != nil {
			return err
		}
		for _, i := range ask[id] {
			standings[i] = s
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("contact: of: %w", err)
	}
	return standings, nil
}

// By is where the account stands with each of others, in their order.
func (b *Blocks) By(ctx context.Context, account string, others []string) ([]Standing, error) {
	standings := make([]Standing, len(others))
	ask, err := b.deciders(ctx, []string{account})
	if err != nil || len(ask) == 0 || len(others) == 0 {
		return standings, err
	}
	where := map[string][]int{}
	for i, id := range others {
		where[id] = append(where[id], i)
	}
	args := append(make([]any, 0, 1+len(where)), account)
	for id := range where {
		args = append(args, id)
	}
	err = db.Query(ctx, b.db.Read, `
		SELECT a.unknown, COALESCE(b.other, ''), COALESCE(b.stance, 0) FROM contact_account a
		LEFT JOIN contact_block b ON b.account = a.account AND b.other IN (`+db.Params(2, len(where))+`)
		WHERE a.account = $1`, args, func(rows *sql.Rows) error {
		var id string
		var s Standing
		if err := rows.Scan(&s.Unknown, &id, &s.Own); err != nil {
			return err
		}
		for i := range standings {
			standings[i].Unknown = s.Unknown
		}
		for _, i := range where[id] {
			standings[i].Own = s.Own
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("contact: by: %w", err)
	}
	return standings, nil
}

// Erase removes an account's decisions, and the account from others', in the
// erasure's transaction.
func (b *Blocks) Erase(ctx context.Context, tx *sql.Tx, account string) error {
	for _, text := range []string{
		`DELETE FROM contact_block WHERE account = $1`,
		`DELETE FROM contact_block WHERE other = $1`,
		`DELETE FROM contact_account WHERE account = $1`,
	} {
		if _, err := tx.ExecContext(ctx, text, account); err != nil {
			return fmt.Errorf("contact: erase: %w", err)
		}
	}
	return nil
}
