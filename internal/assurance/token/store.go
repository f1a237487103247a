package token

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/db"
)

// readKeys is every key there is, by name and generation.
func readKeys(ctx context.Context, q db.Querier) ([]issuerKey, error) {
	var all []issuerKey
	err := db.Query(ctx, q, `SELECT name, generation, public, sealed FROM token_key ORDER BY name, generation`, nil, func(rows *sql.Rows) error {
		var key issuerKey
		var name string
		var public []byte
		err := rows.Scan(&name, &key.generation, &public, &key.sealed)
		if err == nil {
			key.Name, err = agetoken.ParseKeyName(name)
		}
		if err == nil {
			key.Key, err = agetoken.ParseKey(public)
		}
		if err != nil {
			return fmt.Errorf("stored key %s: %w", name, err)
		}
		key.NotBefore = key.Name.Epoch.Begin()
		all = append(all, key)
		return nil
	})
	return all, err
}

func writeKey(ctx context.Context, tx *sql.Tx, name agetoken.KeyName, generation int, public *agetoken.Key, sealed []byte) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO token_key (name, generation, public, sealed) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name, generation) DO NOTHING`, name.String(), generation, public.Bytes(), sealed)
	return err
}

func destroyKey(ctx context.Context, tx *sql.Tx, key *issuerKey) error {
	_, err := tx.ExecContext(ctx, `UPDATE token_key SET sealed = $3 WHERE name = $1 AND generation = $2`, key.Name.String(), key.generation, []byte{})
	return err
}

func dropKey(ctx context.Context, tx *sql.Tx, key *issuerKey) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM token_key WHERE name = $1 AND generation = $2`, key.Name.String(), key.generation)
	return err
}

// seen is a directory as it was published, and since when it is in force here.
type seen struct {
	host   string
	at     int64 // microseconds
	digest []byte
	body   string
}

// readDirectories is the latest directory of each host.
func readDirectories(ctx context.Context, q db.Querier) (map[string]seen, error) {
	latest := map[string]seen{}
	err := db.Query(ctx, q, `
		SELECT d.issuer, d.at, d.digest, d.body FROM token_directory d
		JOIN (SELECT issuer, max(at) AS at FROM token_directory GROUP BY issuer) l ON l.issuer = d.issuer AND l.at = d.at`,
		nil, func(rows *sql.Rows) error {
			var s seen
			if err := rows.Scan(&s.host, &s.at, &s.digest, &s.body); err != nil {
				return err
			}
			latest[s.host] = s
			return nil
		})
	return latest, err
}

func writeDirectory(ctx context.Context, tx *sql.Tx, s *seen) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO token_directory (issuer, at, digest, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (issuer, at) DO UPDATE SET digest = excluded.digest, body = excluded.body`, s.host, s.at, s.digest, s.body)
	return err
}
