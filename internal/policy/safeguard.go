package policy

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

var clockPattern = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// Safeguard is a set of protective defaults for whoever may be under an age.
type Safeguard struct {
	ID            string         `json:"id"`
	Under         int            `json:"under,omitempty"` // 0: every age
	Effects       map[string]any `json:"effects"`
	Locked        []string       `json:"locked"`
	Measures      []string       `json:"measures"`
	Jurisdictions []string       `json:"jurisdictions"`
	Period
	Source   string `json:"source,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
	File     string `json:"-"`
	Line     int    `json:"-"`
}

type safeguard struct {
	Safeguard
	places mask
}

// Safeguards is what an account's settings must be at one time and place.
type Safeguards struct {
	Effects    map[string]any  `json:"effects"` // by feature: bool, string, int or Interval
	Locked     []string        `json:"locked"`  // what the person can't loosen alone
	Rules      []SafeguardRule `json:"rules"`
	ValidUntil time.Time       `json:"valid_until,omitzero"` // when to ask again: the next date that changes anything
	Applied    []string        `json:"-"`                    // every safeguard that holds, also where another is stricter
}

// SafeguardRule names the rule behind one effect.
type SafeguardRule struct {
	Effect   string   `json:"effect"`
	Rule     string   `json:"rule"`
	Measures []string `json:"measures"`
}

// Safeguards joins what every safeguard asks for that holds at t where the
// subject, or one of the markets, is; the strictest wins, feature by feature.
// An unknown country brings in everyone's.
func (b *Bundle) Safeguards(s Subject, at time.Time, markets []string) Safeguards {
	out := Safeguards{Effects: map[string]any{}, Locked: []string{}, Rules: []SafeguardRule{}}
	where := b.placesOf(s, markets)
	from, _ := s.interval(0)
	by := map[string]*safeguard{}
	table := settings()
	for i := range table {
		if table[i].normal != nil {
			out.Effects[table[i].name] = table[i].normal
		}
	}
	for _, g := range b.safeguards {
		if g.Disabled || g.Under > 0 && from >= g.Under || len(g.Jurisdictions) > 0 && !g.places.meets(&where) {
			continue
		}
		out.ValidUntil = g.nextChange(at, out.ValidUntil)
		if !g.On(at) {
			continue
		}
		out.Applied = append(out.Applied, g.ID)
		for i := range table {
			st := &table[i]
			value, ok := g.Effects[st.name]
			if !ok {
				continue
			}
			old := out.Effects[st.name]
			if by[st.name] == nil || st.stricter(value, old) {
				by[st.name] = g
			}
			out.Effects[st.name] = st.join(old, value)
		}
		out.Locked = append(out.Locked, g.Locked...)
	}
	for i := range table {
		if g := by[table[i].name]; g != nil {
			out.Rules = append(out.Rules, SafeguardRule{Effect: table[i].name, Rule: g.ID, Measures: g.Measures})
		}
	}
	slices.Sort(out.Locked)
	out.Locked = slices.Compact(out.Locked)
	return out
}

// nextChange is the earlier of known and the period's next boundary after at.
func (p *Period) nextChange(at, known time.Time) time.Time {
	if !p.CanHold() {
		return known
	}
	for _, t := range []time.Time{p.From, p.To} {
		if t.After(at) && (known.IsZero() || t.Before(known)) {
			known = t
		}
	}
	return known
}

// placesOf is the set of jurisdictions that hold for s.
func (b *Bundle) placesOf(s Subject, markets []string) mask {
	if s.Country == "" {
		return b.places.all
	}
	m := b.places.mask(JurisdictionsOf(s.Country, s.Region))
	m.add(b.places.mask(expand(markets)))
	m.add(b.places.mask(b.everywhere))
	return m
}

func (f *file) safeguard(n *yaml.Node) *Safeguard {
	g := &Safeguard{
		Effects: map[string]any{}, Locked: []string{}, Measures: []string{}, Jurisdictions: []string{},
		Period: Period{Status: InForce}, File: f.path, Line: n.Line,
	}
	var locked []*yaml.Node
	f.fields(n, "id, under, effects, locked, measures, jurisdictions, valid_from, valid_to, status, source", func(key string, v *yaml.Node) bool {
		switch key {
		case "id":
			g.ID = f.matching(v, idPattern, "lower-case letters, digits, '.', '_' or '-'")
		case "under":
			g.Under = f.count(v, 150)
		case "effects":
			g.Effects = f.settingValues(v)
		case "locked":
			f.items(v, func(item *yaml.Node) {
				g.Locked = append(g.Locked, f.string(item))
				locked = append(locked, item)
			})
		case "measures":
			g.Measures = f.measures(v)
		case "jurisdictions":
			g.Jurisdictions = f.jurisdictions(v)
		case "source":
			g.Source = f.string(v)
		default:
			return f.period(&g.Period, key, v)
		}
		return true
	})
	if n.Kind != yaml.MappingNode {
		return g
	}
	if g.ID == "" {
		f.fault(n, "a safeguard needs an id")
	}
	if len(g.Effects) == 0 {
		f.fault(n, "safeguard %s needs effects", g.ID)
	}
	for i, name := range g.Locked {
		if _, ok := g.Effects[name]; !ok && name != "" {
			f.fault(locked[i], "locked: %q is not among this safeguard's effects", name)
		}
	}
	f.checkPeriod(n, &g.Period)
	return g
}

func (f *file) settingValues(n *yaml.Node) map[string]any {
	values := map[string]any{}
	table := settings()
	f.fields(n, strings.Join(settingNames(), ", "), func(key string, v *yaml.Node) bool {
		i := slices.IndexFunc(table, func(st setting) bool { return st.name == key })
		if i < 0 {
			return false
		}
		if value := f.settingValue(&table[i], v); value != nil {
			values[key] = value
		}
		return true
	})
	return values
}
