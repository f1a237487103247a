// Package app puts the program together: it is the only place that knows all
// packages. Open makes a server from a configuration; Run serves until its
// context ends.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/console"
	"github.com/breakwater-project/breakwater/internal/contact"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
	"github.com/breakwater-project/breakwater/internal/detect/embed"
	"github.com/breakwater-project/breakwater/internal/detect/judge"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/queue"
	"github.com/breakwater-project/breakwater/internal/sanction"
	"github.com/breakwater-project/breakwater/internal/server"
	"github.com/breakwater-project/breakwater/internal/telemetry"
	"github.com/breakwater-project/breakwater/internal/urgent"
	"github.com/breakwater-project/breakwater/internal/web"
	"github.com/breakwater-project/breakwater/internal/wellbeing"
)

// Options is what the surroundings give.
type Options struct {
	Version string
	Log     io.Writer        // log lines; nowhere unless set
	Now     func() time.Time // time.Now unless set
}

// App is one server, listening from Open on and answering while Run runs.
type App struct {
	Engine    *decide.Engine
	Keys      *keys.Ring
	Console   *console.Console
	Assurance *assurance.Assurance
	NewKey    string // the first admin key if Open made it: to be shown once

	Lists  *hashlist.Lists
	Hasher *hashlist.Hasher

	wellbeing *wellbeing.Wellbeing
	urgent    *urgent.Lane
	blocks    *contact.Blocks
	exchanges *exchange.Exchanges
	counters  counter.Store

	conversations *conversation.Memory
	saving        sync.Mutex // of the snapshot of conversations, one at a time
	sanctions     *sanction.Sanctions

	cfg      *config.Config
	options  Options
	watch    *telemetry.Telemetry
	db       *db.DB
	queue    *queue.Queue
	api      *web.API
	server   *server.Server
	failures *prometheus.CounterVec // of detectors
	text     atomic.Pointer[text.Detector]
	judge    *judge.Judge   // nil unless one is configured
	encoder  *embed.Encoder // nil as well
	heads    *embed.Heads
	opinions *judge.Opinions // nil as well
	ending   chan struct{}   // closed when Run begins to stop: ends the console's streams
	close    []func() error
}

// Open opens everything the server stands on, in the order of its floors, and
// listens. What was opened before something failed is closed again.
func Open(ctx context.Context, cfg *config.Config, o Options) (*App, error) {
	return open(ctx, cfg, o, (*App).openTelemetry, (*App).openStorage, (*App).openKeys, (*App).openMatching, (*App).openEngine, (*App).openServer)
}

