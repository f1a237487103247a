package policy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/fault"
)

// Rule is one rule as its author wrote it, defaults filled in.
type Rule struct {
	ID            string            `json:"id"`
	Events        []event.Type      `json:"events"`           // "*" is every type
	When          string            `json:"when"`             // CEL
	Viewer        *decision.Outcome `json:"viewer,omitempty"` // for each viewer for whom When holds
	Act           *decision.Outcome `json:"act,omitempty"`    // for the act itself
	Kind          decision.Kind     `json:"kind,omitempty"`
	Text          string            `json:"text"`
	Effects       []decision.Effect `json:"effects"`
	Notice        string            `json:"notice,omitempty"`
	Measures      []string          `json:"measures"`
	Jurisdictions []string          `json:"jurisdictions"` // empty: everywhere
	Period
	Source   string `json:"source,omitempty"`
	OnError  string `json:"on_error"` // "apply", "skip", or an outcome
	Shadow   bool   `json:"shadow,omitempty"`
	Covert   bool   `json:"covert,omitempty"`   // the actor must not learn of it
	Disabled bool   `json:"disabled,omitempty"` // by the manifest
	File     string `json:"-"`
	Line     int    `json:"-"`
}

// Period is when something holds: in [From, To), if its status allows.
type Period struct {
	From   time.Time `json:"valid_from,omitzero"`
	To     time.Time `json:"valid_to,omitzero"`
	Status Status    `json:"status"`
}

// Status is where a law stands.
type Status string

// The statuses. Only in_force ones hold, and enacted ones from their date on.
const (
	InForce   Status = "in_force"
	Announced Status = "announced"
	Proposed  Status = "proposed"
	Enacted   Status = "enacted"
	Enjoined  Status = "enjoined"
)

// On reports whether the period includes t.
func (p *Period) On(t time.Time) bool { return p.off(t) == "" }

// CanHold reports whether the period's status lets it hold at any time.
func (p *Period) CanHold() bool { return p.Status == InForce || p.Status == Enacted }

// off is why the period does not include t, "" if it does.
func (p *Period) off(t time.Time) string {
	switch {
	case !p.CanHold():
		return "status " + string(p.Status)
	case t.Before(p.From):
		return "valid from " + p.From.Format(time.DateOnly)
	case !p.To.IsZero() && !t.Before(p.To):
		return "valid to " + p.To.Format(time.DateOnly)
	}
	return ""
}

// Names that authors give, and the forms of what they cite.
var (
	idPattern      = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,99}$`)
	measurePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*:[A-Za-z0-9][A-Za-z0-9._()/§-]*$`)
	wordPattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)
)

const ruleKeys = "id, events, when, viewer, act, kind, text, effects, notice, measures, jurisdictions, " +
	"valid_from, valid_to, status, source, on_error, shadow, covert"

// ruleSource is a rule with the nodes that later checks point to.
type ruleSource struct {
	Rule
	file   *file
	node   *yaml.Node // the rule itself
	when   *yaml.Node
	notice *yaml.Node
	onErr  *yaml.Node
	covert *yaml.Node
}

func (f *file) rule(n *yaml.Node) *ruleSource {
	r := &ruleSource{file: f, node: n, Rule: Rule{
		Effects: []decision.Effect{}, Measures: []string{}, Jurisdictions: []string{},
		Period: Period{Status: InForce}, OnError: "apply", File: f.path, Line: n.Line,
	}}
	f.fields(n, ruleKeys, func(key string, v *yaml.Node) bool { return r.field(key, v) || f.period(&r.Period, key, v) })
	if n.Kind == yaml.MappingNode {
		r.check()
	}
	return r
}

func (r *ruleSource) field(key string, v *yaml.Node) bool {
	f := r.file
	switch key {
	case "id":
		r.ID = f.matching(v, idPattern, "lower-case letters, digits, '.', '_' or '-'")
		r.node = v
	case "events":
		f.items(v, func(item *yaml.Node) { r.Events = append(r.Events, f.eventType(item)) })
	case "when":
		r.When, r.when = f.bounded(v, maxWhen), v
	case "viewer":
		o := f.outcome(v)
		r.Viewer = &o
	case "act":
		o := f.outcome(v)
		r.Act = &o
	case "kind":
		r.Kind = f.kind(v)
	case "text":
		r.Text = f.string(v)
	case "effects":
		f.items(v, func(item *yaml.Node) { r.Effects = append(r.Effects, f.effect(item)) })
	case "notice":
		r.Notice, r.notice = f.string(v), v
	case "measures":
		r.Measures = f.measures(v)
	case "jurisdictions":
		r.Jurisdictions = f.jurisdictions(v)
	case "source":
		r.Source = f.string(v)
	case "on_error":
		r.OnError, r.onErr = f.string(v), v
	case "shadow":
		r.Shadow = f.bool(v)
	case "covert":
		r.Covert, r.covert = f.bool(v), v
	default:
		return false
	}
	return true
}

