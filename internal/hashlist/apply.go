package hashlist

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"
)

// Apply makes a change durable: all of its entries and its cursor, or none. An
// entry that cannot be kept is refused alone. Killed anywhere, it has happened
// or it has not; applied again it changes nothing.
func (s *Banks) Apply(ctx context.Context, bank string, change Change) (Applied, error) {
	items, refused := s.items(change.Upserts)
	var applied Applied
	err := s.change(ctx, func(tx *sql.Tx, c *turn) error {
		row, err := bankByName(ctx, tx, bank)
		if err != nil {
			return err
		}
		a := &application{tx: tx, change: c, bank: row, once: change.Once}
		if err := a.upsert(ctx, items); err != nil {
			return err
		}
		if err := a.remove(ctx, change.Removed); err != nil {
			return err
		}
		if err := a.finish(ctx); err != nil {
			return err
		}
		applied = a.applied
		if change.Exchange == "" {
			return nil
		}
		return writeCursor(ctx, tx, row.id, change.Exchange, change.Cursor, c.now)
	})
	applied.Refused = refused
	return applied, wrap("apply", err)
}

// Cursor is what was last applied with a Change for an exchange; "" if
// nothing was.
func (s *Banks) Cursor(ctx context.Context, bank, exchange string) (string, error) {
	row, err := bankByName(ctx, s.db.Read, bank)
	if err != nil {
		return "", wrap("cursor", err)
	}
	cursor, err := cursorOf(ctx, s.db.Read, row.id, exchange)
	return cursor, wrap("cursor", err)
}

// item is an entry that can be kept.
type item struct {
	name    string
	id      string // the name; "" if that is its hash
	hashes  []byte
	quality int // of its PDQ hash, if it has one
	entry   *Entry
}

// items checks entries. Of several with one id the last counts.
func (s *Banks) items(entries []Entry) (items []item, refused []Refusal) {
	at := make(map[string]int, len(entries))
	for i := range entries {
		it, err := s.item(&entries[i])
		if err != nil {
			refused = append(refused, Refusal{Index: i, ID: entries[i].ID, Reason: err.Error()})
			continue
		}
		if j, ok := at[it.name]; ok {
			items[j] = it
			continue
		}
		at[it.name] = len(items)
		items = append(items, it)
	}
	return items, refused
}

var errLowQuality = errors.New("the quality of its PDQ hash is under 50, and it has no other")

func (s *Banks) item(e *Entry) (item, error) {
	k, err := s.read.read(e.Hashes)
	switch {
	case err != nil:
		return item{}, err
	case k.empty():
		return item{}, errNoHash
	case e.Quality < 0 || e.Quality > 100:
		return item{}, errors.New("quality must be 0 to 100")
	case !plain(e.ID, maxID):
		return item{}, errors.New("the id must be at most 256 bytes without control characters")
	case !plain(e.Classification, maxLabel) || !plain(e.Source, maxLabel):
		return item{}, errors.New("classification and source must be at most 128 bytes without control characters")
	case slices.Index(verdicts[:], e.Verdict) < 0:
		return item{}, errors.New("verdict must be confirmed, denied or empty")
	case !plain(e.Note, maxNote):
		return item{}, errors.New("the note must be at most 1000 bytes without control characters")
	}
	if k.pdq != nil && e.Quality != 0 && e.Quality < LeastQuality {
		if k.pdq = nil; k.empty() {
			return item{}, errLowQuality
		}
	}
	it := item{id: e.ID, hashes: k.pack(), entry: e}
	if k.pdq != nil {
		it.quality = e.Quality
	}
	name := k.name()
	if it.id == name {
		it.id = ""
	}
	it.name = orElse(it.id, name)
	return it, nil
}

// keyOf stands for an entry's id in a bank.
func keyOf(bank int64, id string) []byte {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, uint64(bank)), id...))
	return sum[:16]
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// application is a Change that is being applied to a bank.
type application struct {
	tx      *sql.Tx
	change  *turn
	bank    bankRow
	once    bool
	applied Applied
}

