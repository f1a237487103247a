package hashlist

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

// state is where all banks stand together.
type state struct {
	database  string
	seq, next int64
}

func readState(ctx context.Context, q db.Querier) (s state, err error) {
	err = db.Query(ctx, q, `SELECT database, seq, next FROM hashlist_state WHERE id = 1`, nil, func(rows *sql.Rows) error {
		return rows.Scan(&s.database, &s.seq, &s.next)
	})
	return s, err
}

func writeState(ctx context.Context, tx *sql.Tx, seq, next int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE hashlist_state SET seq = $1, next = $2 WHERE id = 1`, seq, next)
	return err
}

// nameDatabase gives the database a name, if it has none.
func nameDatabase(ctx context.Context, d *db.DB) error {
	state, err := readState(ctx, d.Read)
	if err != nil || state.database != "" {
		return err
	}
	return d.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE hashlist_state SET database = $1 WHERE id = 1 AND database = ''`, rand.Text())
		return err
	})
}

// bankRow is a bank and the number that its entries have it by.
type bankRow struct {
	Bank
	id int64
}

const bankColumns = `id, name, kind, source, classification, distance, ratio, note, version, entries, created, updated`

func scanBank(rows *sql.Rows) (b bankRow, err error) {
	var created, updated int64
	err = rows.Scan(&b.id, &b.Name, &b.Kind, &b.Source, &b.Classification, &b.Distance, &b.Ratio, &b.Note,
		&b.Version, &b.Entries, &created, &updated)
	b.Created, b.Updated = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
	return b, err
}

func bankByNumber(ctx context.Context, q db.Querier, id int64) (b bankRow, err error) {
	err = db.Query(ctx, q, `SELECT `+bankColumns+` FROM hashlist_bank WHERE id = $1 AND key IS NOT NULL`, []any{id}, func(rows *sql.Rows) (err error) {
		b, err = scanBank(rows)
		return err
	})
	if err == nil && b.id == 0 {
		err = noBank("")
	}
	return b, err
}

func bankByName(ctx context.Context, q db.Querier, name string) (b bankRow, err error) {
	found := false
	err = db.Query(ctx, q, `SELECT `+bankColumns+` FROM hashlist_bank WHERE key = $1`, []any{Key(name)}, func(rows *sql.Rows) (err error) {
		found = true
		b, err = scanBank(rows)
		return err
	})
	if err == nil && !found {
		err = noBank(name)
	}
	return b, err
}

func allBanks(ctx context.Context, q db.Querier) (all []bankRow, err error) {
	err = db.Query(ctx, q, `SELECT `+bankColumns+` FROM hashlist_bank WHERE key IS NOT NULL ORDER BY key`, nil, func(rows *sql.Rows) error {
		b, err := scanBank(rows)
		all = append(all, b)
		return err
	})
	return all, err
}

func insertBank(ctx context.Context, tx *sql.Tx, b Bank, c *turn) (Bank, error) {
	c.made = true
	b.Version, b.Entries, b.Created, b.Updated = 1, 0, c.now, c.now
	_, err := tx.ExecContext(ctx, `
		INSERT INTO hashlist_bank (id, key, name, kind, source, classification, distance, ratio, note, version, entries, created, updated)
		VALUES ((SELECT coalesce(max(id), 0) + 1 FROM hashlist_bank), $1, $2, $3, $4, $5, $6, $7, $8, 1, 0, $9, $9)`,
		Key(b.Name), b.Name, b.Kind, b.Source, b.Classification, b.Distance, b.Ratio, b.Note, c.now.UnixMicro())
	return b, err
}

func updateBank(ctx context.Context, tx *sql.Tx, id int64, b Bank) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE hashlist_bank SET key = $2, name = $3, kind = $4, source = $5, classification = $6, distance = $7,
			ratio = $8, note = $9, version = $10, entries = $11, updated = $12
		WHERE id = $1`,
		id, Key(b.Name), b.Name, b.Kind, b.Source, b.Classification, b.Distance, b.Ratio, b.Note,
		b.Version, b.Entries, b.Updated.UnixMicro())
	return err
}

func removeBank(ctx context.Context, tx *sql.Tx, id int64, c *turn) error {
	if _, err := tx.ExecContext(ctx, `UPDATE hashlist_bank SET key = NULL, updated = $2 WHERE id = $1`, id, c.now.UnixMicro()); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM hashlist_cursor WHERE bank = $1`, id)
	return err
}

// entryRow is an entry as it is stored.
type entryRow struct {
	bank, num            int64
	key                  []byte
	id                   sql.NullString
	hashes               []byte
	quality              int64
	classification       sql.NullString
	source, note         sql.NullString
	verdict              int64
	until                sql.NullInt64
	quarantined, removed sql.NullInt64
	added, updated, seq  int64
}

const (
	entryColumns = `bank, num, key, id, hashes, quality, classification, source, note, verdict, until, quarantined, removed, added, updated, seq`
	entryWidth   = 16
)

func (e *entryRow) scan(rows *sql.Rows) error {
	return rows.Scan(&e.bank, &e.num, &e.key, &e.id, &e.hashes, &e.quality, &e.classification, &e.source, &e.note,
		&e.verdict, &e.until, &e.quarantined, &e.removed, &e.added, &e.updated, &e.seq)
}

