// Package queue runs jobs: work that a transaction asks for and that is done
// after it commits, at least once, also when the process is killed in between.
// River (riverqueue.com) keeps them in the same database, so a job exists if
// and only if the rest of its transaction does.
//
// A job's arguments say what to work on, by id; they are stored and kept for a
// day after the job is done, so they carry no content and no personal data.
package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/breakwater-project/breakwater/internal/db"
)

const (
	// pollInterval is how long a job may wait at most when all is quiet.
	// Nothing notifies River of a commit: on SQLite that would be a query every
	// 50 ms, and PostgreSQL's own way does not work behind a pooler.
	pollInterval = time.Second

	// defaultTimeout is after what time a job's context ends.
	defaultTimeout = time.Minute

	// rescueAfter is when a job on PostgreSQL counts as lost with its process,
	// and runs again.
	rescueAfter = 2 * time.Minute

	// maxArgs bounds a job's arguments as JSON, in bytes.
	maxArgs = 64 << 10
)

// Options of Open; the zero value works.
type Options struct {
	// Logger is told of failures: kind, id and error, never arguments.
	Logger *slog.Logger
	// Workers is how many jobs run at once, 8 unless it is set.
	Workers int
	// Now replaces the clock of process and database, for tests.
	Now func() time.Time
}

// Queue holds the jobs of one database. Its kinds are all added before Start.
type Queue struct {
	db      *db.DB
	client  *river.Client[*sql.Tx]
	workers *river.Workers
	log     *slog.Logger
	kinds   map[string]KindOpts
	started bool
}

// Open makes River's tables where they are missing. Jobs can be inserted at
// once, and run from Start on.
func Open(ctx context.Context, d *db.DB, o Options) (*Queue, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Workers == 0 {
		o.Workers = 8
	}
	driver := driverOf(d)
	if err := migrate(ctx, d, driver); err != nil {
		return nil, fmt.Errorf("queue: migrate: %w", err)
	}
	q := &Queue{db: d, workers: river.NewWorkers(), log: o.Logger, kinds: map[string]KindOpts{}}
	config := &river.Config{
		DiscardedJobRetentionPeriod: -1, // what was given up on stays to be seen
		ErrorHandler:                failures{o.Logger},
		FetchPollInterval:           pollInterval,
		JobTimeout:                  defaultTimeout,
		Logger:                      slog.New(serious{o.Logger.Handler()}),
		PollOnly:                    true,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Workers}},
		ReindexerSchedule:           river.NeverSchedule(),
		RescueStuckJobsAfter:        rescueAfter,
		Workers:                     q.workers,
	}
	if o.Now != nil {
		config.Test.Time = clock{o.Now}
	}
	var err error
	if q.client, err = river.NewClient(driver, config); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return q, nil
}

// driverOf gives River the writing pool. On SQLite that is one connection, so
// River and everyone else take turns in this process, and never meet a locked
// file.
func driverOf(d *db.DB) riverdriver.Driver[*sql.Tx] {
	if d.Engine == db.SQLite {
		return riversqlite.New(d.Write)
	}
	return riverdatabasesql.New(d.Write)
}

// migrate lets one process at a time make River's tables. River's migrations
// for PostgreSQL need a transaction each, so there the lock has its own.
func migrate(ctx context.Context, d *db.DB, driver riverdriver.Driver[*sql.Tx]) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return d.Tx(ctx, func(tx *sql.Tx) error {
		if d.Engine == db.SQLite {
			_, err := m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, nil) //nolint:staticcheck // deprecated for PostgreSQL's sake
			return err
		}
		if err := d.Lock(ctx, tx, "queue_migration"); err != nil {
			return err
		}
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}

// KindOpts are the settings of a kind of job; the zero value works.
type KindOpts struct {
	// Timeout is when the job's context ends, a minute unless it is set.
	Timeout time.Duration
	// Attempts is how often the job is tried, 25 times in three weeks unless
	// it is set.
	Attempts int
}

// Add says what runs jobs of a kind, which is named <package>.<verb>. The
// arguments come as they were given to Insert, by way of JSON. work returns nil
// when the job is done; any error, or a panic, has it run again later. As a
// process may die between doing a job and saying so, doing it twice must be
// harmless.
//
// Add panics if the kind is there already or the queue has started.
func Add[T any](q *Queue, kind string, work func(context.Context, T) error, opts KindOpts) {
	if _, ok := q.kinds[kind]; ok || q.started {
		panic("queue: " + kind + " is added twice, or after Start")
	}
	q.kinds[kind] = opts
	river.AddWorkerArgs(q.workers, envelope{kind: kind}, &worker[T]{work: work, timeout: opts.Timeout})
}

