package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
)

// Explanation is why one rule did, or did not, apply to an input.
type Explanation struct {
	Rule    string            `json:"rule"`
	File    string            `json:"file"`
	Line    int               `json:"line"`
	Off     string            `json:"off,omitempty"` // why the rule was not evaluated; "" if it was
	Shadow  bool              `json:"shadow,omitempty"`
	Verdict string            `json:"verdict,omitempty"` // over all viewers: true, false, missing
	Applied bool              `json:"applied"`
	Outcome *decision.Outcome `json:"outcome,omitempty"` // the strictest it gave, if it applied
	Parts   []Part            `json:"parts,omitempty"`   // what depends on the event alone
	Viewers []ViewerVerdict   `json:"viewers,omitempty"` // what depends on the viewer
}

// Part is one part of a condition, which are joined by &&.
type Part struct {
	Text  string    `json:"text"`
	Value string    `json:"value"` // true, false, missing
	Reads []Reading `json:"reads,omitempty"`
}

// Reading is one input that a part read.
type Reading struct {
	Name  string `json:"name"`
	Value any    `json:"value,omitempty"` // absent if missing
}

// ViewerVerdict is what a condition came to for one class of viewers.
type ViewerVerdict struct {
	Viewers []string `json:"viewers"` // members' ids, a band, or "self"
	Verdict string   `json:"verdict"`
	Parts   []Part   `json:"parts"`
}

// Explain answers for every rule, by id, why it applied to in or did not.
func (b *Bundle) Explain(ctx context.Context, in *Input) []Explanation {
	s := newState(b.inputs)
	s.begin(ctx, b, in)
	explanations := make([]Explanation, 0, len(b.rules))
	for _, r := range b.rules {
		e := Explanation{Rule: r.ID, File: r.File, Line: r.Line, Shadow: r.Shadow, Off: s.off(r)}
		if e.Off == "" {
			s.explain(r, &e)
		}
		explanations = append(explanations, e)
	}
	return explanations
}

// off is why r is not evaluated for the input at hand, "" if it is.
func (s *state) off(r *rule) string {
	switch {
	case r.Disabled:
		return "disabled by the manifest"
	case !slices.Contains(r.Events, s.in.Type) && !slices.Contains(r.Events, "*"):
		return "not for " + string(s.in.Type)
	case len(r.Jurisdictions) > 0 && !r.places.meets(&s.places):
		return fmt.Sprintf("holds in %s, the event is of %s", strings.Join(r.Jurisdictions, " "), strings.Join(s.names, " "))
	}
	return r.off(s.in.Time)
}

func (s *state) explain(r *rule, e *Explanation) {
	common := s.all(r.event)
	e.Parts = s.parts(r.event)
	overall := no
	for i := range s.viewers {
		s.viewer, s.class = &s.viewers[i], i
		verdict := and(common, s.all(r.viewer))
		overall = or(overall, verdict)
		if len(r.viewer) > 0 {
			e.Viewers = append(e.Viewers, ViewerVerdict{
				Viewers: s.who(i), Verdict: verdict.String(), Parts: s.parts(r.viewer),
			})
		}
	}
	e.Verdict = overall.String()
	e.Applied = overall == yes || overall == unsure && !r.skip
	if e.Applied {
		o := r.outcome(overall)
		e.Outcome = &o
	}
}

func (s *state) parts(conjuncts []*conjunct) []Part {
	parts := make([]Part, len(conjuncts))
	for i, c := range conjuncts {
		parts[i] = Part{Text: c.text, Value: c.eval(s).String()}
		for _, v := range c.reads {
			reading := Reading{Name: v.display()}
			if value, ok := v.value(s); ok {
				reading.Value = value.Value()
			}
			parts[i].Reads = append(parts[i].Reads, reading)
		}
	}
	return parts
}

// display is the variable as authors write it.
func (v *variable) display() string {
	macro, name, ok := strings.Cut(v.name, " ")
	if !ok {
		return v.name
	}
	switch macro {
	case "count":
		p := strings.Split(name, "/")
		return fmt.Sprintf("count(%q, %s, %q)", p[0], p[1], p[2])
	case "label":
		target, kind, _ := strings.Cut(name, ":")
		return fmt.Sprintf("label(%s, %q)", target, kind)
	}
	return fmt.Sprintf("%s(%q)", macro, name)
}

// who are the viewers of a class.
func (s *state) who(class int) []string {
	if first := len(s.viewers) - s.bands; s.bands > 0 && class >= first {
		return []string{s.viewers[class].band}
	}
	var ids []string
	for i, c := range s.members {
		if c == class {
			ids = append(ids, s.in.Members[i].ID)
		}
	}
	if ids == nil {
		return []string{"self"}
	}
	return ids
}
