package sanction

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

// columns are what scan reads.
const columns = `id, account, kind, decision, rule, content, feature, points, because, at, halves, until, confirmed, confirmer, undone, undoer, why`

const insertEntry = `INSERT INTO sanction_entry (` + columns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT (id) DO NOTHING`

// insert writes an entry unless it is there, and reports whether it was not.
func insert(ctx context.Context, tx *sql.Tx, e *Entry) (bool, error) {
	res, err := tx.ExecContext(ctx, insertEntry,
		e.ID, e.Account, string(e.Kind), e.Decision, e.Rule, e.Content, e.Feature, e.Points, e.Because,
		e.At.UnixMicro(), micros(e.Halves), orNull(e.Until), orNull(e.Confirmed), e.Confirmer, orNull(e.Undone), e.Undoer, e.Why)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// update writes what may change of an entry.
func update(ctx context.Context, tx *sql.Tx, e *Entry) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE sanction_entry SET until = $2, confirmed = $3, confirmer = $4, undone = $5, undoer = $6, why = $7 WHERE id = $1`,
		e.ID, orNull(e.Until), orNull(e.Confirmed), e.Confirmer, orNull(e.Undone), e.Undoer, e.Why)
	return err
}

func scan(row interface{ Scan(...any) error }) (Entry, error) {
	var e Entry
	var at, halves int64
	var until, confirmed, undone sql.NullInt64
	err := row.Scan(&e.ID, &e.Account, &e.Kind, &e.Decision, &e.Rule, &e.Content, &e.Feature, &e.Points, &e.Because,
		&at, &halves, &until, &confirmed, &e.Confirmer, &undone, &e.Undoer, &e.Why)
	e.At = time.UnixMicro(at).UTC()
	if halves != 0 {
		e.Halves = time.UnixMicro(halves).UTC()
	}
	e.Until, e.Confirmed, e.Undone = timeOf(until), timeOf(confirmed), timeOf(undone)
	return e, err
}

// entries are those for which the condition, and what follows it, holds.
func entries(ctx context.Context, q db.Querier, condition string, args ...any) ([]Entry, error) {
	var all []Entry
	err := db.Query(ctx, q, `SELECT `+columns+` FROM sanction_entry WHERE `+condition, args, func(rows *sql.Rows) error {
		e, err := scan(rows)
		all = append(all, e)
		return err
	})
	return all, err
}

// find reads one entry of an account, or ErrNotFound.
func find(ctx context.Context, tx *sql.Tx, account, id string) (Entry, error) {
	e, err := scan(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM sanction_entry WHERE id = $1 AND account = $2`, id, account))
	if errors.Is(err, sql.ErrNoRows) {
		return e, ErrNotFound
	}
	return e, err
}

// strikesOf are an account's strikes that were not undone.
func strikesOf(ctx context.Context, q db.Querier, account string) ([]Entry, error) {
	return entries(ctx, q, `account = $1 AND kind = 'strike' AND undone IS NULL ORDER BY at`, account)
}

// stepsOf are an account's steps of the ladder that have not ended.
func stepsOf(ctx context.Context, q db.Querier, account string, now time.Time) ([]Entry, error) {
	return entries(ctx, q, `account = $1 AND because <> '' AND undone IS NULL AND (until IS NULL OR until > $2) ORDER BY at`, account, now.UnixMicro())
}

// shown is how many entries of an account are listed.
const shown = 500

// Of lists an account's entries, newest first, at most 500.
func (s *Sanctions) Of(ctx context.Context, account string) ([]Entry, error) {
	return entries(ctx, s.opt.DB.Read, `account = $1 ORDER BY at DESC, id LIMIT $2`, account, shown)
}

// Proposals are the suspensions that wait for a person, oldest first, at most 500.
func (s *Sanctions) Proposals(ctx context.Context) ([]Entry, error) {
	return entries(ctx, s.opt.DB.Read, `kind = 'suspension' AND confirmed IS NULL AND undone IS NULL ORDER BY at, id LIMIT $1`, shown)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
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
