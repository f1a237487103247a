package policy

import (
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/event"
)

// Needs is what the rules and counters for one event type read beyond the event itself.
// What a caller can't get it reports as Missing.
type Needs struct {
	Signals    []string `json:"signals"`
	Counts     []Count  `json:"counts"`
	Labels     []string `json:"labels"` // "actor:<kind>", "content:<kind>"
	Attributes []string `json:"attributes"`
}

// Needs lists, sorted, what events of type t need, whatever their date and
// place.
func (b *Bundle) Needs(t event.Type) Needs {
	needs := Needs{Signals: []string{}, Counts: []Count{}, Labels: []string{}, Attributes: []string{}}
	seen := map[*variable]bool{}
	read := func(c *condition) {
		for _, part := range slices.Concat(c.event, c.viewer) {
			for _, v := range part.reads {
				if !seen[v] {
					seen[v] = true
					needs.add(b.inputs, v)
				}
			}
		}
	}
	for _, r := range b.rulesFor(t) {
		read(&r.condition)
	}
	for _, c := range b.countersFor(t) {
		read(&c.condition)
	}
	slices.Sort(needs.Signals)
	slices.Sort(needs.Labels)
	slices.Sort(needs.Attributes)
	needs.Attributes = slices.Compact(needs.Attributes)
	slices.SortFunc(needs.Counts, func(x, y Count) int { return strings.Compare(x.Key(), y.Key()) })
	return needs
}

func (n *Needs) add(in *inputs, v *variable) {
	what, name, _ := strings.Cut(v.name, " ")
	switch what {
	case "signal":
		n.Signals = append(n.Signals, name)
	case "count":
		n.Counts = append(n.Counts, in.windows[name])
	case "label":
		n.Labels = append(n.Labels, name)
	case "attr", "has_attr":
		n.Attributes = append(n.Attributes, name)
	}
}
