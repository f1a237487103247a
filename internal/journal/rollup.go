package journal

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
)

// shape is what decisions are counted by: all that statistics ask about, and
// no name. Most decisions of an hour have one of a few shapes, so counting in
// the entry's own transaction costs next to nothing, and is exact always.
type shape struct {
	Outcome decision.Outcome `json:"o"`
	Bands   []bandOutcome    `json:"b,omitempty"` // each pair once, in order
	Reasons []ruleOutcome    `json:"r,omitempty"` // likewise
}

type bandOutcome struct {
	Band    event.Band       `json:"b"`
	Outcome decision.Outcome `json:"o"`
}

type ruleOutcome struct {
	Rule    string           `json:"r"`
	Kind    decision.Kind    `json:"k,omitempty"`
	Outcome decision.Outcome `json:"o"`
}

func shapeOf(d *decision.Decision) shape {
	s := shape{Outcome: d.Outcome}
	for _, b := range d.Bands {
		s.Bands = append(s.Bands, bandOutcome(b))
	}
	for _, m := range d.Members {
		s.Bands = append(s.Bands, bandOutcome{m.Band, m.Outcome})
	}
	for _, r := range d.Reasons {
		s.Reasons = append(s.Reasons, ruleOutcome{r.Rule, r.Kind, r.Outcome})
	}
	slices.SortFunc(s.Bands, func(a, b bandOutcome) int {
		return cmp.Or(cmp.Compare(a.Band, b.Band), cmp.Compare(a.Outcome, b.Outcome))
	})
	slices.SortFunc(s.Reasons, func(a, b ruleOutcome) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Outcome, b.Outcome))
	})
	s.Bands, s.Reasons = slices.Compact(s.Bands), slices.Compact(s.Reasons)
	return s
}

// countKey is one row of the rollups.
type countKey struct {
	hour  int64 // seconds since 1970
	typ   event.Type
	shape string
}

func countOf(e *Entry) (countKey, error) {
	data, err := json.Marshal(shapeOf(&e.Decision))
	if err != nil {
		return countKey{}, fmt.Errorf("journal: shape: %w", err)
	}
	return countKey{e.Decision.Time.Truncate(time.Hour).Unix(), e.Decision.Type, string(data)}, nil
}

func (k countKey) digest() []byte {
	sum := sha256.Sum256([]byte(string(k.typ) + "\x00" + k.shape))
	return sum[:16]
}

// counts adds the fresh entries to their hours.
func (w *writer) counts(ctx context.Context, fresh []*sealed) error {
	counts := map[countKey]int64{}
	for _, s := range fresh {
		counts[s.count]++
	}
	args := make([]any, 0, len(counts)*w.rollup.columns)
	for k, n := range counts {
		args = append(args, k.hour, w.instance, k.digest(), string(k.typ), k.shape, n)
	}
	return w.rollup.insert(ctx, w.tx, args, nil)
}

// Count is how many decisions of one hour were alike. With neither Band nor
// Rule, Outcome is that of the act itself, and the counts add up to all
// decisions. With Band, it is what that band met: a decision counts once for
// each band it has an outcome for. With Rule and Kind, it is what that rule
// asked for: a decision counts once for each rule that applied.
type Count struct {
	Hour    time.Time
	Type    event.Type
	Outcome decision.Outcome
	Band    string // the band's name, or empty
	Rule    string
	Kind    decision.Kind
	N       int64
}

// Rollups counts the decisions of the hours that begin in [from, to), by
// their own time. It is complete: it counts an entry from the moment that the
// entry is there, whatever its hour. Counts are in order of their fields.
func (l *Log) Rollups(ctx context.Context, from, to time.Time) ([]Count, error) {
	sums := map[Count]int64{}
	err := db.Query(ctx, l.db.Read, `
		SELECT hour, type, shape, n FROM journal_rollup WHERE hour >= $1 AND hour < $2`,
		[]any{ceilUnix(from), ceilUnix(to)}, func(rows *sql.Rows) error {
			var k countKey
			var n int64
			if err := rows.Scan(&k.hour, &k.typ, &k.shape, &n); err != nil {
				return err
			}
			return k.expand(sums, n)
		})
	if err != nil {
		return nil, fmt.Errorf("journal: rollups: %w", err)
	}
	counts := make([]Count, 0, len(sums))
	for c, n := range sums {
		c.N = n
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Outcome, b.Outcome),
			cmp.Compare(a.Band, b.Band), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind))
	})
	return counts, nil
}

// expand adds n decisions of one shape to what is counted of them.
func (k *countKey) expand(sums map[Count]int64, n int64) error {
	var s shape
	if err := json.Unmarshal([]byte(k.shape), &s); err != nil {
		return fmt.Errorf("shape: %w", err)
	}
	c := Count{Hour: time.Unix(k.hour, 0).UTC(), Type: k.typ, Outcome: s.Outcome}
	sums[c] += n
	for _, b := range s.Bands {
		c.Outcome, c.Band = b.Outcome, b.Band.String()
		sums[c] += n
	}
	c.Band = ""
	for _, r := range s.Reasons {
		c.Outcome, c.Rule, c.Kind = r.Outcome, r.Rule, r.Kind
		sums[c] += n
	}
	return nil
}

// ceilUnix is t in seconds, rounded up.
func ceilUnix(t time.Time) int64 {
	return t.Add(time.Second - 1).Unix()
}
