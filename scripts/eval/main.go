// Command eval shows labelled messages to the engine as posts and as direct
// messages, and prints who would have met them: the share of each outcome, by
// age band and by label. It prints numbers only, never a text.
//
//	eval [-rules] [FILE…]
//
// A file is JSON lines, gzip where its name ends in .gz, each
// {"text", "labels": {label: 0 or 1, absent where unknown}, "source", "lang"}.
// Without one, the file is text/dev_ship.jsonl.gz in the folder that
// BREAKWATER_DATA names (../shared/data unless set).
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/decide"
)

func main() {
	rules := flag.Bool("rules", false, "also print which rules withheld benign words or answered cries for help with a sanction")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	files := flag.Args()
	if len(files) == 0 {
		data := cmp.Or(os.Getenv("BREAKWATER_DATA"), filepath.Join("..", "shared", "data"))
		files = []string{filepath.Join(data, "text", "dev_ship.jsonl.gz")}
	}
	if err := run(ctx, files, *rules); err != nil {
		fmt.Fprintln(os.Stderr, "eval:", err)
		os.Exit(1)
	}
}

// run prints one report for each file.
func run(ctx context.Context, files []string, rules bool) error {
	out := bufio.NewWriter(os.Stdout)
	for _, file := range files {
		rows, err := read(file)
		if err != nil {
			return err
		}
		t, err := evaluate(ctx, rows)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		fmt.Fprintf(out, "## %s: %d messages\n\n", filepath.Base(file), len(rows))
		t.write(out)
		if rules {
			t.writeRules(out)
		}
	}
	return out.Flush()
}

// evaluate decides every scene of every row with the shipped rules, in a
// temporary folder.
func evaluate(ctx context.Context, rows []row) (t *tally, err error) {
	dir, err := os.MkdirTemp("", "breakwater-eval-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg, err := config.Load(config.Source{Flags: map[string]string{"data": dir}})
	if err != nil {
		return nil, err
	}
	engine, closeEngine, err := app.OpenEngine(ctx, cfg, app.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeEngine()) }()
	return decideAll(ctx, engine, rows)
}

func decideAll(ctx context.Context, engine *decide.Engine, rows []row) (*tally, error) {
	t := newTally()
	for i := range rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		events := scenes(i, rows[i].Text)
		answers, err := engine.DecideBatch(ctx, events)
		if err != nil {
			return nil, err
		}
		for k, a := range answers {
			if a.Err != nil {
				return nil, fmt.Errorf("row %d: %w", i+1, a.Err)
			}
			t.add(&rows[i], events[k], &a.Decision)
		}
	}
	return t, nil
}
