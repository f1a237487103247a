package policy

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/decision"
)

// Budget bounds how much of one kind of harm a feed may show to one viewer who
// may be under an age, so that it can't pour the same harm over one child. Each
// kind has the budget for itself.
type Budget struct {
	ID       string        `json:"id"`
	Under    int           `json:"under"`
	Kinds    []string      `json:"kinds"`   // of harm: ppc.suicide, or ndc.* for all that begin so
	Window   time.Duration `json:"window"`  // how far back counts what was shown
	Items    int           `json:"items"`   // that may be shown in the window
	Percent  int           `json:"percent"` // of one list, at most
	Source   string        `json:"source,omitempty"`
	Disabled bool          `json:"disabled,omitempty"`
	File     string        `json:"-"`
	Line     int           `json:"-"`
}

// MaxBudgetWindow is the longest window of a budget: what was shown is kept
// under names that change every day, and the older ones are forgotten.
const MaxBudgetWindow = 24 * time.Hour

// Covers reports whether the budget is about a kind of harm.
func (b *Budget) Covers(kind string) bool {
	return slices.ContainsFunc(b.Kinds, func(pattern string) bool { return matches(pattern, kind) })
}

func matches(pattern, kind string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(kind, family)
	}
	return kind == pattern
}

// Budgets lists, by id, the budgets that hold for s.
func (b *Bundle) Budgets(s Subject) []Budget {
	from, _ := s.interval(0)
	var hold []Budget
	for _, budget := range b.budgets {
		if !budget.Disabled && from < budget.Under {
			hold = append(hold, budget)
		}
	}
	return hold
}

var kindPattern = regexp.MustCompile(`^[a-z]+\.([a-z0-9_]+|\*)$`)

func (f *file) budget(n *yaml.Node) Budget {
	b := Budget{Kinds: []string{}, Percent: 100, File: f.path, Line: n.Line}
	f.fields(n, "id, under, kinds, window, items, percent, source", func(key string, v *yaml.Node) bool {
		switch key {
		case "id":
			b.ID = f.matching(v, idPattern, "lower-case letters, digits, '.', '_' or '-'")
		case "under":
			b.Under = f.count(v, 150)
		case "kinds":
			f.items(v, func(item *yaml.Node) { b.Kinds = append(b.Kinds, f.kinds(item)) })
		case "window":
			b.Window = f.window(v)
		case "items":
			b.Items = f.count(v, 10_000)
		case "percent":
			b.Percent = f.count(v, 100)
		case "source":
			b.Source = f.string(v)
		default:
			return false
		}
		return true
	})
	if n.Kind == yaml.MappingNode && (b.ID == "" || b.Under == 0 || len(b.Kinds) == 0 || b.Window == 0 || b.Items == 0) {
		f.fault(n, "a budget needs id, under, kinds, window and items")
	}
	return b
}

// kinds reads a kind of harm, or a family of them: ndc.*.
func (f *file) kinds(n *yaml.Node) string {
	s := f.matching(n, kindPattern, "a kind of harm, for example ppc.suicide, or a family of them, for example ndc.*")
	known := func(k decision.Kind) bool { return matches(s, string(k)) }
	if kindPattern.MatchString(s) && !slices.ContainsFunc(decision.Kinds(), known) {
		f.fault(n, "%q is no kind of harm", s)
	}
	return s
}

// window reads how far back something counts: "24h", "30m".
func (f *file) window(n *yaml.Node) time.Duration {
	s := f.string(n)
	if s == "" {
		return 0
	}
	w, err := parseWindow(s)
	if err != nil || w > MaxBudgetWindow {
		f.fault(n, "%q must be a time of at most %s, for example \"24h\"", s, window(MaxBudgetWindow))
		return MaxBudgetWindow
	}
	return w
}
