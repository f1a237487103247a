package db

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"
)

const (
	// checkpointAt is how long the log grows, in pages of 4 KiB, before it is
	// written back: the longer, the more changes of one page of an index are
	// written as one; and the longer a start after a crash reads the log.
	checkpointAt = 16_000

	// fewPages are written back while the writer waits, in some milliseconds.
	fewPages = 500

	// checkpointTries bounds how often the log is written back before the
	// writer has to wait after all, should it outrun that.
	checkpointTries = 5

	// checkpointPause is the least time between two looks at the log.
	checkpointPause = 100 * time.Millisecond
)

// checkpoints write SQLite's log back to its file beside the writer, where
// SQLite itself would do it within a commit: at 5,000 commits a second that is
// one in twenty that takes 50 ms.
type checkpoints struct {
	file  *os.File
	conn  *sql.DB
	write *sql.DB

	due    chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

func startCheckpoints(ctx context.Context, path string, write *sql.DB) (*checkpoints, error) {
	conn, err := openWriter(ctx, path, checkpointCache)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	running, cancel := context.WithCancel(context.Background())
	c := &checkpoints{
		file: file, conn: conn, write: write,
		due: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
	}
	go c.run(running)
	return c, nil
}

// committed notes that the log may have grown.
func (c *checkpoints) committed() {
	select {
	case c.due <- struct{}{}:
	default: // noted already
	}
}

func (c *checkpoints) run(ctx context.Context) {
	defer close(c.done)
	pause := time.NewTicker(checkpointPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.due:
		}
		// A checkpoint that fails (the disk is full, say) loses nothing: the
		// log stays, and the next commit tries again. If the log can't grow
		// either, that commit reports it.
		_ = c.writeBack(ctx)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// writeBack writes the log back if it has grown long. That needs no lock, but
// the log begins anew only once all of it is written back, and commits keep
// adding to it. So most is written back and synced beside the writer, and the
// few pages that came meanwhile while it waits.
func (c *checkpoints) writeBack(ctx context.Context) error {
	length, written, err := checkpoint(ctx, c.conn, "NOOP")
	if err != nil || length < checkpointAt {
		return err
	}
	for range checkpointTries {
		before := written
		length, written, err = checkpoint(ctx, c.conn, "PASSIVE")
		if err != nil {
			return err
		}
		if length-before < fewPages {
			break
		}
	}
	// SQLite syncs the file only in the checkpoint that catches up with the
	// log; done here, that one has little left to sync.
	if err := c.file.Sync(); err != nil {
		return err
	}
	_, _, err = checkpoint(ctx, c.write, "PASSIVE")
	return err
}

// stop ends the checkpoints after the one under way. The file stays open until
// every connection is closed, because closing any descriptor of a file drops
// all locks that the process has on it.
func (c *checkpoints) stop() error {
	c.cancel()
	<-c.done
	return c.conn.Close()
}

// checkpoint runs one and answers the log's length and how much of it is
// written back, in pages. NOOP only looks.
func checkpoint(ctx context.Context, pool *sql.DB, mode string) (length, written int, err error) {
	var busy int
	err = pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &length, &written)
	return length, written, err
}
