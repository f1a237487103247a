package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"github.com/breakwater-project/breakwater/internal/db"
)

// Erase takes an account's name out of the log, in the erasure's transaction:
// every entry written so far that names it as the actor, as a member or as
// the content has a random pseudonym in its place, the same in all of them.
// Outcomes, ages and reasons stay: they say what was decided, not about whom.
//
// From when tx commits, no read gives the name. The rows themselves are
// rewritten by Sweep, soon after, as going through the log takes longer than
// a transaction may; then the log forgets which account it was.
func (l *Log) Erase(ctx context.Context, tx *sql.Tx, account string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO journal_erasure (account, pseudonym, upto, done) VALUES ($1, $2, $3, 0)
		ON CONFLICT (account) DO UPDATE SET upto = excluded.upto`,
		account, "erased_"+rand.Text(), l.NextSeq())
	if err != nil {
		return fmt.Errorf("journal: erase: %w", err)
	}
	return nil
}

// erasure is an account whose name is still to be taken out of older entries.
type erasure struct {
	account, pseudonym string
	upto, done         int64
}

type queryer interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// erasures are nearly always none.
func erasures(ctx context.Context, q queryer) ([]erasure, error) {
	var all []erasure
	err := db.Query(ctx, q, `SELECT account, pseudonym, upto, done FROM journal_erasure`, nil, func(rows *sql.Rows) error {
		var e erasure
		if err := rows.Scan(&e.account, &e.pseudonym, &e.upto, &e.done); err != nil {
			return err
		}
		all = append(all, e)
		return nil
	})
	return all, err
}

// apply puts the pseudonym in the place of the account's name, and reports
// whether it was there. In JSON that is where a member "id" has it: a quote
// inside of a string is escaped, so the bytes can't be anything else.
func (e *erasure) apply(t *stored) (named bool) {
	if t.Seq > e.upto {
		return false
	}
	for _, id := range []*string{&t.Actor, &t.Content} {
		if *id == e.account {
			*id, named = e.pseudonym, true
		}
	}
	name, other := idMember(e.account), idMember(e.pseudonym)
	for _, data := range []*[]byte{&t.Encoded, (*[]byte)(&t.Input)} {
		if bytes.Contains(*data, name) {
			*data, named = bytes.ReplaceAll(*data, name, other), true
		}
	}
	return named
}

// idMember is `"id":"u-7"`, as encoding/json writes it.
func idMember(id string) []byte {
	name, _ := json.Marshal(id) // a string always has an encoding
	return append([]byte(`"id":`), name...)
}

// sweepRows is how many entries one step of a sweep looks at. Writers wait
// for a step, so it is short.
const sweepRows = 500

// Sweep rewrites the entries that name an erased account, step by step, until
// it is done or ctx ends. It is done when no erasure is due: one that is
// younger than Settle waits, as an entry that names the account may still be
// on its way, and is a reason to come back.
func (l *Log) Sweep(ctx context.Context) (comeBack bool, err error) {
	for more := true; more; {
		err := l.db.Tx(ctx, func(tx *sql.Tx) error {
			var err error
			more, comeBack, err = l.sweep(ctx, tx)
			return err
		})
		if err != nil {
			return true, fmt.Errorf("journal: sweep: %w", err)
		}
	}
	return comeBack, nil
}

// sweep does one step for the erasures that are due and least advanced.
func (l *Log) sweep(ctx context.Context, tx *sql.Tx) (more, waiting bool, err error) {
	if err := l.db.Lock(ctx, tx, "journal.sweep"); err != nil {
		return false, true, err
	}
	pending, err := erasures(ctx, tx)
	if err != nil {
		return false, true, err
	}
	settled := firstSeq(l.opt.Now().Add(-Settle))
	from := int64(math.MaxInt64)
	for _, e := range pending {
		if e.upto < settled {
			from = min(from, e.done)
		}
	}
	if from == math.MaxInt64 {
		return false, len(pending) > 0, nil
	}
	to, err := rewrite(ctx, tx, pending, from)
	if err != nil {
		return false, true, err
	}
	for _, e := range pending {
		if e.done != from || e.upto >= settled {
			continue
		}
		if e.upto <= to {
			_, err = tx.ExecContext(ctx, `DELETE FROM journal_erasure WHERE account = $1`, e.account)
		} else {
			_, err = tx.ExecContext(ctx, `UPDATE journal_erasure SET done = $1 WHERE account = $2`, to, e.account)
		}
		if err != nil {
			return false, true, err
		}
	}
	return true, true, nil
}

// rewrite takes the names out of the next entries after from, and returns how
// far that went.
func rewrite(ctx context.Context, tx *sql.Tx, pending []erasure, from int64) (to int64, err error) {
	entries, err := (&Query{After: from}).read(ctx, tx, sweepRows)
	if err != nil {
		return 0, err
	}
	for _, t := range entries {
		named := false
		for i := range pending {
			named = pending[i].apply(t) || named
		}
		if !named {
			continue
		}
		if _, err := tx.ExecContext(ctx, `UPDATE journal_entry SET actor = $1, content = $2, decision = $3, input = $4 WHERE seq = $5`,
			t.Actor, t.Content, string(t.Encoded), string(t.Input), t.Seq); err != nil {
			return 0, err
		}
	}
	if len(entries) < sweepRows {
		return math.MaxInt64, nil
	}
	return entries[len(entries)-1].Seq, nil
}
