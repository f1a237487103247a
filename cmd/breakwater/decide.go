package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/fault"
)

func newDecide() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "decide",
		Short: "Events as JSON lines in, decisions as JSON lines out, in order",
		Long: `Reads events as JSON lines on standard input and writes their decisions, in order.
A line that it cannot read gives {"error":…,"line":N} in its place, and exit
status 1 at the end. With --data the decisions are kept in that folder, as by
"serve"; without, in a temporary one that is removed.`,
		Args: cobra.NoArgs,
	}
	s := bind(cmd, serving)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := s.load(cmd, serving)
		if err != nil {
			return err
		}
		if cfg.DB != "" && !cmd.Flags().Changed("data") {
			return errors.New("--db needs --data: decisions that last need the secrets they are made with to last")
		}
		if !cmd.Flags().Changed("data") {
			if cfg.Data, err = os.MkdirTemp("", "breakwater-decide-"); err != nil {
				return failed(err)
			}
			defer func() { err = errors.Join(err, os.RemoveAll(cfg.Data)) }()
		}
		engine, closeEngine, err := app.OpenEngine(cmd.Context(), cfg, options(nil))
		if err != nil {
			return opening(err)
		}
		refused, err := decideLines(cmd.Context(), engine, cmd.InOrStdin(), cmd.OutOrStdout())
		if err = errors.Join(err, closeEngine()); err == nil && refused > 0 {
			return &statusError{status: exitFound}
		}
		return failed(err)
	}
	return cmd
}

const (
	maxLine      = 64 << 20 // bytes of one event, its media inline
	decideAtOnce = 500      // events in one transaction
)

// decideLines answers each line of in with a line of out, and counts those
// that could not be answered with a decision. Lines that are there already
// are decided together; one that comes alone is not kept waiting.
func decideLines(ctx context.Context, engine *decide.Engine, in io.Reader, out io.Writer) (refused int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, ended := readLines(ctx, in)
	w := bufio.NewWriter(out)
	for {
		select {
		case first, ok := <-lines:
			if !ok {
				return refused, <-ended
			}
			n, err := answerLines(ctx, engine, gather(first, lines), w)
			refused += n
			if err := errors.Join(err, w.Flush()); err != nil {
				return refused, err
			}
		case <-ctx.Done(): // the reader may be waiting for a line that never comes
			return refused, ctx.Err()
		}
	}
}

// readLines reads events in the background; ended says why it stopped.
func readLines(ctx context.Context, in io.Reader) (lines chan line, ended chan error) {
	lines, ended = make(chan line, decideAtOnce), make(chan error, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(make([]byte, 64<<10), maxLine)
		number := 0
		for scanner.Scan() {
			number++
			text := bytes.TrimSpace(scanner.Bytes())
			if len(text) == 0 {
				continue
			}
			select {
			case lines <- readLine(number, text):
			case <-ctx.Done():
				ended <- ctx.Err()
				return
			}
		}
		err := scanner.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line %d is longer than %d bytes: nothing after it was read", number+1, maxLine)
		}
		ended <- err
	}()
	return lines, ended
}

// gather is first and what is there already behind it.
func gather(first line, lines <-chan line) []line {
	batch := []line{first}
	for len(batch) < decideAtOnce {
		select {
		case next, ok := <-lines:
			if !ok {
				return batch
			}
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// line is one event, or why it is none.
type line struct {
	number int
	event  event.Event
	err    error
}

func readLine(number int, text []byte) line {
	ev, err := event.Decode(text, time.Now())
	return line{number, ev, err}
}

func answerLines(ctx context.Context, engine *decide.Engine, batch []line, w io.Writer) (refused int, err error) {
	var events []*event.Event
	for i := range batch {
		if batch[i].err == nil {
			events = append(events, &batch[i].event)
		}
	}
	answers, err := engine.DecideBatch(ctx, events)
	if err != nil {
		return 0, err
	}
	for _, l := range batch {
		err := l.err
		if err == nil {
			answer := answers[0]
			answers = answers[1:]
			if err = answer.Err; err == nil {
				fmt.Fprintf(w, "%s\n", answer.Encoded)
				continue
			}
		}
		refused++
		text, encodeErr := json.Marshal(struct {
			Error fault.Problem `json:"error"`
			Line  int           `json:"line"`
		}{decide.ProblemOf(err), l.number})
		if encodeErr != nil {
			return refused, encodeErr
		}
		fmt.Fprintf(w, "%s\n", text)
	}
	return refused, nil
}
