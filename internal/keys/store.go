package keys

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes the tables of this package.
func Migrations() db.Source { return db.Source{Package: "keys", FS: migrations} }

// row is a key with what proves it.
type row struct {
	Key
	digest digest
}

// reader is a database or a transaction.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// selectKeys is every key, the newest first.
func selectKeys(ctx context.Context, from reader) ([]row, error) {
	rows, err := from.QueryContext(ctx, `
		SELECT id, name, roles, hash, created, last_used, revoked
		FROM keys_key ORDER BY created DESC, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []row
	for rows.Next() {
		var r row
		var roles string
		var hash []byte
		var created, used, revoked int64
		if err := rows.Scan(&r.ID, &r.Name, &roles, &hash, &created, &used, &revoked); err != nil {
			return nil, err
		}
		if copy(r.digest[:], hash) != len(r.digest) {
			return nil, fmt.Errorf("key %s: a hash of %d bytes", r.ID, len(hash))
		}
		r.Roles = splitRoles(roles)
		r.Created, r.LastUsed, r.Revoked = timeOf(created), timeOf(used), timeOf(revoked)
		list = append(list, r)
	}
	return list, rows.Err()
}

// putKey adds a key, or replaces the one of its id.
func putKey(ctx context.Context, tx *sql.Tx, r row) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO keys_key (id, name, roles, hash, created, last_used, revoked)
		VALUES ($1, $2, $3, $4, $5, 0, 0)
		ON CONFLICT (id) DO UPDATE SET
			name = excluded.name, roles = excluded.roles, hash = excluded.hash,
			created = excluded.created, last_used = 0, revoked = 0`,
		r.ID, r.Name, joinRoles(r.Roles), r.digest[:], r.Created.UnixMicro())
	return err
}

// revokeKey reports whether there is such a key. One that was revoked before
// keeps its time.
func revokeKey(ctx context.Context, tx *sql.Tx, id string, at time.Time) (bool, error) {
	result, err := tx.ExecContext(ctx, `
		UPDATE keys_key SET revoked = CASE WHEN revoked = 0 THEN $2 ELSE revoked END
		WHERE id = $1`, id, at.UnixMicro())
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func touchKey(ctx context.Context, tx *sql.Tx, id string, at time.Time) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE keys_key SET last_used = $2 WHERE id = $1 AND last_used < $2`, id, at.UnixMicro())
	return err
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
