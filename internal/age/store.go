package age

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
)

type queryer interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// prepared answers queries with statements that it keeps: reading a statement
// costs SQLite several times what running it does. There must be few texts.
type prepared struct {
	db    *sql.DB
	stmts sync.Map // text → *sql.Stmt
}

func (p *prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, ok := p.stmts.Load(text)
	if !ok {
		made, err := p.db.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		if stmt, ok = p.stmts.LoadOrStore(text, made); ok {
			if err := made.Close(); err != nil { //nolint:sqlclosecheck // another was first
				return nil, err
			}
		}
	}
	return stmt.(*sql.Stmt).QueryContext(ctx, args...)
}

// chunk bounds how many placeholders one statement has.
const chunk = 256

// readAccounts reads the accounts that are there, by id.
func readAccounts(ctx context.Context, q queryer, ids []string) (map[string]Account, error) {
	accounts := make(map[string]Account, len(ids))
	for part := range slices.Chunk(ids, chunk) {
		if err := readChunk(ctx, q, part, accounts); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

func readChunk(ctx context.Context, q queryer, ids []string, accounts map[string]Account) error {
	in, args := placeholders(ids)
	rows, err := q.QueryContext(ctx, `
		SELECT a.id, a.created, a.country, a.region, a.locale,
			s.source, s.age_from, s.age_to, s.basis, s.method, s.confidence, s.at, s.expires
		FROM age_account a LEFT JOIN age_signal s ON s.account = a.id
		WHERE a.id IN (`+in+`)`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a Account
		var s signalRow
		var created sql.NullInt64
		if err := rows.Scan(&a.ID, &created, &a.Country, &a.Region, &a.Locale,
			&s.source, &s.from, &s.to, &s.basis, &s.method, &s.confidence, &s.at, &s.expires); err != nil {
			return err
		}
		a.Created = timeOf(created)
		if known, ok := accounts[a.ID]; ok {
			a = known
		}
		if s.source.Valid {
			signal, err := s.signal()
			if err != nil {
				return err
			}
			a.Signals = append(a.Signals, signal)
			slices.SortFunc(a.Signals, bySource)
		}
		accounts[a.ID] = a
	}
	return rows.Err()
}

// signalRow is a row of age_signal, all null where an account has none.
type signalRow struct {
	source, basis, method sql.NullString
	from, to, at, expires sql.NullInt64
	confidence            sql.NullFloat64
}

func (r *signalRow) signal() (Signal, error) {
	basis, ok := event.ParseBasis(r.basis.String)
	if !ok {
		return Signal{}, fmt.Errorf("stored basis %q is unknown", r.basis.String)
	}
	return Signal{
		Interval: Interval{int(r.from.Int64), int(r.to.Int64)}, Basis: basis, Method: r.method.String,
		Confidence: r.confidence.Float64, At: timeOf(r.at), Expires: timeOf(r.expires), Source: r.source.String,
	}, nil
}

func bySource(a, b Signal) int { return strings.Compare(a.Source, b.Source) }

func writeAccount(ctx context.Context, tx *sql.Tx, a *Account, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO age_account (id, created, country, region, locale, changed) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET created = excluded.created, country = excluded.country,
			region = excluded.region, locale = excluded.locale, changed = excluded.changed`,
		a.ID, micros(a.Created), a.Country, a.Region, a.Locale, now.UnixMicro())
	return err
}

func writeSignal(ctx context.Context, tx *sql.Tx, account string, s *Signal) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO age_signal (account, source, age_from, age_to, basis, method, confidence, at, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (account, source) DO UPDATE SET age_from = excluded.age_from, age_to = excluded.age_to,
			basis = excluded.basis, method = excluded.method, confidence = excluded.confidence,
			at = excluded.at, expires = excluded.expires`,
		account, s.Source, s.Interval.From, s.Interval.To, s.Basis.String(), s.Method, s.Confidence, micros(s.At), micros(s.Expires))
	return err
}

func deleteAccount(ctx context.Context, tx *sql.Tx, id string) (existed bool, err error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM age_signal WHERE account = $1`, id); err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `DELETE FROM age_account WHERE id = $1`, id)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// placeholders is "$1,$2,…", and the ids as its arguments. Their number is a
// power of two, so that few texts do: the last id stands there repeatedly.
func placeholders(ids []string) (string, []any) {
	n := 1
	for n < len(ids) {
		n *= 2
	}
	args := make([]any, n)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	return db.Params(1, n), args
}

// micros is t as it is stored: microseconds, or NULL for no time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func timeOf(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micros.Int64).UTC()
}
