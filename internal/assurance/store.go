package assurance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

// queryer is a pool or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func writeSession(ctx context.Context, tx *sql.Tx, s *Session) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO assurance_session (id, account, profile, flow, return_url, tokens, browser, state, class, attempts, expires)
		VALUES ($1, $2, $3, $4, $5, $6, '', $7, 0, 0, $8)`,
		s.ID, s.Account, s.Profile.ID, string(s.Flow), s.ReturnURL, s.Tokens, string(s.State), s.Expires.UnixMicro())
	return err
}

func (a *Assurance) readSession(ctx context.Context, q queryer, id string) (Session, error) {
	s := Session{ID: id}
	var profile, flow, state string
	var class, expires int64
	err := q.QueryRowContext(ctx, `
		SELECT account, profile, flow, return_url, tokens, browser, state, class, attempts, expires
		FROM assurance_session WHERE id = $1 AND expires > $2`, id, a.opt.Now().UnixMicro()).
		Scan(&s.Account, &profile, &flow, &s.ReturnURL, &s.Tokens, &s.browser, &state, &class, &s.Attempts, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, ErrNoSession
	}
	if err != nil {
		return Session{}, err
	}
	p, ok := a.Profile(profile)
	if !ok {
		return Session{}, fmt.Errorf("stored profile %q: %w", profile, ErrNoProfile)
	}
	s.Profile, s.Flow, s.State = p, Flow(flow), State(state)
	s.Class = agetoken.Class(class)
	s.Expires = time.UnixMicro(expires).UTC()
	return s, nil
}

// replaceSession removes what is open for an account, and its requests.
func replaceSession(ctx context.Context, tx *sql.Tx, account string) error {
	if account == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM assurance_request WHERE session IN (SELECT id FROM assurance_session WHERE account = $1)`, account)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM assurance_session WHERE account = $1`, account)
	return err
}

// attempt counts an answer that decided nothing; too many end the session.
func attempt(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE assurance_session SET attempts = attempts + 1,
			state = CASE WHEN attempts + 1 >= $2 THEN 'ended' ELSE state END
		WHERE id = $1 AND state = 'open'`, id, maxAttempts)
	return err
}

// endSession ends a session. One that passed lets go of the account; of the
// others it is kept as long as the session, for an appeal.
func endSession(ctx context.Context, tx *sql.Tx, id string, state State, class agetoken.Class) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE assurance_session SET state = $2, class = $3, account = CASE WHEN $2 = 'passed' THEN '' ELSE account END WHERE id = $1`,
		id, string(state), int(class))
	return err
}

// writeRequest stores a question, unless the session has too many.
func (a *Assurance) writeRequest(ctx context.Context, tx *sql.Tx, r *request) error {
	var open int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM assurance_request WHERE session = $1 AND expires > $2`, r.session, a.opt.Now().UnixMicro()).Scan(&open)
	if err == nil && open >= maxRequests {
		err = ErrManyRequests
	}
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO assurance_request (id, session, kind, seed, finding, code, typed, expires) VALUES ($1, $2, $3, $4, '', '', '', $5)`,
		r.id, r.session, r.kind, r.seed, r.expires.UnixMicro())
	return err
}

// openRequest reads a request that can still be answered, and its session.
func (a *Assurance) openRequest(ctx context.Context, id string) (Session, request, error) {
	r := request{id: id}
	var expires int64
	err := a.opt.DB.Read.QueryRowContext(ctx, `SELECT session, kind, seed, expires FROM assurance_request WHERE id = $1 AND expires > $2`,
		id, a.opt.Now().UnixMicro()).Scan(&r.session, &r.kind, &r.seed, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Session{}, r, ErrNoRequest
	case err != nil:
		return Session{}, r, err
	case r.seed == nil:
		return Session{}, r, ErrAnswered
	}
	s, err := a.readSession(ctx, a.opt.DB.Read, r.session)
	if err == nil && s.State != StateOpen {
		err = ErrEnded
	}
	return s, r, err
}

// takeRequest marks a request as answered: of several answers one counts.
func takeRequest(ctx context.Context, tx *sql.Tx, id string, now time.Time) error {
	res, err := tx.ExecContext(ctx, `UPDATE assurance_request SET seed = NULL WHERE id = $1 AND seed IS NOT NULL AND expires > $2`, id, now.UnixMicro())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return ErrAnswered
}

// keepFinding keeps what an answer said for whoever brings its code, until then.
func keepFinding(ctx context.Context, tx *sql.Tx, id, finding, code, typed string, until time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE assurance_request SET finding = $2, code = $3, typed = $4, expires = $5 WHERE id = $1`,
		id, finding, code, typed, until.UnixMicro())
	return err
}

