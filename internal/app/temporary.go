package app

import (
	"context"
	"errors"
	"os"

	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// Temporary is a server in a temporary folder, for measuring and for tests.
// Close ends it and removes the folder.
type Temporary struct {
	*App
	AdminKey string

	dir    string
	cancel context.CancelFunc
	ended  chan error
}

// StartTemporary serves on a free port of the loopback address. Settings may
// be changed before it is opened.
func StartTemporary(ctx context.Context, change func(*config.Config), o Options) (_ *Temporary, err error) {
	dir, err := os.MkdirTemp("", "breakwater-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	cfg, err := config.Load(config.Source{Flags: map[string]string{"addr": "127.0.0.1:0", "data": dir}})
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(cfg)
	}
	a, err := Open(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	_, key, err := a.Keys.Create(ctx, "temporary", []keys.Role{keys.Admin})
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	t := &Temporary{App: a, AdminKey: key, dir: dir, ended: make(chan error, 1)}
	ctx, t.cancel = context.WithCancel(ctx)
	go func() { t.ended <- a.Run(ctx) }()
	return t, nil
}

// Close ends the server and removes its folder.
func (t *Temporary) Close() error {
	t.cancel()
	return errors.Join(<-t.ended, t.App.Close(), os.RemoveAll(t.dir))
}
