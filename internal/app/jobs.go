package app

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/queue"
)

const (
	// sweepJob takes the names of erased accounts out of old journal entries.
	sweepJob = "journal.sweep"
	// pruneJob forgets labels that have expired.
	pruneJob = "label.prune"
)

// errNotYet has a job come back: an erasure waits until no entry that names
// the account can still be on its way.
var errNotYet = errors.New("an erasure is not due yet")

// addJobs adds the work that is done later, elsewhere.
func addJobs(q *queue.Queue, log *journal.Log, labels *label.Labels) {
	queue.Add(q, sweepJob, func(ctx context.Context, _ struct{}) error {
		again, err := log.Sweep(ctx)
		if err == nil && again {
			return errNotYet
		}
		return err
	}, queue.KindOpts{})
	queue.Add(q, pruneJob, func(ctx context.Context, _ struct{}) error { return labels.Prune(ctx) }, queue.KindOpts{})
	q.Every(pruneJob, 24*time.Hour, struct{}{})
}

// erase is one part's share of an erasure: it says what it holds in spite of it.
type erase = func(context.Context, *sql.Tx, string) ([]age.Held, error)

// erasures is every part that keeps something of an account.
func erasures(log *journal.Log, labels *label.Labels, contents *decide.Contents, vault *decide.Vault, q *queue.Queue) []erase {
	return []erase{
		func(ctx context.Context, tx *sql.Tx, account string) ([]age.Held, error) {
			if err := log.Erase(ctx, tx, account); err != nil {
				return nil, err
			}
			// A little later than the journal needs, so that one run does it.
			return nil, q.Insert(ctx, tx, sweepJob, struct{}{}, queue.InsertOpts{
				RunAt: time.Now().Add(journal.Settle + time.Second),
			})
		},
		func(ctx context.Context, tx *sql.Tx, account string) ([]age.Held, error) {
			_, err := labels.Erase(ctx, tx, account)
			return nil, err
		},
		func(ctx context.Context, tx *sql.Tx, account string) ([]age.Held, error) {
			return nil, contents.Erase(ctx, tx, account)
		},
		func(ctx context.Context, tx *sql.Tx, account string) ([]age.Held, error) {
			n, err := vault.Held(ctx, tx, account)
			if err != nil || n == 0 {
				return nil, err
			}
			return []age.Held{{What: "preserved events", Count: n, Why: "A rule preserved them as possible evidence; they stay sealed."}}, nil
		},
	}
}
