package hashlist

import (
	"context"
	"database/sql"
)

// aside is until when an entry is disabled that another says the same as: no
// person disables one until then.
var aside = sql.NullInt64{Int64: Forever.UnixMicro() - 1, Valid: true}

// setAside disables those of new entries that say what an entry says which
// matches already.
func (a *application) setAside(ctx context.Context, fresh []*entryRow) error {
	for i, row := range fresh {
		for _, before := range fresh[:i] {
			if row.repeats(before) && !before.until.Valid {
				row.until = aside
			}
		}
		err := a.likes(ctx, row, func(like *entryRow) {
			if !like.until.Valid && verdicts[like.verdict] != Denied {
				row.until = aside
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// succeed has the oldest that was set aside for an entry match in its place.
func (a *application) succeed(ctx context.Context, gone *entryRow) error {
	if gone.until.Valid || verdicts[gone.verdict] == Denied {
		return nil // it did not match, so neither does what says the same
	}
	var next *entryRow
	err := a.likes(ctx, gone, func(like *entryRow) {
		if like.until == aside && (next == nil || like.num < next.num) {
			next = like
		}
	})
	if err != nil || next == nil {
		return err
	}
	next.until = sql.NullInt64{}
	next.updated, next.seq = a.change.now.UnixMicro(), a.change.seq
	return updateEntry(ctx, a.tx, next)
}

// likes gives the entries that are there and say what row says.
func (a *application) likes(ctx context.Context, row *entryRow, f func(*entryRow)) error {
	return eachEntry(ctx, a.tx, `WHERE bank = $1 AND hashes = $2 AND removed IS NULL`, []any{row.bank, row.hashes}, func(e *entryRow) error {
		if e.repeats(row) {
			f(e)
		}
		return nil
	})
}

func (e *entryRow) repeats(other *entryRow) bool {
	return string(e.hashes) == string(other.hashes) && e.classification == other.classification
}
