package sanction

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

// Act is what a person does to many sanctions of a rule at once.
type Act string

// The acts. A released effect is carried out and its rule goes on; a dropped
// one never is, and its rule still holds; undo takes back what was carried out.
const (
	Release Act = "release"
	Drop    Act = "drop"
	Undo    Act = "undo"
)

// Radius is whom an act touches.
type Radius struct {
	Accounts  int64            `json:"accounts" doc:"Different accounts"`
	Decisions int64            `json:"decisions" doc:"Different decisions"`
	Effects   map[string]int64 `json:"effects" doc:"How many effects, by kind"`
	Labels    int64            `json:"labels" doc:"undo: the rule's labels, on accounts and content"`
}

// Touched is what a bound on an act bounds: accounts and labels.
func (r *Radius) Touched() int64 { return r.Accounts + r.Labels }

// Action is one act, written down before it is done.
type Action struct {
	ID     string
	Rule   string // "*" of release and drop: every rule
	Act    Act
	Since  time.Time // undo: of what was done from then on
	Upto   time.Time // and of nothing later
	Person string
	Why    string
	Ended  time.Time // zero while it is under way
	Radius Radius    // as counted before; of a past action only Accounts and a total
}

// TooWideError is the answer to an act that touches more than it may.
type TooWideError struct{ Radius Radius }

func (e *TooWideError) Error() string {
	return fmt.Sprintf("sanction: it touches %d accounts and %d labels", e.Radius.Accounts, e.Radius.Labels)
}

// ErrNoRule is the answer to an undoing that names no rule.
var ErrNoRule = errors.New("sanction: name one rule")

// Count counts whom an act would touch, and does nothing.
func (s *Sanctions) Count(ctx context.Context, a *Action) (Radius, error) {
	if a.Upto.IsZero() {
		a.Upto = s.now()
	}
	r, err := s.radius(ctx, s.opt.DB.Read, a)
	if err != nil {
		return Radius{}, fmt.Errorf("sanction: count: %w", err)
	}
	return r, nil
}

// radius counts whom a touches.
func (s *Sanctions) radius(ctx context.Context, q db.Querier, a *Action) (Radius, error) {
	from, by := `FROM sanction_waiting WHERE state = 'waiting' AND at <= $1`, []any{a.Upto.UnixMicro()}
	if a.Act == Undo {
		from, by = `FROM sanction_entry WHERE undone IS NULL AND because = '' AND at <= $1 AND at >= $2`, append(by, a.Since.UnixMicro())
	}
	if a.Rule != allRules {
		by = append(by, a.Rule)
		from += fmt.Sprintf(" AND rule = $%d", len(by))
	}
	r := Radius{Effects: map[string]int64{}}
	err := db.Query(ctx, q, `SELECT count(DISTINCT account), count(DISTINCT decision) `+from, by, func(rows *sql.Rows) error {
		return rows.Scan(&r.Accounts, &r.Decisions)
	})
	if err != nil {
		return r, err
	}
	err = db.Query(ctx, q, `SELECT kind, count(*) `+from+` GROUP BY kind`, by, func(rows *sql.Rows) error {
		var kind string
		var n int64
		err := rows.Scan(&kind, &n)
		r.Effects[kind] = n
		return err
	})
	if err != nil || a.Act != Undo {
		return r, err
	}
	r.Labels, err = s.opt.Labels.CountBy(ctx, q, "rule:"+a.Rule, a.Since, a.Upto)
	return r, err
}

// Begin writes an act down and has it done, unless it touches more than atMost
// accounts and labels: then it is a *TooWideError, and nothing happens. What
// comes to wait or is done from now on is not touched.
func (s *Sanctions) Begin(ctx context.Context, a *Action, atMost int64) error {
	if a.Act == Undo && a.Rule == allRules {
		return ErrNoRule
	}
	now := s.now()
	a.ID, a.Upto = "a_"+strings.ToLower(rand.Text()), now
	err := s.opt.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		if err := s.lock(ctx, tx); err != nil {
			return err
		}
		if a.Radius, err = s.radius(ctx, tx, a); err != nil {
			return err
		}
		if a.Radius.Touched() > atMost {
			return &TooWideError{a.Radius}
		}
		if a.Act == Release {
			if err := s.goOn(ctx, tx, a.Rule, a.Why, a.Person); err != nil {
				return err
			}
		}
		if err := insertAction(ctx, tx, a, now); err != nil {
			return err
		}
		return s.opt.Enqueue(ctx, tx, a.ID)
	})
	if err != nil {
		return fmt.Errorf("sanction: %s: %w", a.Act, err)
	}
	s.opt.Log.Info("sanctions in bulk", slog.String("act", string(a.Act)), slog.String("rule", a.Rule), slog.String("action", a.ID),
		slog.Int64("accounts", a.Radius.Accounts), slog.Int64("labels", a.Radius.Labels))
	return s.read(ctx)
}

// Keep has a rule's sanctions wait from now on, or go on, by a person's word.
func (s *Sanctions) Keep(ctx context.Context, rule string, waiting bool, person, why string) error {
	err := s.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx); err != nil {
			return err
		}
		if !waiting {
			return s.goOn(ctx, tx, rule, why, person)
		}
		for _, c := range []class{sanctions, labels} {
			if rule == allRules && c == labels {
				continue // all rules together are bounded in sanctions only
			}
			if err := s.setHold(ctx, tx, key{rule, c}, why, person); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.read(ctx)
}

// step is how many effects one transaction of an action touches: others wait
// for it.
const atOnce = 200

