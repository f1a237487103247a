package journal

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/breakwater-project/breakwater/internal/db"
)

// bulk is an INSERT that is prepared for several numbers of rows.
type bulk struct {
	columns int
	sizes   []int // of rows in a statement, most first; the last is 1
	stmts   []*sql.Stmt
}

// prepareBulk prepares `INSERT INTO <into> VALUES … <tail>`. PostgreSQL likes
// many rows in a statement, for the round trips; SQLite one, as its driver
// takes the square of the number of parameters.
func prepareBulk(ctx context.Context, d *db.DB, into string, columns int, tail string) (*bulk, error) {
	b := &bulk{columns: columns, sizes: []int{64, 8, 1}}
	if d.Engine == db.SQLite {
		b.sizes = []int{1}
	}
	for _, rows := range b.sizes {
		//nolint:gosec,sqlclosecheck // constants and placeholders; close closes it
		stmt, err := d.Write.PrepareContext(ctx, "INSERT INTO "+into+" VALUES "+values(rows, columns)+" "+tail)
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		b.stmts = append(b.stmts, stmt)
	}
	return b, nil
}

// insert inserts the rows whose columns args holds. Unless nil, each hears of
// every statement: which rows it was given, and how many went in.
func (b *bulk) insert(ctx context.Context, tx *sql.Tx, args []any, each func(from, to, inserted int) error) error {
	n := len(args) / b.columns
	for from := 0; from < n; {
		i := 0
		for b.sizes[i] > n-from {
			i++
		}
		to := from + b.sizes[i]
		//nolint:sqlclosecheck // the transaction closes it
		res, err := tx.StmtContext(ctx, b.stmts[i]).ExecContext(ctx, args[from*b.columns:to*b.columns]...)
		if err != nil {
			return err
		}
		if each != nil {
			inserted, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if err := each(from, to, int(inserted)); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

func (b *bulk) close() error {
	if b == nil {
		return nil
	}
	var errs []error
	for _, stmt := range b.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// values is "($1,$2),($3,$4)" for two rows of two columns.
func values(rows, columns int) string {
	list := make([]string, rows)
	for i := range list {
		list[i] = "(" + db.Params(i*columns+1, columns) + ")"
	}
	return strings.Join(list, ",")
}
