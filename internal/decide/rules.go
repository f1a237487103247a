package decide

import (
	"sync/atomic"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// Rules holds what decides: a bundle and the detectors that its rules read.
// Both change together, between two events and never within one.
type Rules struct{ held atomic.Pointer[rules] }

type rules struct {
	bundle *policy.Bundle
	detect *detect.Set
	needs  map[event.Type][]string // signals, by known event type
}

// signals lists what detectors must look for in events of a type.
func (r *rules) signals(t event.Type) []string {
	if s, ok := r.needs[t]; ok {
		return s
	}
	return r.bundle.Needs(t).Signals // a type of the platform's own
}

// NewRules holds the bundle and the detectors.
func NewRules(b *policy.Bundle, d *detect.Set) *Rules {
	r := &Rules{}
	r.Replace(b, d)
	return r
}

// Replace decides by these from the next event on.
func (r *Rules) Replace(b *policy.Bundle, d *detect.Set) {
	next := &rules{bundle: b, detect: d, needs: map[event.Type][]string{}}
	for _, t := range event.Types() {
		next.needs[t] = b.Needs(t).Signals
	}
	r.held.Store(next)
}

// Bundle is the bundle in force.
func (r *Rules) Bundle() *policy.Bundle { return r.load().bundle }

func (r *Rules) load() *rules { return r.held.Load() }