// Work does what is left of an action: a job does, as often as it takes.
func (s *Sanctions) Work(ctx context.Context, id string) error {
	a, err := readAction(ctx, s.opt.DB.Read, id)
	if err != nil {
		return fmt.Errorf("sanction: work: %w", err)
	}
	if !a.Ended.IsZero() {
		return nil
	}
	for more := true; more; {
		err := s.opt.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
			if err := s.lock(ctx, tx); err != nil {
				return err
			}
			if more, err = s.workSome(ctx, tx, &a); err != nil || more {
				return err
			}
			return s.endAction(ctx, tx, &a)
		})
		if err != nil {
			return fmt.Errorf("sanction: %s: %w", a.Act, err)
		}
	}
	return s.read(ctx)
}

// workSome does a part of an action and reports whether there may be more.
func (s *Sanctions) workSome(ctx context.Context, tx *sql.Tx, a *Action) (more bool, err error) {
	if a.Act == Undo {
		return s.undoSome(ctx, tx, a)
	}
	rows, err := nextWaiting(ctx, tx, a.Rule, a.Upto, atOnce)
	for i := 0; i < len(rows) && err == nil; i++ {
		state := "dropped"
		if a.Act == Release {
			state = "released"
			err = s.release(ctx, tx, &rows[i])
		}
		if err == nil {
			err = s.endWaiting(ctx, tx, rows[i].id, state)
		}
	}
	return len(rows) == atOnce, err
}

func (s *Sanctions) undoSome(ctx context.Context, tx *sql.Tx, a *Action) (more bool, err error) {
	all, err := entries(ctx, tx, `rule = $1 AND at >= $2 AND at <= $3 AND undone IS NULL AND because = '' ORDER BY at LIMIT $4`,
		a.Rule, a.Since.UnixMicro(), a.Upto.UnixMicro(), atOnce)
	for i := 0; i < len(all) && err == nil; i++ {
		err = s.undo(ctx, tx, &all[i], a.Person, a.Why)
	}
	if err != nil || len(all) == atOnce {
		return true, err
	}
	_, err = s.opt.Labels.TakeBack(ctx, tx, "rule:"+a.Rule, a.Since, a.Upto)
	return false, err
}

// endAction writes down that an action is done. What it released does not
// count against the rule's quota either.
func (s *Sanctions) endAction(ctx context.Context, tx *sql.Tx, a *Action) error {
	if a.Act == Release {
		if err := s.goOn(ctx, tx, a.Rule, a.Why, a.Person); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE sanction_action SET ended = $2 WHERE id = $1`, a.ID, s.now().UnixMicro())
	return err
}

func insertAction(ctx context.Context, tx *sql.Tx, a *Action, now time.Time) error {
	effects := int64(0)
	for _, n := range a.Radius.Effects {
		effects += n
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO sanction_action (id, rule, act, since, upto, person, why, at, accounts, effects)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		a.ID, a.Rule, string(a.Act), micros(a.Since), a.Upto.UnixMicro(), a.Person, a.Why, now.UnixMicro(),
		a.Radius.Accounts, effects+a.Radius.Labels)
	return err
}

const actionColumns = `id, rule, act, since, upto, person, why, ended, accounts, effects`

func scanAction(row interface{ Scan(...any) error }) (Action, error) {
	var a Action
	var since, upto, effects int64
	var ended sql.NullInt64
	err := row.Scan(&a.ID, &a.Rule, &a.Act, &since, &upto, &a.Person, &a.Why, &ended, &a.Radius.Accounts, &effects)
	a.Since, a.Upto, a.Ended = time.UnixMicro(since).UTC(), time.UnixMicro(upto).UTC(), timeOf(ended)
	a.Radius.Effects = map[string]int64{"all": effects}
	return a, err
}

func readAction(ctx context.Context, q *sql.DB, id string) (Action, error) {
	return scanAction(q.QueryRowContext(ctx, `SELECT `+actionColumns+` FROM sanction_action WHERE id = $1`, id))
}

// Actions are the latest acts, newest first.
func (s *Sanctions) Actions(ctx context.Context, limit int) ([]Action, error) {
	var all []Action
	err := db.Query(ctx, s.opt.DB.Read, `SELECT `+actionColumns+` FROM sanction_action ORDER BY at DESC, id LIMIT $1`, []any{limit}, func(rows *sql.Rows) error {
		a, err := scanAction(rows)
		all = append(all, a)
		return err
	})
	return all, err
}

// Expire forgets what ended long ago, and counts the days that are over: a
// job does it daily.
func (s *Sanctions) Expire(ctx context.Context) error {
	now := s.now()
	day, long := dayOf(now), now.Add(-s.opt.Keep).UnixMicro()
	err := s.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		for _, do := range []struct {
			text string
			arg  int64
		}{
			{`DELETE FROM sanction_entry WHERE COALESCE(undone, until, at) < $1`, long},
			{`DELETE FROM sanction_waiting WHERE ended < $1`, long},
			{`DELETE FROM sanction_action WHERE ended < $1`, long},
			{`INSERT INTO sanction_past (day, rule, class, n)
				SELECT day, rule, class, count(*) FROM sanction_day WHERE day < $1 GROUP BY day, rule, class
				ON CONFLICT (day, rule, class) DO UPDATE SET n = sanction_past.n + excluded.n`, day},
			{`DELETE FROM sanction_day WHERE day < $1`, day},
			{`DELETE FROM sanction_past WHERE day < $1`, day - 2*usualDays},
		} {
			if _, err := tx.ExecContext(ctx, do.text, do.arg); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sanction: expire: %w", err)
	}
	return nil
}
