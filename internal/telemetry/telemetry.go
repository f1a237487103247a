// Package telemetry is how the program is watched: a logger, a registry of
// metrics and a tracer provider, made once and passed on. Nothing is global.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Options says what to open. The zero value logs text at level info to
// nowhere and exports no traces.
type Options struct {
	Out     io.Writer  // where log lines go; os.Stderr for a program
	Level   slog.Level // the least level that is logged
	Format  string     // "text" or "json"; text unless set
	OTLP    string     // http(s) URL of an OTLP/HTTP collector; "" is off
	Version string     // of the program, recorded with each trace
}

// Telemetry is the three of them. Close it to send the last traces.
type Telemetry struct {
	Log     *slog.Logger
	Metrics *Metrics
	Traces  trace.TracerProvider

	close func(context.Context) error
}

// Open starts telemetry. No collector needs to be reachable.
func Open(ctx context.Context, o Options) (*Telemetry, error) {
	log, err := logger(o)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{
		Log:     log,
		Metrics: NewMetrics(),
		Traces:  noop.NewTracerProvider(),
		close:   func(context.Context) error { return nil },
	}
	if o.OTLP == "" {
		return t, nil
	}
	provider, err := exporter(ctx, o)
	if err != nil {
		return nil, err
	}
	t.Traces, t.close = provider, provider.Shutdown
	return t, nil
}

// Close sends what has not been sent, within ctx.
func (t *Telemetry) Close(ctx context.Context) error { return t.close(ctx) }

func logger(o Options) (*slog.Logger, error) {
	if o.Out == nil {
		return slog.New(slog.DiscardHandler), nil
	}
	options := &slog.HandlerOptions{Level: o.Level}
	switch o.Format {
	case "", "text":
		return slog.New(slog.NewTextHandler(o.Out, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(o.Out, options)), nil
	}
	return nil, fmt.Errorf("telemetry: log format %q: want text or json", o.Format)
}

func exporter(ctx context.Context, o Options) (*sdktrace.TracerProvider, error) {
	u, err := url.Parse(o.OTLP)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("telemetry: the OTLP endpoint must be an http or https URL") // it may hold a password: not repeated
	}
	if u.Path == "" {
		u.Path = "/v1/traces"
	}
	export, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, fmt.Errorf("telemetry: OTLP exporter: %w", err)
	}
	about := resource.NewSchemaless(
		attribute.String("service.name", "breakwater"),
		attribute.String("service.version", o.Version),
	)
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(export), sdktrace.WithResource(about)), nil
}
