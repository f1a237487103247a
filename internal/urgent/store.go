package urgent

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

const columns = `id, decision, rule, kind, at, due, state, level, next, delivered, acknowledged, acknowledger, resolved, resolver, outcome`

// insert writes an entry unless it is there, and reports whether it was not.
func insert(ctx context.Context, tx *sql.Tx, e *Entry) (bool, error) {
	//nolint:gosec // constants and placeholders
	res, err := tx.ExecContext(ctx, `
		INSERT INTO urgent_entry (`+columns+`) VALUES (`+db.Params(1, 15)+`) ON CONFLICT (id) DO NOTHING`,
		e.ID, e.Decision, e.Rule, string(e.Kind), e.At.UnixMicro(), e.Due.UnixMicro(), string(e.State), e.Level, e.Next.UnixMicro(),
		orNull(e.Paged), orNull(e.Acknowledged), e.Acknowledger, orNull(e.Resolved), e.Resolver, string(e.Outcome))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// update writes what people and the clock change.
func update(ctx context.Context, tx *sql.Tx, e *Entry) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE urgent_entry SET due = $2, state = $3, level = $4, next = $5, acknowledged = $6, acknowledger = $7,
			resolved = $8, resolver = $9, outcome = $10 WHERE id = $1`,
		e.ID, e.Due.UnixMicro(), string(e.State), e.Level, e.Next.UnixMicro(), orNull(e.Acknowledged), e.Acknowledger,
		orNull(e.Resolved), e.Resolver, string(e.Outcome))
	return err
}

// paged writes down that a pager took a page.
func (l *Lane) paged(ctx context.Context, id string) error {
	return l.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE urgent_entry SET delivered = $2 WHERE id = $1`, id, l.now().UnixMicro())
		return err
	})
}

// entries are those for which the condition, and what follows it, holds.
func entries(ctx context.Context, q db.Querier, condition string, args ...any) ([]Entry, error) {
	var all []Entry
	err := db.Query(ctx, q, `SELECT `+columns+` FROM urgent_entry WHERE `+condition, args, func(rows *sql.Rows) error {
		var e Entry
		var at, due, next int64
		var paged, acknowledged, resolved sql.NullInt64
		err := rows.Scan(&e.ID, &e.Decision, &e.Rule, &e.Kind, &at, &due, &e.State, &e.Level, &next,
			&paged, &acknowledged, &e.Acknowledger, &resolved, &e.Resolver, &e.Outcome)
		e.At, e.Due, e.Next = time.UnixMicro(at).UTC(), time.UnixMicro(due).UTC(), time.UnixMicro(next).UTC()
		e.Paged, e.Acknowledged, e.Resolved = timeOf(paged), timeOf(acknowledged), timeOf(resolved)
		all = append(all, e)
		return err
	})
	return all, err
}

// listed is how many entries are listed.
const listed = 500

// List is the entries of a state, or with "" those that are not resolved, by
// when they are due, at most 500.
func (l *Lane) List(ctx context.Context, state State) ([]Entry, error) {
	condition, args := `state <> 'resolved'`, []any{listed}
	if state != "" {
		condition, args = `state = $2`, append(args, string(state))
	}
	order := "due, id"
	if state == Resolved {
		order = "due DESC, id"
	}
	all, err := entries(ctx, l.opt.DB.Read, condition+` ORDER BY `+order+` LIMIT $1`, args...)
	if err != nil {
		return nil, fmt.Errorf("urgent: list: %w", err)
	}
	return all, nil
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}
