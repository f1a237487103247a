package policy

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/decision"
)

// effectKeys lists the keys that each kind of effect may have besides kind;
// one that ends in "!" is required.
func effectKeys(kind decision.EffectKind) []string {
	switch kind {
	case decision.Review:
		return []string{"queue!", "priority"}
	case decision.Label:
		return []string{"label!", "target", "hours"}
	case decision.Strike:
		return []string{"target", "points"}
	case decision.Notify, decision.Report:
		return []string{"to!"}
	case decision.Restrict:
		return []string{"feature!", "target", "hours"}
	case decision.Demonetise:
		return []string{"target", "hours"}
	case decision.Preserve:
		return []string{"target"}
	default: // urgent, and what is no kind
		return nil
	}
}

// effect reads one effect, with its defaults: a review has priority 3 of 1
// (most urgent) to 9, a label and a demonetisation are put on the content, a
// strike (of 1 point) and a restriction on the actor.
func (f *file) effect(n *yaml.Node) decision.Effect {
	var e decision.Effect
	given := map[string]*yaml.Node{}
	f.fields(n, "kind, queue, priority, label, target, points, feature, hours, to", func(key string, v *yaml.Node) bool {
		given[key] = v
		switch key {
		case "kind":
			e.Kind = decision.EffectKind(f.oneOf(v, effectNames()...))
		case "queue":
			e.Queue = f.matching(v, wordPattern, "a word")
		case "priority":
			e.Priority = f.count(v, 9)
		case "label":
			e.Label = f.matching(v, wordPattern, "a word")
		case "target":
			e.Target = f.oneOf(v, "content", "actor")
		case "points":
			e.Points = f.count(v, 1000)
		case "feature":
			e.Feature = f.matching(v, wordPattern, "a word")
		case "hours":
			e.Hours = f.count(v, 24*366*10)
		case "to":
			e.To = f.matching(v, wordPattern, "a word")
		default:
			return false
		}
		return true
	})
	if e.Kind == "" {
		if given["kind"] == nil && n.Kind == yaml.MappingNode {
			f.fault(n, "an effect needs a kind: one of %s", strings.Join(effectNames(), ", "))
		}
		return e
	}
	f.checkEffect(n, e.Kind, given)
	return withDefaults(e)
}

func (f *file) checkEffect(n *yaml.Node, kind decision.EffectKind, given map[string]*yaml.Node) {
	allowed := map[string]bool{"kind": true}
	for _, key := range effectKeys(kind) {
		name, required := strings.CutSuffix(key, "!")
		allowed[name] = true
		if required && given[name] == nil {
			f.fault(n, "effect %s needs %s", kind, name)
		}
	}
	for key, v := range given {
		if !allowed[key] {
			f.fault(v, "effect %s has no %s", kind, key)
		}
	}
}

func withDefaults(e decision.Effect) decision.Effect {
	switch e.Kind {
	case decision.Review:
		if e.Priority == 0 {
			e.Priority = 3
		}
	case decision.Label, decision.Demonetise:
		if e.Target == "" {
			e.Target = "content"
		}
	case decision.Strike:
		e.Points = max(e.Points, 1)
		fallthrough
	case decision.Restrict:
		if e.Target == "" {
			e.Target = "actor"
		}
	default: // the others have none
	}
	return e
}

func effectNames() []string {
	var names []string
	for _, k := range decision.EffectKinds() {
		names = append(names, string(k))
	}
	return names
}
