package sanction

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/label"
)

// keepWaiting stores an effect that waits, in its decision's transaction, and
// has the rule hold from now on if its quota is what it waits for.
func (s *Sanctions) keepWaiting(ctx context.Context, tx *sql.Tx, c *decide.Consequence) error {
	of := classOf(&c.Effect)
	what, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("sanction: wait: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO sanction_waiting (id, rule, class, account, decision, kind, what, at, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting') ON CONFLICT (id) DO NOTHING`,
		entryID(c), c.Effect.Rule, string(of), c.Account, c.Decision, string(c.Effect.Kind), string(what), s.now().UnixMicro())
	if err != nil {
		return fmt.Errorf("sanction: wait: %w", err)
	}
	if c.Effect.Waits == waitsChild {
		return nil
	}
	for k, why := range s.tripped(key{c.Effect.Rule, of}) {
		if err := s.setHold(ctx, tx, k, why, ""); err != nil {
			return err
		}
	}
	return nil
}

// setHold writes down that a rule holds. One that a person has just had go on
// is left alone until every instance has heard of it.
func (s *Sanctions) setHold(ctx context.Context, tx *sql.Tx, k key, why, person string) error {
	now := s.now()
	heard := now.Add(-2 * fresh)
	if person != "" {
		heard = now
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO sanction_breaker (rule, class, holds, since, why, person, day, base) VALUES ($1, $2, $3, $4, $5, $6, 0, 0)
		ON CONFLICT (rule, class) DO UPDATE SET holds = excluded.holds, since = excluded.since, why = excluded.why, person = excluded.person
		WHERE NOT sanction_breaker.holds AND sanction_breaker.since <= $7`,
		k.rule, string(k.class), true, now.UnixMicro(), why, person, heard.UnixMicro())
	if err != nil {
		return fmt.Errorf("sanction: hold: %w", err)
	}
	return nil
}

// goOn writes down that a person has a rule go on: what it has done today
// counts against its quota no more.
func (s *Sanctions) goOn(ctx context.Context, tx *sql.Tx, rule, why, person string) error {
	now := s.now()
	for _, c := range []class{sanctions, labels} {
		var base int64
		condition, args := `day = $1 AND class = $2 AND rule = $3`, []any{dayOf(now), string(c), rule}
		if rule == allRules {
			condition, args = `day = $1 AND class = $2`, args[:2]
		}
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sanction_day WHERE `+condition, args...).Scan(&base); err != nil {
			return fmt.Errorf("sanction: go on: %w", err)
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO sanction_breaker (rule, class, holds, since, why, person, day, base) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (rule, class) DO UPDATE SET holds = excluded.holds, since = excluded.since, why = excluded.why,
				person = excluded.person, day = excluded.day, base = excluded.base`,
			rule, string(c), false, now.UnixMicro(), why, person, dayOf(now), base)
		if err != nil {
			return fmt.Errorf("sanction: go on: %w", err)
		}
	}
	return nil
}

// waitingRow is one effect that waits.
type waitingRow struct {
	id   string
	what decide.Consequence
}

// nextWaiting reads the oldest effects of a rule that wait since then or longer.
func nextWaiting(ctx context.Context, q db.Querier, rule string, upto time.Time, limit int) ([]waitingRow, error) {
	condition, args := `state = 'waiting' AND at <= $1 AND rule = $3`, []any{upto.UnixMicro(), limit, rule}
	if rule == allRules {
		condition, args = `state = 'waiting' AND at <= $1`, args[:2]
	}
	var rows []waitingRow
	err := db.Query(ctx, q, `SELECT id, what FROM sanction_waiting WHERE `+condition+` ORDER BY at, id LIMIT $2`, args, func(r *sql.Rows) error {
		var w waitingRow
		var what string
		if err := r.Scan(&w.id, &what); err != nil {
			return err
		}
		rows = append(rows, w)
		return json.Unmarshal([]byte(what), &rows[len(rows)-1].what)
	})
	return rows, err
}

// release carries out what has waited, as of now: whoever bears it hears of it now.
func (s *Sanctions) release(ctx context.Context, tx *sql.Tx, w *waitingRow) error {
	c := &w.what
	c.At, c.Effect.Waits = s.now(), ""
	if err := s.count(ctx, tx, c); err != nil {
		return err
	}
	if c.Effect.Kind == decision.Label {
		return s.putLabel(ctx, tx, c)
	}
	return s.carryOut(ctx, tx, c)
}

// putLabel puts a rule's label, as the decision would have.
func (s *Sanctions) putLabel(ctx context.Context, tx *sql.Tx, c *decide.Consequence) error {
	l := label.Label{Kind: c.Effect.Label, Source: "rule:" + c.Effect.Rule}
	switch {
	case c.Effect.Target == "actor":
		l.Account = c.Account
	case c.Content != "":
		l.Content = c.Content
	default:
		return nil
	}
	if c.Effect.Hours > 0 {
		l.Expires = c.At.Add(time.Duration(c.Effect.Hours) * time.Hour)
	}
	return s.opt.Labels.PutTx(ctx, tx, l)
}

// end writes down what became of an effect that waited.
func (s *Sanctions) endWaiting(ctx context.Context, tx *sql.Tx, id, state string) error {
	_, err := tx.ExecContext(ctx, `UPDATE sanction_waiting SET state = $2, ended = $3 WHERE id = $1`, id, state, s.now().UnixMicro())
	return err
}
