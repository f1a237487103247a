package exchange

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's table.
func Migrations() db.Source { return db.Source{Package: "exchange", FS: migrations} }

// row is how an exchange fares.
type row struct {
	name, holder                             string
	heldUntil, due, begun, succeeded, failed int64
	error                                    string
	counts                                   Counts
}

// take gives an exchange to a holder for a while, unless another that lives
// has it; with
// ifDue, also unless its time has not come. It says whether somebody has asked
// to believe a list that shrinks.
func take(ctx context.Context, d *db.DB, name, holder string, now time.Time, ifDue bool) (taken, shrink bool, err error) {
	err = d.Tx(ctx, func(tx *sql.Tx) error {
		if err := know(ctx, tx, name); err != nil {
			return err
		}
		var before string
		if err := db.Query(ctx, tx, `SELECT holder FROM exchange_sync WHERE name = $1`, []any{name}, func(rows *sql.Rows) error {
			return rows.Scan(&before)
		}); err != nil {
			return err
		}
		if !dead(before) {
			before = ""
		}
		latest := now.UnixMicro()
		if !ifDue {
			latest = 1<<63 - 1
		}
		return db.Query(ctx, tx, `
			UPDATE exchange_sync SET holder = $2, held_until = $3, begun = $4
			WHERE name = $1 AND (holder = '' OR held_until < $4 OR holder = $6) AND due <= $5 RETURNING shrink`,
			[]any{name, holder, now.Add(lease).UnixMicro(), now.UnixMicro(), latest, before}, func(rows *sql.Rows) error {
				taken = true
				return rows.Scan(&shrink)
			})
	})
	return taken, shrink, err
}

// know has a row for an exchange.
func know(ctx context.Context, tx *sql.Tx, name string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO exchange_sync (name, holder, held_until, due, shrink, begun, succeeded, failed, error, counts)
		VALUES ($1, '', 0, 0, FALSE, 0, 0, 0, '', '{}') ON CONFLICT (name) DO NOTHING`, name)
	return err
}

// ask makes an exchange due.
func ask(ctx context.Context, d *db.DB, name string, now time.Time, shrink bool) error {
	return d.Tx(ctx, func(tx *sql.Tx) error {
		if err := know(ctx, tx, name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			UPDATE exchange_sync SET due = CASE WHEN due < $2 THEN due ELSE $2 END, shrink = $3 WHERE name = $1`,
			name, now.UnixMicro(), shrink)
		return err
	})
}

// renew keeps an exchange for a while longer, if it is still the holder's.
func renew(ctx context.Context, d *db.DB, name, holder string, now time.Time) (still bool, err error) {
	err = d.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE exchange_sync SET held_until = $3 WHERE name = $1 AND holder = $2`,
			name, holder, now.Add(lease).UnixMicro())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		still = n == 1
		return err
	})
	return still, err
}

// end writes down how a sync went and gives the exchange free.
func end(ctx context.Context, d *db.DB, name, holder string, now, due time.Time, c Counts, failure string) error {
	counts, err := json.Marshal(c)
	if err != nil {
		return err
	}
	succeeded, failed := "$4", "failed"
	if failure != "" {
		succeeded, failed = "succeeded", "$4"
	}
	return d.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE exchange_sync SET holder = '', held_until = 0, due = $3, shrink = FALSE, error = $5, counts = $6,
				succeeded = `+succeeded+`, failed = `+failed+`
			WHERE name = $1 AND holder = $2`,
			name, holder, due.UnixMicro(), now.UnixMicro(), failure, string(counts))
		return err
	})
}

// rows is how all exchanges fare that were ever synced, by name.
func rows(ctx context.Context, d *db.DB) (map[string]row, error) {
	all := map[string]row{}
	err := db.Query(ctx, d.Read, `
		SELECT name, holder, held_until, due, begun, succeeded, failed, error, counts FROM exchange_sync`, nil,
		func(rows *sql.Rows) error {
			var r row
			var counts string
			err := rows.Scan(&r.name, &r.holder, &r.heldUntil, &r.due, &r.begun, &r.succeeded, &r.failed, &r.error, &counts)
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(counts), &r.counts); err != nil {
				return fmt.Errorf("counts of %s: %w", r.name, err)
			}
			all[r.name] = r
			return nil
		})
	return all, err
}

// moment is a stored time; 0 is none.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
