package token

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/breakwater-project/breakwater/internal/db"
)

// inserts is one INSERT, prepared for several numbers of rows. PostgreSQL
// likes many rows in a statement, for the round trips; SQLite one, as its
// driver takes the square of the number of parameters.
type inserts struct {
	sizes []int // of rows in a statement, most first; the last is 1
	stmts []*sql.Stmt
}

func prepareInserts(ctx context.Context, d *db.DB) (*inserts, error) {
	in := &inserts{sizes: []int{64, 8, 1}}
	if d.Engine == db.SQLite {
		in.sizes = []int{1}
	}
	for _, rows := range in.sizes {
		values := make([]string, rows)
		for i := range values {
			values[i] = "(" + db.Params(2*i+1, 2) + ")"
		}
		text := `INSERT INTO token_spent (epoch, nullifier) VALUES ` + strings.Join(values, ",") + ` ON CONFLICT DO NOTHING` //nolint:gosec // placeholders
		if rows > 1 {
			text += ` RETURNING epoch, nullifier`
		}
		//nolint:sqlclosecheck // close closes it
		stmt, err := d.Write.PrepareContext(ctx, text)
		if err != nil {
			return nil, errors.Join(err, in.close())
		}
		in.stmts = append(in.stmts, stmt)
	}
	return in, nil
}

// insert writes what is not there yet, and takes errSpent from that.
func (in *inserts) insert(ctx context.Context, tx *sql.Tx, list []*spending) error {
	stmts := make([]*sql.Stmt, len(in.stmts)) // the transaction closes them
	for i := 0; len(list) > 0; {
		for in.sizes[i] > len(list) {
			i++
		}
		size := in.sizes[i]
		if stmts[i] == nil {
			stmts[i] = tx.StmtContext(ctx, in.stmts[i])
		}
		insert := insertMany
		if size == 1 {
			insert = insertOne
		}
		if err := insert(ctx, stmts[i], list[:size]); err != nil {
			return err
		}
		list = list[size:]
	}
	return nil
}

func insertOne(ctx context.Context, stmt *sql.Stmt, list []*spending) error {
	s := list[0]
	res, err := stmt.ExecContext(ctx, s.epoch, s.nullifier[:])
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if n == 1 {
		s.err = nil
	}
	return err
}

func insertMany(ctx context.Context, stmt *sql.Stmt, list []*spending) error {
	args := make([]any, 0, 2*len(list))
	for _, s := range list {
		args = append(args, s.epoch, s.nullifier[:])
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	type key struct {
		epoch     int64
		nullifier nullifier
	}
	fresh := make(map[key]bool, len(list))
	for rows.Next() {
		var k key
		var b []byte
		if err := rows.Scan(&k.epoch, &b); err != nil {
			return err
		}
		copy(k.nullifier[:], b)
		fresh[k] = true
	}
	for _, s := range list {
		if fresh[key{s.epoch, s.nullifier}] {
			s.err = nil
		}
	}
	return rows.Err()
}

func (in *inserts) close() error {
	errs := make([]error, len(in.stmts))
	for i, stmt := range in.stmts {
		errs[i] = stmt.Close()
	}
	return errors.Join(errs...)
}
