package age

import (
	"context"
	"database/sql"
	"fmt"
)

// Check writes what an age check found, in the caller's transaction: the one
// way by which an account's age rises without a key that may. It takes the
// place of what the same source said before. An account that is not known yet
// becomes known. Call Forget once the transaction has committed.
func (a *Accounts) Check(ctx context.Context, tx *sql.Tx, id string, s Signal) error {
	if err := a.db.Lock(ctx, tx, "age.account:"+id); err != nil {
		return err
	}
	if err := known(ctx, tx, id, a.opt.Now().UnixMicro()); err != nil {
		return fmt.Errorf("age: check: %w", err)
	}
	if err := writeSignal(ctx, tx, id, &s); err != nil {
		return fmt.Errorf("age: check: %w", err)
	}
	return nil
}

// Settle is Check for a decision that stands above what was said before: it
// removes every statement that leaves none of the ages that s does.
func (a *Accounts) Settle(ctx context.Context, tx *sql.Tx, id string, s Signal) error {
	if err := a.Check(ctx, tx, id, s); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		DELETE FROM age_signal WHERE account = $1 AND source <> $2 AND (age_to <= $3 OR age_from >= $4)`,
		id, s.Source, s.Interval.From, s.Interval.To)
	if err != nil {
		return fmt.Errorf("age: settle: %w", err)
	}
	return nil
}

// Withdraw removes what a source said of an account, in the caller's
// transaction. Call Forget once that has committed.
func (a *Accounts) Withdraw(ctx context.Context, tx *sql.Tx, id, source string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM age_signal WHERE account = $1 AND source = $2`, id, source)
	if err != nil {
		return fmt.Errorf("age: withdraw: %w", err)
	}
	return nil
}

// Forget makes the next read of an account see what another's transaction
// wrote.
func (a *Accounts) Forget(id string) { a.forget(id) }

// known makes sure that there is a row of an account.
func known(ctx context.Context, tx *sql.Tx, id string, now int64) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO age_account (id, created, country, region, locale, changed) VALUES ($1, $2, '', '', '', $3)
		ON CONFLICT (id) DO NOTHING`, id, nil, now)
	return err
}
