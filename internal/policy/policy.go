// Package policy turns YAML bundles of CEL rules into answers. A Bundle is
// immutable; its Eval is pure: the same Input under the same Bundle gives the
// same Result, live, in shadow, in a simulation and in a test.
//
// Three ideas carry it. Outcomes only ever join: each rule that applies can
// make the answer stricter, none looser. Doubt protects: a condition that
// can't be computed is answered by the rule's on_error, and "minor" and
// "adult" both mean "may be". Law is data: each rule has dates, a status and
// jurisdictions, and a decision can be made as of any day.
//
// docs/policy-language.md describes the language.
package policy

import (
	"slices"
	"sync"

	"github.com/breakwater-project/breakwater/event"
)

// Bundle is a compiled, immutable set of rules. It is safe for concurrent use.
type Bundle struct {
	name       string
	digest     string
	rules      []*rule // by id
	byType     map[event.Type][]*rule
	anyType    []*rule // for types that no rule names
	lists      map[string][]string
	notices    map[string]*notice
	resources  []Resource
	safeguards []*safeguard // by id
	budgets    []Budget     // by id
	everywhere []string
	counters   []*counter // by name
	places     places
	inputs     *inputs
	warnings   Errors
	pool       *sync.Pool // of *state

	countersByType map[event.Type][]*counter // those that are kept
	countersOfAny  []*counter                // for types that no counter names
}

// Name is the manifest's name of the bundle.
func (b *Bundle) Name() string { return b.name }

// Digest is "sha256:<hex>" over everything that decides: two bundles with the
// same digest give the same answers, whatever their comments and layout.
func (b *Bundle) Digest() string { return b.digest }

// Warnings are the doubts of the compiler: the bundle works, but its author
// should look.
func (b *Bundle) Warnings() Errors { return slices.Clone(b.warnings) }

// Rules lists the rules by id, also those that are disabled or not in force.
func (b *Bundle) Rules() []Rule {
	rules := make([]Rule, len(b.rules))
	for i, r := range b.rules {
		rules[i] = r.Rule
	}
	return rules
}

// SafeguardRules lists the safeguards by id, also those that are disabled or
// not in force.
func (b *Bundle) SafeguardRules() []Safeguard {
	safeguards := make([]Safeguard, len(b.safeguards))
	for i, g := range b.safeguards {
		safeguards[i] = g.Safeguard
	}
	return safeguards
}

// Has reports whether the bundle has a rule or safeguard of that id.
func (b *Bundle) Has(id string) bool {
	return slices.ContainsFunc(b.rules, func(r *rule) bool { return r.ID == id }) ||
		slices.ContainsFunc(b.safeguards, func(g *safeguard) bool { return g.ID == id })
}

// Only is b reduced to the rule, or safeguard, of that id, to look at it alone.
func (b *Bundle) Only(id string) *Bundle {
	only := *b
	only.byType, only.anyType = map[event.Type][]*rule{}, nil
	only.rules = slices.DeleteFunc(slices.Clone(b.rules), func(r *rule) bool { return r.ID != id })
	only.safeguards = slices.DeleteFunc(slices.Clone(b.safeguards), func(g *safeguard) bool { return g.ID != id })
	only.index()
	only.digest = only.sum()
	return &only
}

// rulesFor lists the rules for events of type t, by id.
func (b *Bundle) rulesFor(t event.Type) []*rule {
	if rules, ok := b.byType[t]; ok {
		return rules
	}
	return b.anyType
}