func open(ctx context.Context, cfg *config.Config, o Options, floors ...func(*App, context.Context) error) (*App, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &App{cfg: cfg, options: o, ending: make(chan struct{})}
	for _, floor := range floors {
		if err := floor(a, ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

func (a *App) openTelemetry(ctx context.Context) (err error) {
	a.watch, err = telemetry.Open(ctx, telemetry.Options{
		Out: a.options.Log, Level: a.cfg.Log.Level, Format: a.cfg.Log.Format,
		OTLP: a.cfg.Telemetry.OTLPEndpoint, Version: a.options.Version,
	})
	if err != nil {
		return err
	}
	a.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return a.watch.Close(ctx)
	})
	return nil
}

func (a *App) openStorage(ctx context.Context) (err error) {
	if err := os.MkdirAll(a.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if a.db, err = db.Open(ctx, db.Options{DSN: a.cfg.DB.Reveal(), Dir: a.cfg.Data}); err != nil {
		return err
	}
	a.onClose(a.db.Close)
	err = db.Migrate(ctx, a.db, keys.Migrations(), age.Migrations(), label.Migrations(), contact.Migrations(), hashlist.Migrations(), exchange.Migrations(), journal.Migrations(), decide.Migrations(), sanction.Migrations(), urgent.Migrations(), assurance.Migrations(), token.Migrations(), wellbeing.Migrations())
	if err != nil {
		return err
	}
	a.queue, err = queue.Open(ctx, a.db, queue.Options{Logger: a.watch.Log, Workers: a.cfg.Jobs.Workers})
	return err
}

func (a *App) openKeys(ctx context.Context) (err error) {
	a.Keys = keys.New(a.db, a.options.Now)
	a.NewKey, err = a.Keys.Configure(ctx, a.cfg.AdminKey.Reveal())
	return err
}

// secret is one of the installation's own secrets, made on first use.
func (a *App) secret(name string) ([keys.SecretSize]byte, error) {
	return keys.Secrets{Dir: filepath.Join(a.cfg.Data, "secrets")}.Secret(name)
}

func (a *App) openEngine(ctx context.Context) error {
	youngest, _ := event.ParseBand(a.cfg.Ages.Youngest) // checked by config
	contentKey, err1 := a.secret("content")
	journalKey, err2 := a.secret("journal")
	vaultKey, err3 := a.secret("preserved")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	a.failures = a.watch.Metrics.Counter("detect", "failures", "total", "Times a detector gave no answer, by detector.", "detector")
	if err := a.openSecondTier(); err != nil {
		return err
	}
	if err := a.openJudge(); err != nil {
		return err
	}
	rules, err := a.loadRules()
	if err != nil {
		return err
	}
	a.text.Store(rules.Text)
	log, err := journal.Open(ctx, a.db, journal.Options{Now: a.options.Now, Key: journalKey, Metrics: journal.NewMetrics(a.watch.Metrics)})
	if err != nil {
		return err
	}
	a.onClose(log.Close)
	vault, err := decide.NewVault(a.db, vaultKey)
	if err != nil {
		return err
	}
	contents, err := decide.OpenContents(ctx, a.db, contentKey, a.options.Now)
	if err != nil {
		return err
	}
	a.onClose(contents.Close)
	clock, err := policy.NewClock()
	if err != nil {
		return err
	}
	if err := errors.Join(a.openCounters(ctx), a.openConversations()); err != nil {
		return err
	}
	labels := label.New(a.db, a.options.Now)
	if err := a.openSanctions(ctx, labels); err != nil {
		return err
	}
	if err := a.openUrgent(); err != nil {
		return err
	}
	a.Console = console.New(console.Options{Live: a.cfg.Console.Live, Now: a.options.Now, Done: a.ending})
	a.Engine = &decide.Engine{
		Accounts: age.New(a.db, age.Options{
			Now: a.options.Now, Youngest: youngest,
			Erase: append(erasures(log, labels, contents, vault, a.queue), a.eraseChecks, a.eraseBlocks, a.eraseMemory, a.eraseUse, a.eraseSanctions),
		}),
		Labels: labels, Blocks: a.openBlocks(), Rules: decide.NewRules(rules.Bundle, rules.Detect),
		Journal: log, Contents: contents, Vault: vault, Counters: a.counters, Conversations: a.conversations,
		Restraint: a.sanctions, Carriers: a.carriers(),
		Clock: clock, Youngest: youngest, Markets: a.cfg.Policy.Markets, ContentKey: contentKey,
		Now: a.options.Now, Observe: a.observe,
		Metrics: decide.NewMetrics(a.watch.Metrics), Log: a.watch.Log,
	}
	addJobs(a.queue, log, labels)
	a.openWellbeing()
	return a.remember(ctx)
}

func (a *App) openServer(ctx context.Context) (err error) {
	l := &a.cfg.Limits
	a.api = web.New(web.Options{
		Authenticate: a.Keys.Verify, Version: a.options.Version,
		BodyLimit: int64(l.BodyBytes), Timeout: l.RequestTimeout, Rate: l.RatePerKey, Burst: l.Burst,
		Log: a.watch.Log, Metrics: a.watch.Metrics, Traces: a.watch.Traces, Now: a.options.Now,
	})
	a.Engine.Routes(a.api, decide.Limits{
		EventBytes: int64(l.EventBytes), BatchBytes: int64(l.BatchBytes), BatchEvents: l.BatchEvents,
	})
	a.Engine.Accounts.Routes(a.api)
	a.Engine.Labels.Routes(a.api)
	a.Engine.Blocks.Routes(a.api)
	a.wellbeing.Routes(a.api, a.Engine)
	a.sanctions.Routes(a.api)
	a.urgent.Routes(a.api)
	a.addMatching()
	if err := a.addExchanges(); err != nil {
		return err
	}
	if err := a.addOwnImage(ctx); err != nil {
		return err
	}
	if err := a.addSupport(); err != nil {
		return err
	}
	if err := a.openAssurance(ctx); err != nil {
		return err
	}
	a.Assurance.Routes(a.api)
	if err := a.openTokens(ctx); err != nil {
		return err
	}
	a.Console.Routes(a.api)
	a.addCompat()
	a.server, err = server.Open(ctx, server.Options{
		Addr: a.cfg.Addr, MetricsAddr: a.cfg.MetricsAddr, API: a.api, Metrics: a.watch.Metrics.Handler(),
		Checks: []server.Check{{Name: "database", Check: a.db.Writable}}, Log: a.watch.Log, Now: a.options.Now,
	})
	return err
}

// URL is where the server listens.
func (a *App) URL() string { return "http://" + a.server.Addr() }

// API is the registered operations, for documents and tests.
func (a *App) API() *web.API { return a.api }

// Log is the program's log.
func (a *App) Log() *slog.Logger { return a.watch.Log }

// Run serves until ctx ends, then lets what is under way finish.
func (a *App) Run(ctx context.Context) error {
	if err := a.queue.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return a.server.Close() // told to end before it began
		}
		return errors.Join(err, a.server.Close())
	}
	stop := context.AfterFunc(ctx, func() { close(a.ending) })
	defer stop()
	defer a.giveOpinions(ctx)()
	defer a.followExchanges(ctx)()
	go a.noteKeys(ctx)
	go a.keepRemembering(ctx)
	err := a.server.Run(ctx)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, a.queue.Stop(ending), a.Keys.Flush(ending), a.saveMemory())
}

// noteKeys writes down now and then when keys were last used; not at each
// request, which would cost a write.
func (a *App) noteKeys(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := a.Keys.Flush(ctx); err != nil {
			a.watch.Log.Warn("when keys were used is not written down", slog.Any("error", err))
		}
	}
}

// Reload serves the rules that are in the policy folder now. Broken ones never
// replace what is served: the error lists their faults.
func (a *App) Reload() error {
	rules, err := a.loadRules()
	if err != nil {
		return err
	}
	a.Engine.Rules.Replace(rules.Bundle, rules.Detect)
	a.text.Store(rules.Text)
	return nil
}

// Close closes what Open opened, last first.
func (a *App) Close() error {
	var errs []error
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	a.close = nil
	return errors.Join(errs...)
}

func (a *App) onClose(f func() error) { a.close = append(a.close, f) }