func (e *entryRow) args() []any {
	return []any{e.bank, e.num, e.key, e.id, e.hashes, e.quality, e.classification, e.source, e.note,
		e.verdict, e.until, e.quarantined, e.removed, e.added, e.updated, e.seq}
}

// chunk bounds how many rows one statement names.
const chunk = 100

// entriesByKey are the entries that have the keys.
func entriesByKey(ctx context.Context, q db.Querier, keys [][]byte) (map[string]*entryRow, error) {
	found := make(map[string]*entryRow, len(keys))
	for len(keys) > 0 {
		part := keys[:min(chunk, len(keys))]
		keys = keys[len(part):]
		args := make([]any, 0, len(part))
		for _, key := range part {
			args = append(args, key)
		}
		err := db.Query(ctx, q, `SELECT `+entryColumns+` FROM hashlist_entry WHERE key IN (`+db.Params(1, len(part))+`)`, args,
			func(rows *sql.Rows) error {
				e := new(entryRow)
				if err := e.scan(rows); err != nil {
					return err
				}
				found[string(e.key)] = e
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// together is how many rows one statement inserts. SQLite looks a parameter's
// name up in a list of them, so that more of them cost more each.
const together = 8

func insertEntries(ctx context.Context, tx *sql.Tx, entries []*entryRow) error {
	if len(entries) >= together {
		many, err := tx.PrepareContext(ctx, insertText(together))
		if err != nil {
			return err
		}
		defer func() { _ = many.Close() }() // ends with the transaction in any case
		for ; len(entries) >= together; entries = entries[together:] {
			if _, err := many.ExecContext(ctx, insertArgs(entries[:together])...); err != nil {
				return err
			}
		}
	}
	if len(entries) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, insertText(len(entries)), insertArgs(entries)...)
	return err
}

func insertText(rows int) string {
	var text strings.Builder
	text.WriteString(`INSERT INTO hashlist_entry (` + entryColumns + `) VALUES `)
	for i := range rows {
		if i > 0 {
			text.WriteString(`, `)
		}
		text.WriteString(`(` + db.Params(1+i*entryWidth, entryWidth) + `)`)
	}
	return text.String()
}

func insertArgs(entries []*entryRow) []any {
	args := make([]any, 0, entryWidth*len(entries))
	for _, e := range entries {
		args = append(args, e.args()...)
	}
	return args
}

// updateEntry writes what may change of an entry.
func updateEntry(ctx context.Context, tx *sql.Tx, e *entryRow) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE hashlist_entry SET key = $3, id = $4, quality = $5, classification = $6, source = $7, note = $8, verdict = $9,
			until = $10, quarantined = $11, removed = $12, updated = $13, seq = $14
		WHERE bank = $1 AND num = $2`,
		e.bank, e.num, e.key, e.id, e.quality, e.classification, e.source, e.note, e.verdict,
		e.until, e.quarantined, e.removed, e.updated, e.seq)
	return err
}

// entriesByNumber reads entries of one bank, in no order.
func entriesByNumber(ctx context.Context, q db.Querier, bank int64, numbers []int64, f func(*entryRow) error) error {
	for len(numbers) > 0 {
		part := numbers[:min(chunk, len(numbers))]
		numbers = numbers[len(part):]
		args := []any{bank}
		for _, n := range part {
			args = append(args, n)
		}
		err := eachEntry(ctx, q, `WHERE bank = $1 AND num IN (`+db.Params(2, len(part))+`)`, args, f)
		if err != nil {
			return err
		}
	}
	return nil
}

func eachEntry(ctx context.Context, q db.Querier, where string, args []any, f func(*entryRow) error) error {
	return db.Query(ctx, q, `SELECT `+entryColumns+` FROM hashlist_entry `+where, args, func(rows *sql.Rows) error {
		var e entryRow
		if err := e.scan(rows); err != nil {
			return err
		}
		return f(&e)
	})
}

// page is how many rows are read at once where all of them are.
const page = 5000

// entriesOf reads the entries of a bank that are not removed, by number, from
// the one after the number given on.
func entriesOf(ctx context.Context, q db.Querier, bank, after int64, limit int, f func(*entryRow) error) error {
	return eachEntry(ctx, q, `WHERE bank = $1 AND num > $2 AND removed IS NULL ORDER BY num LIMIT $3`, []any{bank, after, limit}, f)
}

// entriesSince reads what has changed: by change and number, from those after
// the two given on.
func entriesSince(ctx context.Context, q db.Querier, seq, bank, num int64, f func(*entryRow) error) error {
	return eachEntry(ctx, q, `WHERE (seq, bank, num) > ($1, $2, $3) ORDER BY seq, bank, num LIMIT $4`, []any{seq, bank, num, page}, f)
}

func cursorOf(ctx context.Context, q db.Querier, bank int64, exchange string) (cursor string, err error) {
	err = db.Query(ctx, q, `SELECT cursor FROM hashlist_cursor WHERE bank = $1 AND exchange = $2`, []any{bank, exchange}, func(rows *sql.Rows) error {
		return rows.Scan(&cursor)
	})
	return cursor, err
}

func writeCursor(ctx context.Context, tx *sql.Tx, bank int64, exchange, cursor string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO hashlist_cursor (bank, exchange, cursor, updated) VALUES ($1, $2, $3, $4)
		ON CONFLICT (bank, exchange) DO UPDATE SET cursor = excluded.cursor, updated = excluded.updated`,
		bank, exchange, cursor, now.UnixMicro())
	return err
}
