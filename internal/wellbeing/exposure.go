package wellbeing

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// counterOf counts what viewers were shown of a kind of harm.
func counterOf(kind string) string { return "wellbeing.shown " + kind }

// Shown implements decide.Exposure. A viewer's counts are under their digest of
// the day, so that a day later not even the counts tell whose they were. What
// was shown before midnight (UTC) is under yesterday's: an item of both counts
// twice.
func (w *Wellbeing) Shown(ctx context.Context, viewer string, shown []decide.Shown, asked []decide.Asked) ([]float64, error) {
	today, yesterday := w.salts.of(viewer)
	adds := make([]counter.Add, len(shown))
	for i, s := range shown {
		adds[i] = counter.Add{Counter: counterOf(s.Kind), Owner: today.String(), Element: s.Item, At: s.At, Keep: policy.MaxBudgetWindow}
	}
	reads := make([]counter.Read, 0, 2*len(asked))
	for _, a := range asked {
		for _, d := range []digest{today, yesterday} {
			reads = append(reads, counter.Read{Counter: counterOf(a.Kind), Owner: d.String(), Window: a.Window, At: a.At})
		}
	}
	counts, err := w.o.Counts.Count(ctx, adds, reads)
	if err != nil {
		return nil, fmt.Errorf("wellbeing: shown: %w", err)
	}
	sums := make([]float64, len(asked))
	for i := range sums {
		sums[i] = counts[2*i] + counts[2*i+1]
	}
	return sums, nil
}

// Forget removes what is known of an account: when it was online, and what it
// was shown of any kind of harm.
func (w *Wellbeing) Forget(ctx context.Context, account string) error {
	w.people.erase(account)
	today, yesterday := w.salts.of(account)
	return errors.Join(w.o.Counts.Forget(ctx, today.String()), w.o.Counts.Forget(ctx, yesterday.String()))
}

// String is the digest as counts have it.
func (d digest) String() string { return hex.EncodeToString(d[:]) }
