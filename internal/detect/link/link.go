// Package link looks at where an event's links lead.
//
// Links come from the event's own list and from its text. Each is brought to one
// spelling (Canonical) and its host looked up in banks that the operator edits, so that
// "example.org" covers every host below it.
package link

import (
	"context"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// SignalCountHigh says that an event has many links to different addresses.
const SignalCountHigh = "link.count_high"

// manyLinks is the number of different links from which SignalCountHigh is 1; below, it
// grows evenly from 0 at one link.
const manyLinks = 10

// A Detector gives the link signals. It is safe for concurrent use.
type Detector struct {
	banks   *Banks
	finder  *finder
	signals []string
}

// New makes a detector with the operator's host banks.
func New(banks *Banks) *Detector {
	d := &Detector{banks: banks, finder: newFinder(), signals: []string{SignalCountHigh}}
	for _, b := range banks.banks {
		d.signals = append(d.signals, b.signal)
	}
	slices.Sort(d.signals)
	d.signals = slices.Compact(d.signals)
	return d
}

// Name is "link".
func (d *Detector) Name() string { return "link" }

// Version is the digest of the banks.
func (d *Detector) Version() string { return d.banks.Digest }

// Signals lists link.count_high and the banks' signals, sorted.
func (d *Detector) Signals() []string { return slices.Clone(d.signals) }

// Links gives the event's links in their canonical form, those in its text too,
// each once.
func (d *Detector) Links(ev *event.Event) []string {
	var links []string
	seen := make(map[string]bool)
	for _, list := range [][]string{ev.Content.Links, d.finder.find(ev.Content.Text)} {
		for _, s := range list {
			if u, err := parse(s); err == nil && !seen[u.String()] {
				seen[u.String()] = true
				links = append(links, u.String())
			}
		}
	}
	return links
}

// Detect scores the event's links. What is no link to a host is passed over.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	found := d.finder.find(ev.Content.Text)
	if len(found)+len(ev.Content.Links) == 0 {
		return nil, nil
	}
	seen := make(map[string]bool)
	scores := make(map[string]float64)
	for _, list := range [][]string{ev.Content.Links, found} {
		for _, s := range list {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			u, err := parse(s)
			if err != nil || seen[u.String()] {
				continue
			}
			seen[u.String()] = true
			d.banks.lookup(u.Hostname(), scores)
		}
	}
	if n := len(seen); n > 1 {
		scores[SignalCountHigh] = min(1, float64(n-1)/(manyLinks-1))
	}
	var signals []decision.Signal
	for _, name := range d.signals {
		if scores[name] > 0 {
			signals = append(signals, decision.Signal{Name: name, Score: scores[name]})
		}
	}
	return signals, nil
}

// lookup raises scores by the banks that list host or a host above it.
func (b *Banks) lookup(host string, scores map[string]float64) {
	for suffix := host; suffix != ""; {
		for _, l := range b.hosts[suffix] {
			scores[l.signal] = max(scores[l.signal], l.score)
		}
		_, above, found := strings.Cut(suffix, ".")
		if !found {
			return
		}
		suffix = above
	}
}
