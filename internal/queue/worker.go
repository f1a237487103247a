package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// worker runs the jobs of one kind.
type worker[T any] struct {
	river.WorkerDefaults[envelope]
	work    func(context.Context, T) error
	timeout time.Duration
}

// Timeout implements river.Worker; 0 is the queue's.
func (w *worker[T]) Timeout(*river.Job[envelope]) time.Duration { return w.timeout }

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[envelope]) (err error) {
	// River would log and store the value of a panic, which may be anything.
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	var args T
	if err := json.Unmarshal(job.Args.Args, &args); err != nil {
		return errors.New("the stored arguments no longer fit the kind")
	}
	return w.work(ctx, args)
}

// panicked is the error of a job that panicked.
type panicked struct {
	value any
	stack []byte
}

// Error names the fault if the Go runtime found it, else only its type.
func (p *panicked) Error() string {
	if fault, ok := p.value.(runtime.Error); ok {
		return "panic: " + fault.Error()
	}
	return fmt.Sprintf("panic with a %T", p.value)
}

// failures logs the attempts that failed.
type failures struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (f failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	attrs := []slog.Attr{
		slog.String("kind", job.Kind),
		slog.Int64("job", job.ID),
		slog.Int("attempt", job.Attempt),
		slog.Any("error", err),
	}
	if p, ok := errors.AsType[*panicked](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	if job.Attempt < job.MaxAttempts {
		f.log.LogAttrs(ctx, slog.LevelWarn, "a job failed and will run again", attrs...)
	} else {
		f.log.LogAttrs(ctx, slog.LevelError, "a job failed for the last time", attrs...)
	}
	return nil
}

// HandlePanic implements river.ErrorHandler. Panics of jobs end in Work.
func (f failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, _ any, trace string) *river.ErrorHandlerResult {
	return f.HandleError(ctx, job, &panicked{"", []byte(trace)})
}

// serious passes on what River warns of; it is talkative below that.
type serious struct{ slog.Handler }

// Enabled implements slog.Handler.
func (s serious) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && s.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (s serious) WithAttrs(attrs []slog.Attr) slog.Handler {
	return serious{s.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (s serious) WithGroup(name string) slog.Handler { return serious{s.Handler.WithGroup(name)} }

// clock is River's rivertype.TimeGenerator.
type clock struct{ now func() time.Time }

// Now is the time in the process.
func (c clock) Now() time.Time { return c.now() }

// NowOrNil is the time to write to the database, in place of its own.
func (c clock) NowOrNil() *time.Time {
	t := c.now()
	return &t
}
