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
	s.Class = agetoken.Class(class) //nolint:gosec // endSession wrote it
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
			state = CASE WHEN attempts + 1 >= $2 THEN 'ended' ELSE state END,
			account = CASE WHEN attempts + 1 >= $2 THEN '' ELSE account END
		WHERE id = $1 AND state = 'open'`, id, maxAttempts)
	return err
}

// endSession lets go of the account: that the session has ended, and how, is
// all that is read of it until it expires. Its open requests go as well.
func endSession(ctx context.Context, tx *sql.Tx, id string, state State, class agetoken.Class) error {
	_, err := tx.ExecContext(ctx, `UPDATE assurance_session SET state = $2, class = $3, account = '' WHERE id = $1`, id, string(state), int(class))
	return err
}

// count adds one to what happened today.
func (a *Assurance) count(ctx context.Context, tx *sql.Tx, profile, method, outcome string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO assurance_count (day, profile, method, outcome, n) VALUES ($1, $2, $3, $4, 1)
		ON CONFLICT (day, profile, method, outcome) DO UPDATE SET n = assurance_count.n + 1`,
		a.opt.Now().UTC().Format(time.DateOnly), profile, method, outcome)
	return err
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
	if err := replaceSession(ctx, tx, account); err != nil {
		return fmt.Errorf("assurance: erase: %w", err)
	}
	return nil
}
