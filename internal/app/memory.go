package app

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
	"github.com/breakwater-project/breakwater/internal/queue"
)

const (
	// saveEvery is how often what is remembered is saved. After a kill, what came
	// since is read back from the journal.
	saveEvery = 5 * time.Minute
	// talkJob forgets conversations that are over.
	talkJob = "conversation.sweep"
)

// openConversations opens the memory of conversations, empty yet.
func (a *App) openConversations() error {
	secret, err := a.secret("conversation")
	if err != nil {
		return err
	}
	a.conversations = conversation.New(conversation.Options{
		Secret: secret, Bytes: int64(a.cfg.Conversations.Memory), Now: a.options.Now,
	})
	queue.Add(a.queue, talkJob, func(context.Context, struct{}) error {
		a.conversations.Sweep()
		return nil
	}, queue.KindOpts{})
	a.queue.Every(talkJob, time.Hour, struct{}{})
	return nil
}

// remember has counts and conversations know what they knew before the start:
// from their snapshots, and from the journal what came since. What can't be
// used is made anew from the journal.
func (a *App) remember(ctx context.Context) error {
	now := a.options.Now()
	beginning := now.Add(-a.Engine.Rules.Longest())
	since, err := a.loadConversations()
	if err != nil {
		a.watch.Log.Warn("the snapshot of conversations can't be used: they are made anew from the journal", slog.Any("error", err))
	}
	counts, here := a.counters.(*counter.Memory) // elsewhere, they outlive this process
	if here {
		saved, err := counts.Load()
		switch {
		case errors.Is(err, counter.ErrSnapshot):
			a.watch.Log.Warn("the counters' snapshot can't be used: they are made anew from the journal", slog.Any("error", err))
			saved = 0
		case err != nil:
			return err
		}
		since = min(since, saved)
	}
	if from := time.UnixMicro(since); from.After(beginning) {
		beginning = from
	}
	return a.Engine.Remember(ctx, beginning, counts)
}

// saveMemory writes snapshots of what was seen by now. A server does; what only
// opens the engine does not see all that a server beside it sees.
func (a *App) saveMemory() error {
	now := a.options.Now().UnixMicro()
	err := a.saveConversations(now)
	if counts, ok := a.counters.(*counter.Memory); ok {
		err = errors.Join(err, counts.Save(now))
	}
	return err
}

// keepRemembering saves until ctx ends.
func (a *App) keepRemembering(ctx context.Context) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := a.saveMemory(); err != nil {
			a.watch.Log.Warn("what is remembered is not saved", slog.Any("error", err))
		}
	}
}

func (a *App) conversationsFile() string { return filepath.Join(a.cfg.Data, "conversations") }

// saveConversations replaces the snapshot once a new one is whole: until when it
// has everything, in microseconds, and what Snapshot writes.
func (a *App) saveConversations(until int64) error {
	a.saving.Lock()
	defer a.saving.Unlock()
	path := a.conversationsFile()
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("conversations: %w", err)
	}
	err = binary.Write(f, binary.LittleEndian, until)
	if err == nil {
		err = a.conversations.Snapshot(f)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("conversations: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("conversations: %w", err)
	}
	return nil
}

// loadConversations reads the snapshot and says until when it has everything;
// 0 without one.
func (a *App) loadConversations() (until int64, err error) {
	f, err := os.Open(a.conversationsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r := bufio.NewReader(f)
	err = binary.Read(r, binary.LittleEndian, &until)
	if err == nil {
		err = a.conversations.Restore(r)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return until, nil
}

// eraseMemory forgets what is remembered of an account. It is done even if the
// erasure fails at something else: it comes again then. The snapshot of
// conversations goes with it, so that a start brings nobody back: until the next
// one, the journal would have to.
func (a *App) eraseMemory(ctx context.Context, _ *sql.Tx, account string) ([]age.Held, error) {
	if err := a.counters.Forget(ctx, account); err != nil {
		return nil, err
	}
	a.saving.Lock()
	defer a.saving.Unlock()
	a.conversations.Forget(account)
	if err := os.Remove(a.conversationsFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return nil, nil
}