// check finds what no single field shows.
func (r *ruleSource) check() {
	missing := func(key string) { r.file.fault(r.node, "rule %s: %s is required", r.name(), key) }
	if r.ID == "" {
		missing("id")
	}
	if len(r.Events) == 0 {
		missing("events")
	}
	if r.when == nil {
		missing("when")
	}
	if r.Text == "" {
		missing("text")
	}
	if r.Viewer == nil && r.Act == nil {
		r.file.fault(r.node, "rule %s: viewer or act is required: what happens?", r.name())
	}
	r.file.checkPeriod(r.node, &r.Period)
	r.checkOnError()
	r.checkCovert()
}

// checkCovert refuses whatever of a covert rule would reach the actor.
func (r *ruleSource) checkCovert() {
	switch {
	case !r.Covert:
	case r.Act != nil:
		r.file.fault(r.covert, "a covert rule has no act: the actor sees what becomes of what they do")
	case r.Notice != "":
		r.file.fault(r.covert, "a covert rule has no notice: it would tell, or take the place of another")
	case slices.ContainsFunc(r.Effects, func(e decision.Effect) bool { return !e.Kind.InDoubt() }):
		r.file.fault(r.covert, "a covert rule has no effects but review: others would show")
	}
}

func (r *ruleSource) written() written {
	return written{text: r.When, file: r.file, node: r.when, mild: r.strictest() <= decision.Inform}
}

func (r *ruleSource) name() string {
	if r.ID == "" {
		return "at line " + fmt.Sprint(r.Line)
	}
	return r.ID
}

// strictest is the strictest outcome that the rule can give to something seen.
func (r *Rule) strictest() decision.Outcome {
	o := decision.Allow
	if r.Viewer != nil {
		o = o.Join(*r.Viewer)
	}
	if r.Act != nil {
		o = o.Join(*r.Act)
	}
	return o
}

// checkOnError refuses what would make a missing input loosen an answer.
func (r *ruleSource) checkOnError() {
	if r.onErr == nil || r.OnError == "apply" {
		return
	}
	if r.OnError == "skip" {
		if r.strictest() > decision.Inform && !r.Shadow {
			r.file.fault(r.onErr, "on_error: skip would loosen the answer when an input is missing: only rules that allow or inform may skip")
		}
		return
	}
	o, ok := decision.ParseOutcome(r.OnError)
	switch {
	case !ok:
		r.file.fault(r.onErr, "on_error must be apply, skip, or one of %s", outcomeNames())
	case o < r.strictest():
		r.file.fault(r.onErr, "on_error: %s is looser than the rule's own outcome %s", o, r.strictest())
	}
}

func (f *file) eventType(n *yaml.Node) event.Type {
	t := event.Type(f.string(n))
	if t != "" && t != "*" && !t.Known() {
		f.fault(n, "%q is not an event type: want one of the known ones, x.<name>, or \"*\" for all", t)
	}
	return t
}

func (f *file) kind(n *yaml.Node) decision.Kind {
	k := decision.Kind(f.string(n))
	if k != "" && !k.Known() {
		f.fault(n, "%q is not a kind of harm%s", k, suggestion(string(k), kindNames()))
	}
	return k
}

func kindNames() []string {
	var names []string
	for _, k := range decision.Kinds() {
		names = append(names, string(k))
	}
	return names
}

func (f *file) measures(n *yaml.Node) []string {
	measures := []string{}
	f.items(n, func(item *yaml.Node) {
		measures = append(measures, f.matching(item, measurePattern, "<code>:<measure>, for example ofcom:ICU-F1"))
	})
	return measures
}

func (f *file) jurisdictions(n *yaml.Node) []string {
	codes := []string{}
	f.items(n, func(item *yaml.Node) { codes = append(codes, f.jurisdiction(item)) })
	slices.Sort(codes)
	return slices.Compact(codes)
}

// period reads the keys that rules and safeguards share.
func (f *file) period(p *Period, key string, v *yaml.Node) bool {
	switch key {
	case "valid_from":
		p.From = f.date(v)
	case "valid_to":
		p.To = f.date(v)
	case "status":
		p.Status = Status(f.oneOf(v, string(InForce), string(Announced), string(Proposed), string(Enacted), string(Enjoined)))
	default:
		return false
	}
	return true
}

func (f *file) checkPeriod(n *yaml.Node, p *Period) {
	if !p.To.IsZero() && !p.To.After(p.From) {
		f.fault(n, "valid_to must be after valid_from")
	}
	if p.Status == Enacted && p.From.IsZero() {
		f.fault(n, "status enacted needs valid_from: the day from which it holds")
	}
}

// suggestion is ": did you mean …?" for the nearest of names, or "".
func suggestion(s string, names []string) string {
	if best := fault.Nearest(s, names); best != "" {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return ""
}
