package journal

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
)

// Query says which entries to scan. A zero field asks for nothing.
type Query struct {
	From, To time.Time // [From, To), by SeqTime
	After    int64     // only entries with a higher Seq: where an earlier scan ended
	Limit    int       // 0 is no limit

	Type    event.Type
	Outcome *decision.Outcome // of the act itself
	Rule    string            // entries in which this rule applied
	Kind    string            // entries with a reason of this kind of harm
	Band    event.Band        // entries in which this band met anything but allow; BandUnknown asks for nothing
}

// tags are what an entry is found by: the rules that applied to it and the
// kinds of harm that they saw.
func tags(d *decision.Decision) []string {
	var found []string
	add := func(tag string) {
		if !slices.Contains(found, tag) {
			found = append(found, tag)
		}
	}
	for _, r := range d.Reasons {
		add("rule:" + r.Rule)
		if r.Kind != "" {
			add("kind:" + string(r.Kind))
		}
	}
	return found
}

// affected are the bands that met anything but allow, a bit each. Nearly every
// rule affects several, so that an index of them would lead nowhere.
func affected(d *decision.Decision) (bands int64) {
	for _, b := range d.Bands {
		if b.Outcome != decision.Allow {
			bands |= 1 << b.Band
		}
	}
	for _, m := range d.Members {
		if m.Outcome != decision.Allow {
			bands |= 1 << m.Band
		}
	}
	return bands
}

// tags are those that an entry must have, the rarest first.
func (q *Query) tags() []string {
	var want []string
	if q.Rule != "" {
		want = append(want, "rule:"+q.Rule)
	}
	if q.Kind != "" {
		want = append(want, "kind:"+q.Kind)
	}
	return want
}

// page is how many entries are read at a time.
const page = 500

// Scan calls f for the entries that match, in order of Seq, until f fails or
// the limit is reached. It reads a page at a time and holds nothing open
// while f runs. Entries that are younger than Settle may appear behind one
// that was scanned already.
func (l *Log) Scan(ctx context.Context, q Query, f func(Entry) error) error {
	left := q.Limit
	if left <= 0 {
		left = math.MaxInt
	}
	for left > 0 {
		entries, err := q.read(ctx, l.db.Read, min(left, page))
		if err == nil {
			err = finish(ctx, l.db.Read, entries...)
		}
		if err != nil {
			return fmt.Errorf("journal: scan: %w", err)
		}
		for i := range entries {
			if err := f(entries[i].Entry); err != nil {
				return err
			}
		}
		if len(entries) < min(left, page) {
			return nil
		}
		left -= len(entries)
		q.After = entries[len(entries)-1].Seq
	}
	return nil
}

// read reads the first entries that match, as they are stored.
func (q *Query) read(ctx context.Context, from queryer, limit int) ([]*stored, error) {
	text, args := q.sql(limit)
	var entries []*stored
	err := db.Query(ctx, from, text, args, func(rows *sql.Rows) error {
		t := new(stored)
		entries = append(entries, t)
		return t.scan(rows)
	})
	return entries, err
}

// sql selects from the rarest tag that is asked for, else from the entries.
func (q *Query) sql(limit int) (text string, args []any) {
	var where []string
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	from, seq := "journal_entry e", "e.seq"
	for i, tag := range q.tags() {
		if i == 0 {
			from, seq = "journal_tag t JOIN journal_entry e ON e.seq = t.seq", "t.seq"
			where = append(where, "t.tag = "+arg(tag))
			continue
		}
		where = append(where, "EXISTS (SELECT 1 FROM journal_tag x WHERE x.tag = "+arg(tag)+" AND x.seq = t.seq)")
	}
	after, before := q.After, int64(math.MaxInt64)
	if !q.From.IsZero() {
		after = max(after, firstSeq(q.From)-1)
	}
	if !q.To.IsZero() {
		before = firstSeq(q.To)
	}
	where = append(where, seq+" > "+arg(after), seq+" < "+arg(before))
	if q.Type != "" {
		where = append(where, "e.type = "+arg(string(q.Type)))
	}
	if q.Band != event.BandUnknown {
		where = append(where, "e.bands & "+arg(int64(1)<<q.Band)+" <> 0")
	}
	if q.Outcome != nil {
		where = append(where, "e.outcome = "+arg(int64(*q.Outcome)))
	}
	return "SELECT " + entryColumns + " FROM " + from + " WHERE " + strings.Join(where, " AND ") +
		" ORDER BY " + seq + " LIMIT " + arg(limit), args
}
