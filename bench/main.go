// Command bench measures Breakwater's policy evaluation beside
// bluesky-social/indigo's automod, the nearest open peer in the same language,
// in one run: the two take turns, so that a busy machine slows both.
//
// automod is measured as its own engine runs it: a post's CBOR is decoded, the
// default rules run over it with in-memory stores, their effects are persisted
// to those stores. Breakwater is measured twice: Eval alone, as its documentation
// states it, and with the JSON of the event decoded first. Neither has
// detectors or a network in it. The two rule sets are of one size and not the
// same: this compares what a platform pays to run either's rules on an event.
// The ratio is to automod's faster line.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// contender is one system: run processes its i-th event.
type contender struct {
	name string
	run  func(ctx context.Context, i int) error
}

func main() {
	rounds := flag.Int("rounds", 7, "how many turns each takes")
	turn := flag.Duration("turn", time.Second, "how long a turn lasts")
	flag.Parse()
	if err := compare(context.Background(), *rounds, *turn); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, rounds int, turn time.Duration) error {
	contenders, err := contenders()
	if err != nil {
		return err
	}
	rates := make([][]float64, len(contenders))
	for range rounds {
		for i, c := range contenders {
			rate, err := c.rate(ctx, turn)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			rates[i] = append(rates[i], rate)
		}
	}
	base := median(rates[0])
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "one goroutine\tevents/s (median)\tlowest\thighest\tratio\t")
	for i, c := range contenders {
		m := median(rates[i])
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.1f\t\n", c.name, m, slices.Min(rates[i]), slices.Max(rates[i]), m/base)
	}
	return w.Flush()
}

func contenders() ([]contender, error) {
	posts, err := newAutomod(1000, 4096, 0)
	if err != nil {
		return nil, err
	}
	mixed, err := newAutomod(1000, 4096, 3)
	if err != nil {
		return nil, err
	}
	breakwater, err := newBreakwater(4096)
	if err != nil {
		return nil, err
	}
	return []contender{
		{"automod, default rules: posts", posts.process},
		{"automod, default rules: a third replies", mixed.process},
		{"breakwater, 22 rules: Eval", breakwater.eval},
		{"breakwater, 22 rules: JSON and Eval", breakwater.decodeAndEval},
	}, nil
}

// rate runs c for one turn and returns its events a second.
func (c contender) rate(ctx context.Context, turn time.Duration) (float64, error) {
	const batch = 256 // events between looks at the clock
	start := time.Now()
	n := 0
	for time.Since(start) < turn {
		for range batch {
			if err := c.run(ctx, n); err != nil {
				return 0, err
			}
			n++
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
