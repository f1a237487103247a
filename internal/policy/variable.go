package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/breakwater-project/breakwater/event"
)

// tri is Kleene's truth: an expression that reads a missing input is unsure,
// unless the rest of it settles the matter.
type tri uint8

const (
	no tri = iota
	yes
	unsure
)

func truth(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) String() string { return [...]string{"false", "true", "missing"}[t] }

// variable is one name that a condition can read. Exactly one of its readers
// is set; a reader answers unsure, or false, when the input is missing.
type variable struct {
	name   string
	input  string // how a decision names it when it is missing; "" if it never is
	viewer bool   // differs from viewer to viewer
	index  int    // among the bundle's variables
	bool   func(*state) tri
	int    func(*state) (int64, bool)
	double func(*state) (float64, bool)
	string func(*state) string
	time   func(*state) time.Time
	dyn    func(*state) (any, bool)
}

func (v *variable) celType() *types.Type {
	switch {
	case v.bool != nil:
		return cel.BoolType
	case v.int != nil:
		return cel.IntType
	case v.double != nil:
		return cel.DoubleType
	case v.string != nil:
		return cel.StringType
	case v.time != nil:
		return cel.TimestampType
	}
	return cel.DynType
}

// value is the variable as CEL has it, false if it is missing.
func (v *variable) value(s *state) (ref.Val, bool) {
	switch {
	case v.bool != nil:
		t := v.bool(s)
		return types.Bool(t == yes), t != unsure
	case v.int != nil:
		i, ok := v.int(s)
		return types.Int(i), ok
	case v.double != nil:
		d, ok := v.double(s)
		return types.Double(d), ok
	case v.string != nil:
		return types.String(v.string(s)), true
	case v.time != nil:
		return types.Timestamp{Time: v.time(s)}, true
	}
	value, ok := v.dyn(s)
	if !ok {
		return nil, false
	}
	return types.DefaultTypeAdapter.NativeToValue(value), true
}

// inputs are the variables that a bundle's conditions can read: the fixed
// ones, and a slot for each signal, count, label and attribute they name.
type inputs struct {
	variables []*variable
	byName    map[string]*variable
	signals   slots
	counts    slots // by CountKey
	tallies   slots // by CountKey: the counts that differ from viewer to viewer
	labels    slots // "actor:<kind>", "content:<kind>"
	attrs     slots
	windows   map[string]Count // by CountKey
}

// slots numbers names.
type slots struct {
	names []string
	index map[string]int
}

