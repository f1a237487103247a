package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/breakwater-project/breakwater/internal/compat/hma"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/detect/link"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/queue"
	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

// forgetJob forgets entries that were removed from banks.
const (
	forgetJob   = "hashlist.forget"
	forgetEvery = time.Hour
)

// openMatching opens the lists of known hashes.
func (a *App) openMatching(ctx context.Context) error {
	if err := a.ffmpeg().Installed(); err != nil && a.cfg.Matching.FFmpeg != withoutFFmpeg {
		a.watch.Log.Warn("AVIF, HEIC and videos are compared as whole files only", slog.Any("error", err))
	}
	return a.openLists(ctx, false)
}

// readMatching opens them beside a server that may be running on the same data.
func (a *App) readMatching(ctx context.Context) error { return a.openLists(ctx, true) }

func (a *App) openLists(ctx context.Context, readOnly bool) error {
	o, err := a.listOptions()
	if err != nil {
		return err
	}
	o.ReadOnly = readOnly
	o.Metrics, o.Log = a.watch.Metrics, a.watch.Log
	if a.Lists, err = hashlist.Open(ctx, a.db, o); err != nil {
		return err
	}
	a.onClose(a.Lists.Close)
	limits := picture.Limits{Bytes: int64(a.cfg.Matching.ImageBytes), Pixels: int64(a.cfg.Matching.ImagePixels)}
	a.Hasher = hashlist.NewHasher(limits, nil)
	if a.ffmpeg().Installed() == nil && a.cfg.Matching.FFmpeg != withoutFFmpeg {
		a.Hasher = hashlist.NewHasher(limits, a.ffmpeg())
	}
	return nil
}

// withoutFFmpeg stands in place of the program's name.
const withoutFFmpeg = "off"

// ffmpeg is the program that decodes AVIF, HEIC and videos. Where it is not
// installed they are compared as whole files, and signals say so.
func (a *App) ffmpeg() *vpdq.FFmpeg {
	return &vpdq.FFmpeg{Path: a.cfg.Matching.FFmpeg, Limits: vpdq.Limits{
		Bytes: int64(a.cfg.Matching.ImageBytes), Pixels: int64(a.cfg.Matching.ImagePixels), Time: a.cfg.Matching.VideoTime,
	}}
}

func (a *App) listOptions() (hashlist.Options, error) {
	key, err := a.secret("hashlist")
	return hashlist.Options{
		Key: key, Canonical: link.Canonical, Now: a.options.Now,
		Dir:      filepath.Join(a.cfg.Data, "hashlist"),
		Outbreak: hashlist.Outbreak{Least: a.cfg.Matching.OutbreakLeast, Factor: float64(a.cfg.Matching.OutbreakFactor)},
	}, err
}

// addMatching registers the routes of the lists, and forgets at times.
func (a *App) addMatching() {
	(&hashlist.API{
		Lists: a.Lists, Hasher: a.Hasher, HashBytes: int64(a.cfg.Limits.BodyBytes),
		ImageBytes: int64(a.cfg.Matching.ImageBytes), ImportBytes: int64(a.cfg.Matching.ImportBytes),
	}).Routes(a.api)
	(&hma.API{Lists: a.Lists, Hasher: a.Hasher, FileBytes: int64(a.cfg.Matching.ImageBytes), Now: a.options.Now}).Routes(a.api)
	queue.Add(a.queue, forgetJob, func(ctx context.Context, _ struct{}) error { return a.Lists.Prune(ctx) }, queue.KindOpts{})
	a.queue.Every(forgetJob, forgetEvery, struct{}{})
}

// OpenBanks opens the banks alone, without an index. A server may be running
// on the database.
func OpenBanks(ctx context.Context, cfg *config.Config) (*hashlist.Banks, func() error, error) {
	a, err := open(ctx, cfg, Options{}, (*App).openTelemetry, (*App).openStorage)
	if err != nil {
		return nil, nil, err
	}
	o, err := a.listOptions()
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return hashlist.New(a.db, o), a.Close, nil
}

// OpenLists opens the banks with their index, to look things up. A server may
// be running on the database.
func OpenLists(ctx context.Context, cfg *config.Config) (*hashlist.Lists, func() error, error) {
	a, err := open(ctx, cfg, Options{}, (*App).openTelemetry, (*App).openStorage, (*App).readMatching)
	if err != nil {
		return nil, nil, err
	}
	return a.Lists, a.Close, nil
}
