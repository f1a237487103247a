package hashlist

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

// Outbreak says when an entry matches so much that it may be wrong: a list
// that somebody poisoned, or a hash that half of all pictures have. It then
// goes into quarantine, where it still matches, but for review only. Entries
// that a person confirmed do not. The zero Outbreak never happens.
type Outbreak struct {
	Least  int     // matches within an hour
	Factor float64 // times what it matched in an hour before
}

// baseline is how far back an entry's usual rate is looked for, in hours.
const baseline = 7 * 24

// hits are the matches that are not written down yet.
type hits struct {
	least int // tells as soon as one entry has so many; 0 counts nothing

	mu    sync.Mutex
	times map[int64]int // by number
	ready chan struct{}
}

// manyHits bounds how many entries wait to be written down.
const manyHits = 10_000

func newHits(o Options) *hits {
	h := &hits{least: o.Outbreak.Least, times: map[int64]int{}, ready: make(chan struct{}, 1)}
	if o.ReadOnly {
		h.least = 0
	}
	return h
}

func (h *hits) add(m Match) {
	if h.least == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times[m.Number]++
	if h.times[m.Number] == h.least || len(h.times) == manyHits {
		select {
		case h.ready <- struct{}{}:
		default:
		}
	}
}

func (h *hits) take() map[int64]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.times) == 0 {
		return nil
	}
	times := h.times
	h.times = map[int64]int{}
	return times
}

func (h *hits) giveBack(times map[int64]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for number, n := range times {
		if _, there := h.times[number]; there || len(h.times) < 2*manyHits {
			h.times[number] += n
		}
	}
}

// flushHits writes down what matched, and puts into quarantine what matched
// too much.
func (l *Lists) flushHits(ctx context.Context) error {
	times := l.hits.take()
	if times == nil {
		return nil
	}
	now := l.now()
	var many []int64
	err := l.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		many, err = countHits(ctx, tx, times, hour(now), int64(l.hits.least))
		return err
	})
	if err != nil {
		l.hits.giveBack(times)
		return wrap("count matches", err)
	}
	for _, number := range many {
		if err := l.quarantine(ctx, number, now); err != nil {
			return wrap("quarantine", err)
		}
	}
	return nil
}

func hour(t time.Time) int64 { return t.Unix() / 3600 }

// countHits adds to what matched in the hour, and gives the entries that
// matched at least so often in it.
func countHits(ctx context.Context, tx *sql.Tx, times map[int64]int, hour, least int64) (many []int64, err error) {
	for number, n := range times {
		err := db.Query(ctx, tx, `
			INSERT INTO hashlist_hit (num, hour, times) VALUES ($1, $2, $3)
			ON CONFLICT (num, hour) DO UPDATE SET times = hashlist_hit.times + excluded.times
			RETURNING times`, []any{number, hour, n}, func(rows *sql.Rows) error {
			var total int64
			err := rows.Scan(&total)
			if total >= least {
				many = append(many, number)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return many, nil
}

// quarantine puts an entry into quarantine if it matched too much for what is
// usual.
func (l *Lists) quarantine(ctx context.Context, number int64, now time.Time) error {
	x := l.index.Load()
	if x == nil {
		return nil
	}
	bank := x.numbers.get(uint32(number)).bank()
	var name string
	err := l.change(ctx, func(tx *sql.Tx, t *turn) error {
		name = ""
		var row *entryRow
		err := entriesByNumber(ctx, tx, bank, []int64{number}, func(r *entryRow) error {
			row = r
			return nil
		})
		if err != nil || row == nil || row.removed.Valid || row.quarantined.Valid || verdicts[row.verdict] != Unseen {
			return err
		}
		rate, err := hitRate(ctx, tx, row, now)
		if err != nil || !l.o.Outbreak.happens(rate) {
			return err
		}
		row.quarantined = sql.NullInt64{Int64: t.now.UnixMicro(), Valid: true}
		name, err = l.touch(ctx, tx, t, row)
		return err
	})
	if err == nil && name != "" {
		l.metrics.quarantines.Inc()
		l.log.Warn("an entry matches far more than usual and is now for review only",
			slog.String("bank", name), slog.Int64("number", number))
	}
	return err
}

// rate is how often an entry matches in an hour: this one, and usually.
type rate struct{ now, usual float64 }

func (o Outbreak) happens(r rate) bool {
	return r.now >= float64(o.Least) && r.now > o.Factor*r.usual
}

func hitRate(ctx context.Context, q db.Querier, row *entryRow, now time.Time) (r rate, err error) {
	this := hour(now)
	var before float64
	err = db.Query(ctx, q, `SELECT hour, times FROM hashlist_hit WHERE num = $1 AND hour >= $2`, []any{row.num, this - baseline},
		func(rows *sql.Rows) error {
			var at int64
			var times float64
			err := rows.Scan(&at, &times)
			if at == this {
				r.now = times
			} else {
				before += times
			}
			return err
		})
	known := min(baseline, this-hour(time.UnixMicro(row.added)))
	r.usual = before / float64(max(1, known))
	return r, err
}

// hitsOf is how often an entry matched, as far as that is kept.
func hitsOf(ctx context.Context, q db.Querier, number int64) (n int64, err error) {
	err = db.Query(ctx, q, `SELECT coalesce(sum(times), 0) FROM hashlist_hit WHERE num = $1`, []any{number}, func(rows *sql.Rows) error {
		var sum float64 // PostgreSQL sums to numeric
		err := rows.Scan(&sum)
		n = int64(sum)
		return err
	})
	return n, err
}

// touch writes an entry that was changed by us, and counts it in its bank. It
// returns the bank's name.
func (s *Banks) touch(ctx context.Context, tx *sql.Tx, t *turn, row *entryRow) (string, error) {
	b, err := bankByNumber(ctx, tx, row.bank)
	if err != nil {
		return "", err
	}
	row.updated, row.seq, t.made = t.now.UnixMicro(), t.seq, true
	if err := updateEntry(ctx, tx, row); err != nil {
		return "", err
	}
	b.Version, b.Updated = b.Version+1, t.now
	return b.Name, updateBank(ctx, tx, b.id, b.Bank)
}

// Tombstones of removed entries are kept this long, for whoever follows.
const tombstones = 24 * time.Hour

// Prune forgets what was removed a day ago, and matches of long ago; run it as
// a job, now and then.
func (s *Banks) Prune(ctx context.Context) error {
	now := s.now()
	for _, step := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM hashlist_entry WHERE (bank, num) IN (
			SELECT bank, num FROM hashlist_entry WHERE removed <= $1 AND (verdict = 0 OR key IS NULL) LIMIT $2)`,
			[]any{now.Add(-tombstones).UnixMicro(), chunk}},
		{`DELETE FROM hashlist_entry WHERE (bank, num) IN (
			SELECT bank, num FROM hashlist_entry WHERE bank IN (SELECT id FROM hashlist_bank WHERE key IS NULL) LIMIT $1)`,
			[]any{chunk}},
		{`DELETE FROM hashlist_hit WHERE hour < $1`, []any{hour(now) - 30*24}},
	} {
		if err := s.deleteAll(ctx, step.text, step.args); err != nil {
			return wrap("prune", err)
		}
	}
	return nil
}

// deleteAll repeats a statement, each time in a transaction of its own, until
// it finds nothing.
func (s *Banks) deleteAll(ctx context.Context, text string, args []any) error {
	for deleted := int64(1); deleted > 0; {
		err := s.db.Tx(ctx, func(tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, text, args...)
			if err == nil {
				deleted, err = result.RowsAffected()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