func (a *application) upsert(ctx context.Context, items []item) error {
	keys := make([][]byte, len(items))
	for i := range items {
		keys[i] = keyOf(a.bank.id, items[i].name)
	}
	there, err := entriesByKey(ctx, a.tx, keys)
	if err != nil {
		return err
	}
	var fresh []*entryRow
	for i := range items {
		row := a.row(&items[i], keys[i])
		old := there[string(row.key)]
		switch {
		case old == nil:
			a.applied.Added++
			fresh = append(fresh, row)
		case !bytes.Equal(old.hashes, row.hashes):
			row.verdict, row.until, row.quarantined = old.verdict, old.until, old.quarantined
			a.count(old)
			if err := a.replace(ctx, old); err != nil {
				return err
			}
			fresh = append(fresh, row)
		case old.removed.Valid || !old.says(row):
			a.count(old)
			old.takes(row)
			if err := updateEntry(ctx, a.tx, old); err != nil {
				return err
			}
		default:
			a.applied.Unchanged++
		}
	}
	for _, row := range fresh {
		if row.num = a.change.next; row.num > math.MaxUint32 {
			return errors.New("there are no numbers left for entries")
		}
		a.change.next++
	}
	if a.once {
		if err := a.setAside(ctx, fresh); err != nil {
			return err
		}
	}
	return insertEntries(ctx, a.tx, fresh)
}

// count notes that an entry changes, or comes back.
func (a *application) count(old *entryRow) {
	if old.removed.Valid {
		a.applied.Added++
	} else {
		a.applied.Changed++
	}
}

// row is what is stored of an entry that is new.
func (a *application) row(it *item, key []byte) *entryRow {
	e, now := it.entry, a.change.now.UnixMicro()
	return &entryRow{
		bank: a.bank.id, key: key, id: text(it.id, ""), hashes: it.hashes, quality: int64(it.quality),
		classification: text(e.Classification, a.bank.Classification),
		source:         text(e.Source, a.bank.Source),
		note:           text(e.Note, ""),
		verdict:        int64(slices.Index(verdicts[:], e.Verdict)),
		until:          sql.NullInt64{Int64: e.Until.UnixMicro(), Valid: e.Until.After(a.change.now)},
		added:          now, updated: now, seq: a.change.seq,
	}
}

// text is NULL where s says no more than usual.
func text(s, usual string) sql.NullString {
	if s == usual {
		return sql.NullString{}
	}
	return sql.NullString{String: s, Valid: s != ""}
}

// says reports whether a source says of e what it says of other.
func (e *entryRow) says(other *entryRow) bool {
	return e.quality == other.quality && e.classification == other.classification && e.source == other.source && e.note == other.note
}

// takes has e say what other says, and be there.
func (e *entryRow) takes(other *entryRow) {
	e.quality, e.classification, e.source, e.note = other.quality, other.classification, other.source, other.note
	e.removed = sql.NullInt64{}
	e.updated, e.seq = other.updated, other.seq
}

// replace takes an entry away whose id another number gets.
func (a *application) replace(ctx context.Context, e *entryRow) error {
	now := a.change.now.UnixMicro()
	e.key, e.id = nil, sql.NullString{}
	e.removed = sql.NullInt64{Int64: now, Valid: true}
	e.updated, e.seq = now, a.change.seq
	return updateEntry(ctx, a.tx, e)
}

