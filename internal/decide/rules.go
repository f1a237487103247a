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
	bundle    *policy.Bundle
	detect    *detect.Set
	needed    map[event.Type]policy.Needs // of the known event types
	wanted    map[event.Type][]string     // of detectors, likewise
	converses map[event.Type]bool         // whether a rule reads signals of conversations
	counters  map[string]policy.Counter   // by name
}

// needs is what must be known of events of a type.
func (r *rules) needs(t event.Type) policy.Needs {
	if n, ok := r.needed[t]; ok {
		return n
	}
	return r.bundle.Needs(t) // a type of the platform's own
}

// looks is what detectors must look for in events of a type.
func (r *rules) looks(t event.Type) []string {
	if w, ok := r.wanted[t]; ok {
		return w
	}
	w, _ := wanted(t, r.needs(t).Signals)
	return w
}

// NewRules holds the bundle and the detectors.
func NewRules(b *policy.Bundle, d *detect.Set) *Rules {
	r := &Rules{}
	r.Replace(b, d)
	return r
}

// Replace decides by these from the next event on.
func (r *Rules) Replace(b *policy.Bundle, d *detect.Set) {
	next := &rules{
		bundle: b, detect: d, needed: map[event.Type]policy.Needs{}, wanted: map[event.Type][]string{},
		converses: map[event.Type]bool{}, counters: map[string]policy.Counter{},
	}
	for _, t := range event.Types() {
		next.needed[t] = b.Needs(t)
		next.wanted[t], next.converses[t] = wanted(t, next.needed[t].Signals)
	}
	for _, c := range b.Counters() {
		next.counters[c.Name] = c
	}
	r.held.Store(next)
}

// Bundle is the bundle in force.
func (r *Rules) Bundle() *policy.Bundle { return r.load().bundle }

func (r *Rules) load() *rules { return r.held.Load() }