func (s *slots) add(name string) (i int, isNew bool) {
	if i, ok := s.index[name]; ok {
		return i, false
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	i = len(s.names)
	s.names = append(s.names, name)
	s.index[name] = i
	return i, true
}

func newInputs() *inputs {
	in := &inputs{byName: map[string]*variable{}, windows: map[string]Count{}}
	for _, v := range eventVariables() {
		in.declare(v)
	}
	for _, v := range personVariables("actor", func(s *state) *person { return &s.actor }) {
		in.declare(v)
	}
	for _, v := range personVariables("viewer", func(s *state) *person { return &s.viewer.person }) {
		v.viewer = true
		in.declare(v)
	}
	for _, v := range viewerVariables() {
		v.viewer = true
		in.declare(v)
	}
	return in
}

func (in *inputs) declare(v variable) string {
	v.index = len(in.variables)
	in.variables = append(in.variables, &v)
	in.byName[v.name] = &v
	return v.name
}

func eventVariables() []variable {
	count := func(read func(*Content) int) func(*state) (int64, bool) {
		return func(s *state) (int64, bool) { return int64(read(&s.in.Content)), true }
	}
	return []variable{
		{name: "event.type", string: func(s *state) string { return string(s.in.Type) }},
		{name: "event.surface", string: func(s *state) string { return string(s.in.Surface) }},
		{name: "event.scope", string: func(s *state) string { return string(s.in.Scope) }},
		{name: "event.private", bool: func(s *state) tri { return truth(s.in.Private) }},
		{name: "event.reply", bool: func(s *state) tri { return truth(s.in.Reply) }},
		{name: "event.time_critical", bool: func(s *state) tri {
			return truth(s.in.Surface == event.SurfaceGame && s.in.Attributes["time_critical"] == true)
		}},
		{name: "event.time", time: func(s *state) time.Time { return s.in.Time }},
		{name: "content.language", string: func(s *state) string { return s.in.Content.Language }},
		{name: "content.text_present", bool: func(s *state) tri { return truth(s.in.Content.Length > 0) }},
		{name: "content.length", int: count(func(c *Content) int { return c.Length })},
		{name: "content.images", int: count(func(c *Content) int { return c.Images })},
		{name: "content.videos", int: count(func(c *Content) int { return c.Videos })},
		{name: "content.links", int: count(func(c *Content) int { return c.Links })},
	}
}

func personVariables(who string, of func(*state) *person) []variable {
	return []variable{
		{name: who + ".band", string: func(s *state) string { return of(s).band }},
		{name: who + ".age_from", int: func(s *state) (int64, bool) { return of(s).from, true }},
		{name: who + ".age_to", int: func(s *state) (int64, bool) { return of(s).to, true }},
		{name: who + ".minor", bool: func(s *state) tri { return truth(of(s).minor) }},
		{name: who + ".adult", bool: func(s *state) tri { return truth(of(s).adult) }},
		{name: who + ".proven_adult", bool: func(s *state) tri { return truth(of(s).proven) }},
		{name: who + ".basis", string: func(s *state) string { return of(s).basis }},
		{name: who + ".country", string: func(s *state) string { return of(s).country }},
		{name: who + ".account_days", input: "account_days:" + who, int: func(s *state) (int64, bool) {
			p := of(s)
			return p.days, p.hasDays
		}},
		{name: who + ".local_hour", input: "local_hour:" + who, int: func(s *state) (int64, bool) {
			p := of(s)
			return p.hour, p.hasHour
		}},
	}
}

func viewerVariables() []variable {
	return []variable{
		{name: "viewer.connected", bool: func(s *state) tri { return truth(s.viewer.connected) }},
		{name: "viewer.mutuals", int: func(s *state) (int64, bool) { return s.viewer.mutuals, true }},
		{name: "viewer.blocked", input: "blocks:viewer", bool: func(s *state) tri { return s.viewer.blocked }},
		{name: "viewer.muted", input: "blocks:viewer", bool: func(s *state) tri { return s.viewer.muted }},
		{name: "viewer.named", bool: func(s *state) tri { return truth(s.viewer.named) }},
		{name: "viewer.self", bool: func(s *state) tri { return truth(s.viewer.self) }},
	}
}

// signal is the variable for signal("name"); the others below likewise. A
// space in a variable's name keeps authors from writing it directly.
func (in *inputs) signal(name string) string {
	i, isNew := in.signals.add(name)
	if !isNew {
		return "signal " + name
	}
	return in.declare(variable{name: "signal " + name, input: "signal:" + name, double: func(s *state) (float64, bool) {
		v := s.signals[i]
		return v, v == v // NaN is missing
	}})
}

func (in *inputs) count(c Count) string {
	key := c.Key()
	slots, read := &in.counts, func(s *state, i int) float64 { return s.counts[i] }
	if perViewer(c.Of) {
		slots, read = &in.tallies, func(s *state, i int) float64 { return s.tally(s.viewer.tally)[i] }
	}
	i, isNew := slots.add(key)
	if !isNew {
		return "count " + key
	}
	in.windows[key] = c
	return in.declare(variable{name: "count " + key, input: "count:" + key, viewer: perViewer(c.Of), double: func(s *state) (float64, bool) {
		v := read(s, i)
		return v, v == v
	}})
}

func (in *inputs) label(target, kind string) string {
	name := target + ":" + kind
	i, isNew := in.labels.add(name)
	if !isNew {
		return "label " + name
	}
	return in.declare(variable{name: "label " + name, input: "label:" + target, bool: func(s *state) tri { return s.labels[i] }})
}

func (in *inputs) attr(name string) string {
	if _, isNew := in.attrs.add(name); !isNew {
		return "attr " + name
	}
	in.declare(variable{name: "has_attr " + name, bool: func(s *state) tri {
		_, ok := s.in.Attributes[name]
		return truth(ok)
	}})
	return in.declare(variable{name: "attr " + name, input: "attribute:" + name, dyn: func(s *state) (any, bool) {
		v, ok := s.in.Attributes[name]
		return v, ok
	}})
}

// Count names one counter: how often, or how many, in the window before now.
type Count struct {
	Name   string        `json:"name"`
	Of     string        `json:"of"` // actor, viewer, pair, content or conversation
	Window time.Duration `json:"window"`
}

// Key is how Input.Counts and Missing name the counter:
// "dm.to_new_minors/actor/24h".
func (c Count) Key() string {
	return c.Name + "/" + c.Of + "/" + window(c.Window)
}

// PerViewer reports whether it differs from viewer to viewer, and is a member's.
func (c Count) PerViewer() bool { return perViewer(c.Of) }

// ParseCount reads a Key; the window may be written in any way, as 7d.
func ParseCount(key string) (Count, error) {
	p := strings.Split(key, "/")
	if len(p) != 3 || !idPattern.MatchString(p[0]) || !slices.Contains(owners(), p[1]) {
		return Count{}, fmt.Errorf("%q must be a count, as dm.sent/actor/24h", key)
	}
	w, err := parseWindow(p[2])
	return Count{Name: p[0], Of: p[1], Window: w}, err
}

// CountKey is the Key of that counter.
func CountKey(name, of string, w time.Duration) string { return Count{name, of, w}.Key() }

// window is the shortest way to write a duration in whole hours, minutes or
// seconds.
func window(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
