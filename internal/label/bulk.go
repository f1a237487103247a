package label

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

// CountBy is how many labels in force a source has put since then.
func (l *Labels) CountBy(ctx context.Context, q db.Querier, source string, since, upto time.Time) (n int64, err error) {
	err = db.Query(ctx, q, `
		SELECT count(*) FROM label_label
		WHERE at >= $1 AND at <= $2 AND source = $3 AND (expires IS NULL OR expires > $4)`,
		[]any{since.UnixMicro(), upto.UnixMicro(), source, l.now().UnixMicro()}, func(rows *sql.Rows) error { return rows.Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("label: count: %w", err)
	}
	return n, nil
}

// TakeBack ends the labels that CountBy counts, in the caller's transaction.
func (l *Labels) TakeBack(ctx context.Context, tx *sql.Tx, source string, since, upto time.Time) (int64, error) {
	res, err := tx.ExecContext(ctx, `
		UPDATE label_label SET expires = $4
		WHERE at >= $1 AND at <= $2 AND source = $3 AND (expires IS NULL OR expires > $4)`,
		since.UnixMicro(), upto.UnixMicro(), source, l.now().UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("label: take back: %w", err)
	}
	return res.RowsAffected()
}
