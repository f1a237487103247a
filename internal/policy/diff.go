package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Change is one thing that two bundles do differently.
type Change struct {
	What   string  `json:"what"`   // "rule", "safeguard", "counter", "budget", "list", "notice", "resources", "everywhere"
	ID     string  `json:"id"`     // "" for what has no name
	Change string  `json:"change"` // "added", "removed", "changed"
	Fields []Field `json:"fields,omitempty"`
}

// Field is one key that changed, both values as JSON; "" is absent.
type Field struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

// Diff lists what b2 does differently from b1, rules first, by id. Bundles of
// one digest have no changes.
func Diff(b1, b2 *Bundle) []Change {
	changes := []Change{}
	for _, part := range []struct {
		what     string
		old, new map[string]any
	}{
		{"rule", byID(b1.Rules(), func(r Rule) string { return r.ID }), byID(b2.Rules(), func(r Rule) string { return r.ID })},
		{"safeguard", byID(b1.SafeguardRules(), func(g Safeguard) string { return g.ID }), byID(b2.SafeguardRules(), func(g Safeguard) string { return g.ID })},
		{"counter", byID(b1.declared(), func(c Counter) string { return c.Name }), byID(b2.declared(), func(c Counter) string { return c.Name })},
		{"budget", byID(b1.budgets, func(b Budget) string { return b.ID }), byID(b2.budgets, func(b Budget) string { return b.ID })},
		{"list", anyMap(b1.lists), anyMap(b2.lists)},
		{"notice", anyMap(b1.notices), anyMap(b2.notices)},
		{"resources", map[string]any{"": b1.resources}, map[string]any{"": b2.resources}},
		{"everywhere", map[string]any{"": b1.everywhere}, map[string]any{"": b2.everywhere}},
	} {
		changes = append(changes, diff(part.what, part.old, part.new)...)
	}
	return changes
}

func diff(what string, before, after map[string]any) []Change {
	var changes []Change
	ids := slices.Sorted(maps.Keys(before))
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[id]; !ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		old, hadIt := before[id]
		now, hasIt := after[id]
		switch {
		case !hadIt:
			changes = append(changes, Change{What: what, ID: id, Change: "added"})
		case !hasIt:
			changes = append(changes, Change{What: what, ID: id, Change: "removed"})
		default:
			if fields := changedFields(old, now); len(fields) > 0 {
				changes = append(changes, Change{What: what, ID: id, Change: "changed", Fields: fields})
			}
		}
	}
	return changes
}

func changedFields(old, now any) []Field {
	before, after := fieldsOf(old), fieldsOf(now)
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	var fields []Field
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if before[key] != after[key] {
			fields = append(fields, Field{Key: key, Old: before[key], New: after[key]})
		}
	}
	return fields
}

// fieldsOf is v's JSON, key by key; what is no object has one key, "".
func fieldsOf(v any) map[string]string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("policy: a bundle is not JSON: " + err.Error()) // every field is a plain value
	}
	var object map[string]json.RawMessage
	if !strings.HasPrefix(string(data), "{") || json.Unmarshal(data, &object) != nil {
		return map[string]string{"": string(data)}
	}
	fields := map[string]string{}
	for key, value := range object {
		fields[key] = string(value)
	}
	return fields
}

func byID[T any](items []T, id func(T) string) map[string]any {
	m := map[string]any{}
	for _, item := range items {
		m[id(item)] = item
	}
	return m
}

func anyMap[T any](m map[string]T) map[string]any {
	out := map[string]any{}
	for key, value := range m {
		out[key] = value
	}
	return out
}