// InsertOpts are the settings of one job; the zero value runs it at once.
type InsertOpts struct {
	// RunAt is the earliest time to run it.
	RunAt time.Time
	// UniqueKey, if set, keeps another job of the same kind and key from being
	// inserted as long as this one exists: until a day after it is done.
	UniqueKey string
	// Priority is 1 (first) to 4; 0 is 1.
	Priority int
}

// Insert adds a job to the caller's transaction. It runs if that commits.
func (q *Queue) Insert(ctx context.Context, tx *sql.Tx, kind string, args any, o InsertOpts) error {
	e, err := q.envelope(kind, args, o.UniqueKey)
	if err != nil {
		return fmt.Errorf("queue: insert: %w", err)
	}
	_, err = q.client.InsertTx(ctx, tx, e, &river.InsertOpts{
		MaxAttempts: q.kinds[kind].Attempts,
		Priority:    o.Priority,
		ScheduledAt: o.RunAt,
		UniqueOpts:  river.UniqueOpts{ByArgs: o.UniqueKey != ""},
	})
	if err != nil {
		return fmt.Errorf("queue: insert %s: %w", kind, err)
	}
	return nil
}

// Every has a job of that kind run now and once in each interval, however many
// processes share the database. The interval is a second to a day.
//
// Every panics if the kind has not been added or args is not JSON.
func (q *Queue) Every(kind string, interval time.Duration, args any) {
	e, err := q.envelope(kind, args, "")
	if err == nil && (interval < time.Second || interval > 24*time.Hour) {
		err = fmt.Errorf("%s: every %s is not between a second and a day", kind, interval)
	}
	if err != nil {
		panic("queue: " + err.Error())
	}
	opts := &river.InsertOpts{
		MaxAttempts: q.kinds[kind].Attempts,
		UniqueOpts:  river.UniqueOpts{ByPeriod: interval},
	}
	q.client.PeriodicJobs().Add(river.NewPeriodicJob(
		river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) { return e, opts },
		&river.PeriodicJobOpts{ID: kind, RunOnStart: true},
	))
}

// Start begins to run jobs, until Stop. That ctx ends does not end them. On
// SQLite one process at a time may run jobs.
func (q *Queue) Start(ctx context.Context) error {
	q.started = true
	if len(q.kinds) == 0 {
		return nil // River refuses to run nothing
	}
	if err := q.reclaim(ctx); err != nil {
		return fmt.Errorf("queue: start: %w", err)
	}
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("queue: start: %w", err)
	}
	return nil
}

// reclaim frees the jobs that a killed process had begun. On SQLite they need
// not wait for rescueAfter: no other process can be at them.
func (q *Queue) reclaim(ctx context.Context) error {
	if q.db.Engine != db.SQLite {
		return nil
	}
	return q.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`)
		return err
	})
}

// Stop takes no new jobs and waits for the running ones. When ctx ends first,
// their contexts end, and they run again after the next Start.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if err != nil && errors.Is(err, ctx.Err()) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = q.client.StopAndCancel(ctx)
	}
	if err != nil {
		return fmt.Errorf("queue: stop: %w", err)
	}
	return nil
}

// envelope is what River stores of a job. Its field names are in databases.
type envelope struct {
	kind string
	Key  string          `json:"key,omitempty" river:"unique"`
	Args json.RawMessage `json:"args"`
}

// Kind implements river.JobArgs.
func (e envelope) Kind() string { return e.kind }

func (q *Queue) envelope(kind string, args any, key string) (envelope, error) {
	if _, ok := q.kinds[kind]; !ok {
		return envelope{}, fmt.Errorf("nothing runs jobs of kind %q: Add it first", kind)
	}
	text, err := json.Marshal(args)
	if err != nil {
		return envelope{}, fmt.Errorf("arguments of %s: %w", kind, err)
	}
	if len(text) > maxArgs {
		return envelope{}, fmt.Errorf("arguments of %s are %d bytes, at most %d: refer to things by id", kind, len(text), maxArgs)
	}
	return envelope{kind: kind, Key: key, Args: text}, nil
}
