package journal

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
)

// entryRow is what sealed.row is put into.
const entryRow = `journal_entry (seq, key, body, content_digest, type, outcome, bands, actor, content, decision, input, shadow)`

// inserts are the statements that write.
type inserts struct{ entry, tag, rollup *bulk }

func (in *inserts) prepare(ctx context.Context, d *db.DB) (err error) {
	prepare := func(into string, columns int, tail string) *bulk {
		if err != nil {
			return nil
		}
		var b *bulk
		b, err = prepareBulk(ctx, d, into, columns, tail)
		return b
	}
	in.entry = prepare(entryRow, 12,
		`ON CONFLICT (key) DO NOTHING`)
	in.tag = prepare(`journal_tag (tag, seq)`, 2, ``)
	in.rollup = prepare(`journal_rollup (hour, instance, digest, type, shape, n)`, 6,
		`ON CONFLICT (hour, instance, digest) DO UPDATE SET n = journal_rollup.n + excluded.n`)
	return err
}

func (in *inserts) close() error {
	return errors.Join(in.entry.close(), in.tag.close(), in.rollup.close())
}

// writer writes one batch in one transaction.
type writer struct {
	*inserts
	tx       *sql.Tx
	instance int64
	sorted   bool // by key, so that two instances that write the same events wait for each other in one order
}

// insert writes the entries that are not there yet, with their tags and
// counts, and fills in every request's results.
func (w *writer) insert(ctx context.Context, batch []*request) error {
	var all []*sealed
	for _, r := range batch {
		r.results = make([]Appended, len(r.entries))
		for i := range r.entries {
			all = append(all, &r.entries[i])
		}
	}
	if w.sorted {
		slices.SortFunc(all, func(a, b *sealed) int {
			return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.Seq, b.Seq))
		})
	}
	there, err := w.entries(ctx, all)
	if err != nil {
		return fmt.Errorf("entries: %w", err)
	}
	fresh := make([]*sealed, 0, len(all))
	for _, r := range batch {
		for i := range r.entries {
			s := &r.entries[i]
			if t, ok := there[s.key]; ok && t.Seq != s.Seq {
				r.results[i] = Appended{t.against(s), &t.Entry}
				continue
			}
			r.results[i] = Appended{Fresh, s.Entry}
			fresh = append(fresh, s)
		}
	}
	if err := w.tags(ctx, fresh); err != nil {
		return fmt.Errorf("tags: %w", err)
	}
	if err := w.counts(ctx, fresh); err != nil {
		return fmt.Errorf("counts: %w", err)
	}
	return nil
}

// entries inserts what is not there, and gives what was there in the way of
// any of them. Where every row of a statement went in, nothing was.
func (w *writer) entries(ctx context.Context, all []*sealed) (there map[string]*stored, err error) {
	args := make([]any, 0, len(all)*w.entry.columns)
	for _, s := range all {
		args = append(args, s.row...)
	}
	err = w.entry.insert(ctx, w.tx, args, func(from, to, inserted int) error {
		if inserted == to-from {
			return nil
		}
		return w.lookUp(ctx, all[from:to], &there)
	})
	return there, err
}

// lookUp adds the stored entries that have the key of one of the given.
func (w *writer) lookUp(ctx context.Context, some []*sealed, there *map[string]*stored) error {
	args := make([]any, len(some))
	for i, s := range some {
		args[i] = []byte(s.key)
	}
	if *there == nil {
		*there = make(map[string]*stored)
	}
	var found []*stored
	err := db.Query(ctx, w.tx, `SELECT `+entryColumns+`, e.key FROM journal_entry e WHERE e.key IN `+values(1, len(some)), args, func(rows *sql.Rows) error {
		t, key := new(stored), []byte(nil)
		if err := t.scan(rows, &key); err != nil {
			return err
		}
		(*there)[string(key)] = t
		found = append(found, t)
		return nil
	})
	if err != nil {
		return err
	}
	return finish(ctx, w.tx, found...)
}

func (w *writer) tags(ctx context.Context, fresh []*sealed) error {
	var args []any
	for _, s := range fresh {
		for _, tag := range s.tags {
			args = append(args, tag, s.Seq)
		}
	}
	return w.tag.insert(ctx, w.tx, args, nil)
}

func bytesOrNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// entryColumns are what stored.scan reads.
const entryColumns = `e.seq, e.body, e.content_digest, e.actor, e.content, e.decision, e.input, e.shadow`

// stored is an entry as it was read. Its Decision and Shadow are there after
// decode.
type stored struct {
	Entry
	mark   []byte
	shadow sql.NullString
}

// against says what an entry with the same key is, given what was there.
func (t *stored) against(s *sealed) Status {
	if string(t.mark) == string(s.mark[:]) {
		return Duplicate
	}
	return Conflict
}

func (t *stored) scan(row interface{ Scan(...any) error }, more ...any) error {
	var encoded, input string
	err := row.Scan(append([]any{&t.Seq, &t.mark, &t.ContentDigest, &t.Actor, &t.Content, &encoded, &input, &t.shadow}, more...)...)
	t.Encoded, t.Input = []byte(encoded), json.RawMessage(input)
	return err
}

func (t *stored) decode() error {
	if err := json.Unmarshal(t.Encoded, &t.Decision); err != nil {
		return fmt.Errorf("decision %s: %w", ID(t.Seq), err)
	}
	if t.shadow.Valid {
		if err := json.Unmarshal([]byte(t.shadow.String), &t.Shadow); err != nil {
			return fmt.Errorf("shadow reasons of %s: %w", ID(t.Seq), err)
		}
	}
	return nil
}

// finish makes entries that were read fit to be given out.
func finish(ctx context.Context, q queryer, entries ...*stored) error {
	if len(entries) == 0 {
		return nil
	}
	pending, err := erasures(ctx, q)
	if err != nil {
		return err
	}
	for _, t := range entries {
		for i := range pending {
			pending[i].apply(t)
		}
		if err := t.decode(); err != nil {
			return err
		}
	}
	return nil
}

// Get reads a decision by its id, or ErrNotFound.
func (l *Log) Get(ctx context.Context, id string) (Entry, error) {
	seq, ok := Seq(id)
	if !ok {
		return Entry{}, ErrNotFound
	}
	return l.one(ctx, `e.seq = $1`, seq)
}

// ByEvent reads the decision on an event by its type and id, or ErrNotFound.
func (l *Log) ByEvent(ctx context.Context, typ event.Type, id string) (Entry, error) {
	return l.one(ctx, `e.key = $1`, []byte(eventKey(string(typ), id)))
}

func (l *Log) one(ctx context.Context, where string, arg any) (Entry, error) {
	var t stored
	err := t.scan(l.db.Read.QueryRowContext(ctx, `SELECT `+entryColumns+` FROM journal_entry e WHERE `+where, arg))
	if errors.Is(err, sql.ErrNoRows) {
		return Entry{}, ErrNotFound
	}
	if err == nil {
		err = finish(ctx, l.db.Read, &t)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("journal: read: %w", err)
	}
	return t.Entry, nil
}