func (a *application) remove(ctx context.Context, ids []string) error {
	keys := make([][]byte, len(ids))
	for i, id := range ids {
		keys[i] = keyOf(a.bank.id, id)
	}
	there, err := entriesByKey(ctx, a.tx, keys)
	if err != nil {
		return err
	}
	for _, e := range there {
		if e.removed.Valid {
			continue
		}
		a.applied.Removed++
		now := a.change.now.UnixMicro()
		e.removed = sql.NullInt64{Int64: now, Valid: true}
		e.updated, e.seq = now, a.change.seq
		if err := updateEntry(ctx, a.tx, e); err != nil {
			return err
		}
		if a.once {
			if err := a.succeed(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish counts the change in the bank.
func (a *application) finish(ctx context.Context) error {
	b := a.bank.Bank
	if a.applied.Added+a.applied.Changed+a.applied.Removed > 0 {
		a.change.made = true
		b.Version++
		b.Entries += int64(a.applied.Added - a.applied.Removed)
		b.Updated = a.change.now
		if err := updateBank(ctx, a.tx, a.bank.id, b); err != nil {
			return err
		}
	}
	a.applied.Version = b.Version
	return nil
}

// NameOf is what an entry with these hashes and without an id is called.
func (s *Banks) NameOf(h Hashes) (string, error) {
	k, err := s.read.read(h)
	if err == nil && k.empty() {
		err = errNoHash
	}
	if err != nil {
		return "", invalid("hash", err)
	}
	return k.name(), nil
}

// Entry is one entry of a bank.
func (s *Banks) Entry(ctx context.Context, bank, id string) (Entry, error) {
	b, err := bankByName(ctx, s.db.Read, bank)
	if err != nil {
		return Entry{}, wrap("entry", err)
	}
	there, err := entriesByKey(ctx, s.db.Read, [][]byte{keyOf(b.id, id)})
	if err != nil {
		return Entry{}, wrap("entry", err)
	}
	for _, row := range there {
		if row.removed.Valid {
			break
		}
		e, err := s.entry(&b, row)
		if err == nil {
			e.Matches, err = hitsOf(ctx, s.db.Read, row.num)
		}
		return e, wrap("entry", err)
	}
	return Entry{}, noEntry()
}

// EntryByNumber is Entry by the number that HMA knows it by.
func (s *Banks) EntryByNumber(ctx context.Context, bank string, number int64) (Entry, error) {
	b, err := bankByName(ctx, s.db.Read, bank)
	if err != nil {
		return Entry{}, wrap("entry", err)
	}
	var e Entry
	err = entriesByNumber(ctx, s.db.Read, b.id, []int64{number}, func(row *entryRow) (err error) {
		if !row.removed.Valid {
			e, err = s.entry(&b, row)
		}
		return err
	})
	if err == nil && e.Number == 0 {
		return Entry{}, noEntry()
	}
	return e, wrap("entry", err)
}

// entry is a row for people.
func (s *Banks) entry(b *bankRow, row *entryRow) (Entry, error) {
	k, err := unpack(row.hashes)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{
		ID: orElse(row.id.String, k.name()), Hashes: k.text(), Quality: int(row.quality),
		Classification: orElse(row.classification.String, b.Classification),
		Source:         orElse(row.source.String, b.Source),
		Note:           row.note.String,
		Bank:           b.Name, Number: row.num, Verdict: verdicts[row.verdict],
		Added: time.UnixMicro(row.added).UTC(), Updated: time.UnixMicro(row.updated).UTC(),
	}
	if row.until.Valid && row.until.Int64 > s.now().UnixMicro() {
		e.Until = time.UnixMicro(row.until.Int64).UTC()
	}
	if row.quarantined.Valid {
		e.Quarantined = time.UnixMicro(row.quarantined.Int64).UTC()
	}
	return e, nil
}

// Each gives the entries of a bank by number, from the one after the number
// given on, until f fails. It returns the bank as it was when it began: if the
// bank has another version afterwards, it changed meanwhile.
func (s *Banks) Each(ctx context.Context, bank string, after int64, f func(Entry) error) (Bank, error) {
	b, err := bankByName(ctx, s.db.Read, bank)
	if err != nil {
		return Bank{}, wrap("each", err)
	}
	for rows := page; rows == page; {
		batch := make([]Entry, 0, page)
		rows = 0
		err := entriesOf(ctx, s.db.Read, b.id, after, page, func(row *entryRow) error {
			rows++
			after = row.num
			e, err := s.entry(&b, row)
			batch = append(batch, e)
			return err
		})
		if err != nil {
			return b.Bank, wrap("each", err)
		}
		for _, e := range batch { // f may be slow, and a query open for long is in the way
			if err := f(e); err != nil {
				return b.Bank, err
			}
		}
	}
	return b.Bank, nil
}
