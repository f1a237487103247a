package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresConns bounds the connections of one process; PostgreSQL allows 100
// in all unless it is told otherwise.
const postgresConns = 16

func openPostgres(ctx context.Context, o Options) (*DB, error) {
	config, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		// The error quotes the DSN, and with it perhaps a password.
		return nil, errors.New("the PostgreSQL DSN is not valid")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "breakwater"
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := refuseForgetful(ctx, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &DB{Engine: Postgres, Read: pool, Write: pool}, nil
}

// refuseForgetful fails on a server that answers a commit before it is on disk.
func refuseForgetful(ctx context.Context, pool *sql.DB) error {
	var commit string
	if err := pool.QueryRowContext(ctx, `SHOW synchronous_commit`).Scan(&commit); err != nil {
		return err
	}
	if commit == "off" {
		return errors.New("PostgreSQL has synchronous_commit off, so what it acknowledges may be lost: set it to on")
	}
	return nil
}
