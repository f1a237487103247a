package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/file"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/ncmec"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/stopncii"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/tcap"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/threatexchange"
)

// addExchanges registers how the lists fare that are fetched from others.
func (a *App) addExchanges() (err error) {
	if a.exchanges, err = a.newExchanges(a.Lists.Banks); err != nil {
		return err
	}
	a.exchanges.Routes(a.api)
	return nil
}

// follow keeps them in step until stop, which waits for those under way.
func (a *App) followExchanges(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { a.exchanges.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func (a *App) newExchanges(banks *hashlist.Banks) (*exchange.Exchanges, error) {
	sources, err := sourcesOf(a.cfg.Exchanges, a.options.Now)
	if err != nil {
		return nil, err
	}
	key, err := a.secret("hashlist")
	if err != nil {
		return nil, err
	}
	return exchange.New(a.db, banks, sources, exchange.Options{Now: a.options.Now, Key: key, Log: a.watch.Log, Metrics: a.watch.Metrics}), nil
}

// OpenExchanges opens the exchanges alone. A server may be running on the
// database.
func OpenExchanges(ctx context.Context, cfg *config.Config) (*exchange.Exchanges, func() error, error) {
	a, err := open(ctx, cfg, Options{}, (*App).openTelemetry, (*App).openStorage)
	if err != nil {
		return nil, nil, err
	}
	o, err := a.listOptions()
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	x, err := a.newExchanges(hashlist.New(a.db, o))
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return x, a.Close, nil
}

// sourcesOf makes a client for each configured exchange, in the order of their
// names. Nothing is contacted yet.
func sourcesOf(configured config.Exchanges, now func() time.Time) ([]exchange.Source, error) {
	var sources []exchange.Source
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		e := configured[name]
		client, err := clientOf(&e, now)
		if err != nil {
			faults = append(faults, fmt.Errorf("exchanges: %s: %w", name, err))
			continue
		}
		sources = append(sources, exchange.Source{Name: name, Protocol: e.Protocol, Bank: e.Bank, Every: e.Every, Client: client})
	}
	return sources, errors.Join(faults...)
}

func clientOf(e *config.Exchange, now func() time.Time) (exchange.Client, error) {
	if e.Protocol == "file" {
		return file.New(e.URL, e.Token.Reveal(), hashlist.Kind(e.Kind))
	}
	address := e.URL
	if address == "" {
		address = map[string]string{
			"ncmec": ncmec.Industry, "stopncii": stopncii.Address,
			"threatexchange": threatexchange.Address, "tcap": tcap.Address,
		}[e.Protocol]
	}
	way, err := exchange.NewTransport(address)
	if err != nil {
		return nil, err
	}
	switch e.Protocol {
	case "ncmec":
		return &ncmec.Client{Transport: way, User: e.User, Password: e.Password.Reveal(), Now: now}, nil
	case "stopncii":
		return &stopncii.Client{
			Transport: way, Subscription: e.SubscriptionKey.Reveal(),
			FetchKey: e.FetchKey.Reveal(), FeedbackKey: e.FeedbackKey.Reveal(),
		}, nil
	case "threatexchange":
		return &threatexchange.Client{Transport: way, Group: e.Group, Token: e.Token.Reveal(), Now: now}, nil
	case "tcap":
		return &tcap.Client{Transport: way, User: e.User, Password: e.Password.Reveal()}, nil
	}
	return nil, errors.New("no protocol of this name") // config has checked it
}
