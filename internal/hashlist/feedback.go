package hashlist

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
)

// Feedback is what a person says of an entry.
type Feedback struct {
	Verdict Verdict // Unseen takes an earlier one back
	Note    string  // why
	Who     string  // id of the key it was said with
}

// verdicts, by the number they are stored as.
var verdicts = [...]Verdict{Unseen, Confirmed, Denied}

// Judge gives an entry its verdict, which its source cannot undo: confirmed,
// it leaves quarantine and never enters it again; denied, it matches nothing.
// It is kept to be sent to where the entry came from.
func (s *Banks) Judge(ctx context.Context, bank, id string, f Feedback) (Entry, error) {
	number := slices.Index(verdicts[:], f.Verdict)
	switch {
	case number < 0:
		return Entry{}, fault.Fieldwise(fault.Field{Location: "verdict", Message: "must be confirmed, denied or empty"})
	case !plain(f.Note, maxNote):
		return Entry{}, fault.Fieldwise(fault.Field{Location: "note", Message: "must be at most 1000 bytes without control characters"})
	}
	return s.alter(ctx, bank, id, func(tx *sql.Tx, t *turn, row *entryRow) error {
		row.verdict = int64(number)
		if f.Verdict != Unseen {
			row.quarantined = sql.NullInt64{}
		}
		return insertFeedback(ctx, tx, row, f, t.now)
	})
}

// Disable has an entry match nothing until a time: Forever, or one that has
// passed to enable it.
func (s *Banks) Disable(ctx context.Context, bank, id string, until time.Time) (Entry, error) {
	return s.alter(ctx, bank, id, func(_ *sql.Tx, t *turn, row *entryRow) error {
		row.until = sql.NullInt64{Int64: until.UnixMicro(), Valid: until.After(t.now)}
		return nil
	})
}

// Quarantine has an entry match for review only, or again for more.
func (s *Banks) Quarantine(ctx context.Context, bank, id string, on bool) (Entry, error) {
	return s.alter(ctx, bank, id, func(_ *sql.Tx, t *turn, row *entryRow) error {
		row.quarantined = sql.NullInt64{Int64: t.now.UnixMicro(), Valid: on}
		return nil
	})
}

// alter changes what we, not its source, say of an entry.
func (s *Banks) alter(ctx context.Context, bank, id string, f func(*sql.Tx, *turn, *entryRow) error) (Entry, error) {
	var after Entry
	err := s.change(ctx, func(tx *sql.Tx, t *turn) error {
		b, err := bankByName(ctx, tx, bank)
		if err != nil {
			return err
		}
		there, err := entriesByKey(ctx, tx, [][]byte{keyOf(b.id, id)})
		if err != nil {
			return err
		}
		for _, row := range there {
			if row.removed.Valid {
				break
			}
			if err := f(tx, t, row); err != nil {
				return err
			}
			if _, err := s.touch(ctx, tx, t, row); err != nil {
				return err
			}
			after, err = s.entry(&b, row)
			return err
		}
		return noEntry()
	})
	return after, wrap("alter", err)
}

// Opinion is feedback that the source of its entry has not had.
type Opinion struct {
	Number   int64 // of the feedback, ascending
	Entry    Entry
	Feedback Feedback
	At       time.Time
}

// Unsent is feedback on entries of a bank that is to be sent to where they
// came from: oldest first, from the one after the number given on, at most
// limit.
func (s *Banks) Unsent(ctx context.Context, bank string, after int64, limit int) ([]Opinion, error) {
	b, err := bankByName(ctx, s.db.Read, bank)
	if err != nil {
		return nil, wrap("unsent", err)
	}
	rows, err := unsent(ctx, s.db.Read, b.id, after, limit)
	if err != nil {
		return nil, wrap("unsent", err)
	}
	numbers := make([]int64, len(rows))
	for i, row := range rows {
		numbers[i] = row.num
	}
	entries := map[int64]Entry{}
	err = entriesByNumber(ctx, s.db.Read, b.id, numbers, func(row *entryRow) (err error) {
		entries[row.num], err = s.entry(&b, row)
		return err
	})
	if err != nil {
		return nil, wrap("unsent", err)
	}
	opinions := make([]Opinion, len(rows))
	for i, row := range rows {
		opinions[i] = Opinion{Number: row.id, Entry: entries[row.num], Feedback: row.Feedback, At: row.at}
	}
	return opinions, nil
}

// Sent notes that the source of its entry has an opinion, or never will.
func (s *Banks) Sent(ctx context.Context, numbers ...int64) error {
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, number := range numbers {
			if _, err := tx.ExecContext(ctx, `UPDATE hashlist_feedback SET sent = $2 WHERE id = $1`, number, s.now().UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("sent", err)
}

type feedbackRow struct {
	Feedback
	id, num int64
	at      time.Time
}

func insertFeedback(ctx context.Context, tx *sql.Tx, row *entryRow, f Feedback, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO hashlist_feedback (id, bank, num, verdict, note, who, at)
		VALUES ((SELECT coalesce(max(id), 0) + 1 FROM hashlist_feedback), $1, $2, $3, $4, $5, $6)`,
		row.bank, row.num, f.Verdict, f.Note, f.Who, now.UnixMicro())
	return err
}

func unsent(ctx context.Context, q db.Querier, bank, after int64, limit int) (all []feedbackRow, err error) {
	err = db.Query(ctx, q, `
		SELECT id, num, verdict, note, who, at FROM hashlist_feedback WHERE bank = $1 AND id > $2 AND sent IS NULL ORDER BY id LIMIT $3`,
		[]any{bank, after, limit}, func(rows *sql.Rows) error {
			var row feedbackRow
			var at int64
			err := rows.Scan(&row.id, &row.num, &row.Verdict, &row.Note, &row.Who, &at)
			row.at = time.UnixMicro(at).UTC()
			all = append(all, row)
			return err
		})
	return all, err
}
