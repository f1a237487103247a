package sanction

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/decide"
)

// count writes down whom an effect was about, in the decision's transaction.
func (s *Sanctions) count(ctx context.Context, tx *sql.Tx, c *decide.Consequence) error {
	of := classOf(&c.Effect)
	_, err := tx.ExecContext(ctx, `
		INSERT INTO sanction_day (day, rule, class, mark, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (day, rule, class, mark) DO NOTHING`,
		dayOf(c.At), c.Effect.Rule, string(of), s.markOf(of, c.Account, c.Content), s.now().UnixMicro())
	return err
}

// refresh reads what was counted since the last time, if it is time for that
// and nobody else does. A database that does not answer leaves what is known.
func (s *Sanctions) refresh(ctx context.Context) {
	r := &s.restraint
	if !r.reading.TryLock() {
		return
	}
	defer r.reading.Unlock()
	now := s.opt.Now()
	r.mu.Lock()
	r.roll(now)
	left := r.due.Sub(now)
	r.mu.Unlock()
	if left > 0 && left <= fresh { // more is a clock that was set back
		return
	}
	if err := s.readLocked(ctx); err != nil {
		s.opt.Log.Warn("what other instances sanctioned is not known", slog.Any("error", err))
		r.mu.Lock()
		r.due = now.Add(time.Second)
		r.mu.Unlock()
	}
}

// read reads at once.
func (s *Sanctions) read(ctx context.Context) error {
	s.restraint.reading.Lock()
	defer s.restraint.reading.Unlock()
	return s.readLocked(ctx)
}

// readLocked needs the lock of reading.
func (s *Sanctions) readLocked(ctx context.Context) error {
	r := &s.restraint
	now := s.opt.Now()
	r.mu.Lock()
	r.roll(now)
	day, since := r.day, int64(0)
	if r.newest >= day*int64(24*time.Hour/time.Microsecond) {
		since = r.newest - overlap.Microseconds()
	}
	r.mu.Unlock()
	marks, newest, err := s.readMarks(ctx, day, since)
	if err != nil {
		return err
	}
	rows, err := s.readBreakers(ctx)
	if err != nil {
		return err
	}
	var usual map[key]float64
	if r.usual != day {
		if usual, err = s.readUsual(ctx, day); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.day != day {
		return nil // it is tomorrow: the next reading is due at once
	}
	r.learn(marks)
	r.heed(rows)
	if usual != nil {
		r.usual = day
		for _, t := range r.rules {
			t.usual = 0
		}
		for k, n := range usual {
			r.of(k).usual = n
		}
	}
	r.newest, r.due = max(r.newest, newest), now.Add(fresh)
	return nil
}

// learn adds marks that were read.
func (r *restraint) learn(marks map[key][]int64) {
	for k, all := range marks {
		t := r.of(k)
		for _, m := range all {
			if known, ok := t.marks[m]; ok {
				known.made = true
				continue
			}
			t.marks[m] = &mark{made: true}
			if k.class == sanctions {
				r.total++
			}
		}
	}
}

// heed holds what is held, and nothing else.
func (r *restraint) heed(rows map[key]breaker) {
	for k, t := range r.rules {
		if _, ok := rows[k]; !ok {
			t.holds, t.base = nil, 0
		}
	}
	for k, row := range rows {
		t := r.of(k)
		t.holds, t.base = nil, 0
		if row.holds {
			t.holds = &row.hold
		} else if row.day == r.day {
			t.base = row.base
		}
	}
}

// breaker is a row of what holds, or goes on.
type breaker struct {
	hold
	holds bool
	day   int64
	base  int
}

func (s *Sanctions) readBreakers(ctx context.Context) (map[key]breaker, error) {
	rows := map[key]breaker{}
	err := db.Query(ctx, s.opt.DB.Read, `SELECT rule, class, holds, since, why, person, day, base FROM sanction_breaker`, nil, func(r *sql.Rows) error {
		var k key
		var b breaker
		var since int64
		err := r.Scan(&k.rule, &k.class, &b.holds, &since, &b.why, &b.person, &b.day, &b.base)
		b.since = time.UnixMicro(since).UTC()
		rows[k] = b
		return err
	})
	return rows, err
}

func (s *Sanctions) readMarks(ctx context.Context, day, since int64) (marks map[key][]int64, newest int64, err error) {
	marks = map[key][]int64{}
	err = db.Query(ctx, s.opt.DB.Read, `SELECT rule, class, mark, at FROM sanction_day WHERE day = $1 AND at >= $2`, []any{day, since}, func(r *sql.Rows) error {
		var k key
		var m, at int64
		err := r.Scan(&k.rule, &k.class, &m, &at)
		marks[k] = append(marks[k], m)
		newest = max(newest, at)
		return err
	})
	return marks, newest, err
}

// readUsual is how many accounts each rule sanctioned on a usual day before
// day: the mean of the days since anything was counted, two weeks at most.
func (s *Sanctions) readUsual(ctx context.Context, day int64) (map[key]float64, error) {
	usual := map[key]float64{}
	first := day
	err := db.Query(ctx, s.opt.DB.Read, `
		SELECT rule, class, CAST(sum(n) AS BIGINT), min(day) FROM (
			SELECT day, rule, class, n FROM sanction_past
			UNION ALL SELECT day, rule, class, count(*) AS n FROM sanction_day GROUP BY day, rule, class) AS d
		WHERE day >= $1 AND day < $2 GROUP BY rule, class`, []any{day - usualDays, day}, func(r *sql.Rows) error {
		var k key
		var n, from int64
		err := r.Scan(&k.rule, &k.class, &n, &from)
		usual[k] = float64(n)
		if k.class == sanctions {
			usual[key{allRules, sanctions}] += float64(n)
		}
		first = min(first, from)
		return err
	})
	for k := range usual {
		usual[k] /= float64(day - first)
	}
	return usual, err
}
