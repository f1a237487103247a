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
	bundle   *policy.Bundle
	detect   *detect.Set
	needed   map[event.Type]policy.Needs // of the known event types
	counters map[string]policy.Counter   // by name
}

// needs is what must be known of events of a type.
func (r *rules) needs(t event.Type) policy.Needs {
	if n, ok := r.needed[t]; ok {
		return n
	}
	return r.bundle.Needs(t) // a type of the platform's own
}

// NewRules holds the bundle and the detectors.
func NewRules(b *policy.Bundle, d *detect.Set) *Rules {
	r := &Rules{}
	r.Replace(b, d)
	return r
}

// Replace decides by these from the next event on.
func (r *Rules) Replace(b *policy.Bundle, d *detect.Set) {
	next := &rules{bundle: b, detect: d, needed: map[event.Type]policy.Needs{}, counters: map[string]policy.Counter{}}
	for _, t := range event.Types() {
		next.needed[t] = b.Needs(t)
	}
	for _, c := range b.Counters() {
		next.counters[c.Name] = c
	}
	r.held.Store(next)
}

// Bundle is the bundle in force.
func (r *Rules) Bundle() *policy.Bundle { return r.load().bundle }

func (r *Rules) load() *rules { return r.held.Load() }