// takeFinding is what a session's answer said, for the digest of the code or of
// the number that it was kept with, once. The row stays, to know a replay, until
// it expires.
func takeFinding(ctx context.Context, tx *sql.Tx, session, proof string, now time.Time) (string, error) {
	var id, finding string
	err := tx.QueryRowContext(ctx, `SELECT id, finding FROM assurance_request WHERE session = $1 AND (code = $2 OR typed = $2) AND finding <> '' AND expires > $3`,
		session, proof, now.UnixMicro()).Scan(&id, &finding)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNoRequest
	}
	if err != nil {
		return "", err
	}
	return finding, keepFinding(ctx, tx, id, "", "", "", now.Add(requestLife))
}

// Prune removes sessions, requests and grants that have expired; run it as a
// job, every few minutes.
func (a *Assurance) Prune(ctx context.Context) error {
	now := a.opt.Now().UnixMicro()
	err := a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		for _, text := range []string{
			`DELETE FROM assurance_request WHERE expires <= $1`,
			`DELETE FROM assurance_session WHERE expires <= $1`,
			`DELETE FROM assurance_grant WHERE expires <= $1`,
		} {
			if _, err := tx.ExecContext(ctx, text, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("assurance: prune: %w", err)
	}
	return nil
}

// Erase removes what is under way of an account, in the erasure's transaction.
func (a *Assurance) Erase(ctx context.Context, tx *sql.Tx, account string) error {
	err := replaceSession(ctx, tx, account)
	if err == nil && account != "" {
		_, err = tx.ExecContext(ctx, `DELETE FROM assurance_appeal WHERE account = $1`, account)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM assurance_consent WHERE account = $1`, account)
	}
	if err != nil {
		return fmt.Errorf("assurance: erase: %w", err)
	}
	return nil
}

// sessionOf is the session of a request, whatever became of that.
func (a *Assurance) sessionOf(ctx context.Context, request string) (string, error) {
	var session string
	err := a.opt.DB.Read.QueryRowContext(ctx, `SELECT session FROM assurance_request WHERE id = $1 AND expires > $2`, request, a.opt.Now().UnixMicro()).Scan(&session)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNoRequest
	}
	return session, err
}

const selectAppeal = `SELECT id, account, profile, ground, state, opened, decided, decided_by FROM assurance_appeal`

func scanAppeal(row interface{ Scan(...any) error }) (Appeal, error) {
	var p Appeal
	var ground, state string
	var opened int64
	var decided sql.NullInt64
	err := row.Scan(&p.ID, &p.Account, &p.Profile, &ground, &state, &opened, &decided, &p.By)
	if errors.Is(err, sql.ErrNoRows) {
		return Appeal{}, ErrNoAppeal
	}
	if err != nil {
		return Appeal{}, err
	}
	p.Ground, p.State, p.Opened = Ground(ground), AppealState(state), time.UnixMicro(opened).UTC()
	if decided.Valid {
		p.Decided = time.UnixMicro(decided.Int64).UTC()
	}
	return p, nil
}

func writeAppeal(ctx context.Context, tx *sql.Tx, p *Appeal) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO assurance_appeal (id, account, profile, ground, state, opened, decided, decided_by) VALUES ($1, $2, $3, $4, $5, $6, NULL, '')`,
		p.ID, p.Account, p.Profile, string(p.Ground), string(p.State), p.Opened.UnixMicro())
	return err
}

func decideAppeal(ctx context.Context, tx *sql.Tx, p *Appeal) error {
	_, err := tx.ExecContext(ctx, `UPDATE assurance_appeal SET account = '', state = $2, decided = $3, decided_by = $4 WHERE id = $1`,
		p.ID, string(p.State), p.Decided.UnixMicro(), p.By)
	return err
}

func writeConsent(ctx context.Context, tx *sql.Tx, account string, purpose Purpose, means Means, day time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO assurance_consent (account, purpose, means, since, withdrawn) VALUES ($1, $2, $3, $4, NULL)
		ON CONFLICT (account, purpose) DO UPDATE SET means = excluded.means, since = excluded.since, withdrawn = NULL`,
		account, string(purpose), string(means), day.UnixMicro())
	return err
}

func withdrawConsent(ctx context.Context, tx *sql.Tx, account string, purpose Purpose, day time.Time) error {
	res, err := tx.ExecContext(ctx, `UPDATE assurance_consent SET withdrawn = $3 WHERE account = $1 AND purpose = $2 AND withdrawn IS NULL`,
		account, string(purpose), day.UnixMicro())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return ErrNoConsent
}
