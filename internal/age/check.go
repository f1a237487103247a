package age

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db"
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

// Claim is Check for a statement that proves nothing: one that would make an
// account that something is known of older, or more certain, is ErrRaise.
func (a *Accounts) Claim(ctx context.Context, tx *sql.Tx, id string, s Signal) error {
	if err := a.db.Lock(ctx, tx, "age.account:"+id); err != nil {
		return err
	}
	before, err := a.Within(ctx, tx, id)
	if err != nil {
		return err
	}
	after, now := before, a.opt.Now()
	after.Signals = withSignal(before.Signals, s)
	if len(before.Signals) > 0 && raises(before.Known(a.opt.Youngest, now), after.Known(a.opt.Youngest, now)) {
		return ErrRaise
	}
	return a.Check(ctx, tx, id, s)
}

// Settle is Check for a statement that stands above earlier ones: those of the
// bases, or of every basis where none is named, that would make the account
// younger than s says, or that leave no age that s does, are removed.
func (a *Accounts) Settle(ctx context.Context, tx *sql.Tx, id string, s Signal, above ...event.Basis) error {
	if err := a.Check(ctx, tx, id, s); err != nil {
		return err
	}
	args := []any{id, s.Source, s.Interval.From, s.Interval.To}
	among := ""
	if len(above) > 0 {
		among = ` AND basis IN (` + db.Params(len(args)+1, len(above)) + `)`
		for _, basis := range above {
			args = append(args, basis.String())
		}
	}
	_, err := tx.ExecContext(ctx, `
		DELETE FROM age_signal WHERE account = $1 AND source <> $2 AND (age_from < $3 OR age_from >= $4)`+among, args...)
	if err != nil {
		return fmt.Errorf("age: settle: %w", err)
	}
	return nil
}

// Within is an account as a transaction sees it; one that is not known is
// empty.
func (a *Accounts) Within(ctx context.Context, tx *sql.Tx, id string) (Account, error) {
	read, err := readAccounts(ctx, tx, []string{id})
	if err != nil {
		return Account{}, fmt.Errorf("age: account: %w", err)
	}
	return read[id], nil
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
