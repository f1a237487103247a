// Package server puts the API on a listener: timeouts, limits, health and
// metrics around it, and an end that loses no request under way.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/breakwater-project/breakwater/internal/web"
)

// Options is what a server needs. API and Metrics are required.
type Options struct {
	Addr        string // "127.0.0.1:8420"; port 0 is any that is free
	MetricsAddr string // a listener of its own for /metrics; "" is Addr

	API     *web.API
	Metrics http.Handler
	Checks  []Check      // what /readyz asks
	Log     *slog.Logger // nowhere unless set

	ReadHeader  time.Duration // to receive a request's headers; 5 s unless set
	Read        time.Duration // to receive a request; 30 s unless set
	Write       time.Duration // from a request's headers to the end of its answer; 60 s unless set
	Idle        time.Duration // that a connection may wait for another request; 2 min unless set
	Grace       time.Duration // that requests under way have at the end; 20 s unless set
	HeaderBytes int           // of a request; 64 KiB unless set
	Connections int           // at the same time; more wait to be accepted. 10,000 unless set

	Now func() time.Time // time.Now unless set
}

func (o *Options) complete() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.ReadHeader, 5 * time.Second}, {&o.Read, 30 * time.Second}, {&o.Write, time.Minute},
		{&o.Idle, 2 * time.Minute}, {&o.Grace, 20 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.HeaderBytes == 0 {
		o.HeaderBytes = 64 << 10
	}
	if o.Connections == 0 {
		o.Connections = 10_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Server listens from Open on, and answers while Run runs.
type Server struct {
	options  Options
	api      listening
	metrics  *listening // nil if /metrics is beside the API
	draining atomic.Bool
	health   health
}

// listening is a listener and what answers on it.
type listening struct {
	net.Listener
	http *http.Server
}

// Open takes the addresses, so that a port that is in use is known at once, and
// adds health and metrics to the API.
func Open(ctx context.Context, o Options) (*Server, error) {
	o.complete()
	s := &Server{options: o}
	s.health = health{checks: o.Checks, now: o.Now}
	api, err := s.listen(ctx, o.Addr, o.API)
	if err != nil {
		return nil, err
	}
	s.api = *api
	if o.MetricsAddr != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", o.Metrics)
		if s.metrics, err = s.listen(ctx, o.MetricsAddr, mux); err != nil {
			return nil, errors.Join(err, s.api.Close())
		}
	}
	s.register()
	return s, nil
}

func (s *Server) listen(ctx context.Context, addr string, h http.Handler) (*listening, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	o := s.options
	return &listening{netutil.LimitListener(l, o.Connections), &http.Server{
		Handler:           h,
		ReadHeaderTimeout: o.ReadHeader,
		ReadTimeout:       o.Read,
		WriteTimeout:      o.Write,
		IdleTimeout:       o.Idle,
		MaxHeaderBytes:    o.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // broken connections of others
	}}, nil
}

// Addr is where the API listens, with the port that was taken.
func (s *Server) Addr() string { return s.api.Addr().String() }

// MetricsAddr is where /metrics listens.
func (s *Server) MetricsAddr() string {
	if s.metrics == nil {
		return s.Addr()
	}
	return s.metrics.Addr().String()
}

// Run answers until ctx ends, then lets requests under way finish within the
// grace. It closes the listeners. The error says that a listener failed, or
// that requests were cut off.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	all := []*listening{&s.api}
	if s.metrics != nil {
		all = append(all, s.metrics)
	}
	for _, l := range all {
		go func() { failed <- l.http.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("server: %w", err)
	}
	s.draining.Store(true)
	s.options.API.Drain()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.Grace)
	defer cancel()
	for _, l := range all { // the API first: how it drained can still be scraped
		err = errors.Join(err, l.end(grace))
	}
	return err
}

// Close gives the addresses back if Run was never called.
func (s *Server) Close() error {
	if s.metrics == nil {
		return s.api.Close()
	}
	return errors.Join(s.api.Close(), s.metrics.Close())
}

func (l *listening) end(grace context.Context) error {
	if err := l.http.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("server: requests were cut off: %w", err), l.http.Close())
	}
	return nil
}
