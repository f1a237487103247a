package policy

import (
	"cmp"
	"slices"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// answer puts the result together from what the rules asked for.
func (s *state) answer() Result {
	// Strictest first; rules were judged by id, and the sort is stable.
	slices.SortStableFunc(s.hits, func(a, b hit) int { return cmp.Compare(b.outcome, a.outcome) })
	result := Result{
		Outcome:       s.act,
		Reasons:       s.reasons(false),
		Shadow:        s.reasons(true),
		Members:       s.memberOutcomes(),
		Bands:         s.bandOutcomes(),
		Effects:       s.mergedEffects(),
		Notice:        s.notice(),
		Degraded:      s.degraded(),
		Jurisdictions: append(make([]string, 0, len(s.names)), s.names...),
	}
	if s.bands == 0 {
		for _, o := range s.outcomes {
			result.Outcome = result.Outcome.Join(o)
		}
	}
	if slices.ContainsFunc(s.hits, func(h hit) bool { return h.rule.Covert && !h.rule.Shadow }) {
		if apparent := s.apparent(); apparent != result.Outcome {
			result.Apparent = &apparent
		}
	}
	return result
}

// apparent is the outcome without what covert rules do.
func (s *state) apparent() decision.Outcome {
	outcome := s.act
	if s.bands > 0 {
		return outcome
	}
	for i := range s.hits {
		h := &s.hits[i]
		if h.rule.Shadow || h.rule.Covert {
			continue
		}
		for class := range s.viewers {
			outcome = outcome.Join(h.rule.give(h.rule.Viewer, s.verdicts[h.first+class]))
		}
	}
	return outcome
}

func (s *state) reasons(shadow bool) []decision.Reason {
	n := 0
	for i := range s.hits {
		if s.hits[i].rule.Shadow == shadow {
			n++
		}
	}
	reasons := make([]decision.Reason, 0, n)
	for i := range s.hits {
		h := &s.hits[i]
		if r := h.rule; r.Shadow == shadow {
			reasons = append(reasons, decision.Reason{
				Rule: r.ID, Kind: r.Kind, Outcome: h.outcome, Text: r.Text,
				Measures: r.Measures, Jurisdictions: r.Jurisdictions, Doubt: h.verdict == unsure, Covert: r.Covert,
			})
		}
	}
	return reasons
}

// memberOutcomes is the outcome for each named member, with the rules that
// gave it. Members of one class share the list of rules.
func (s *state) memberOutcomes() []decision.Member {
	if len(s.members) == 0 {
		return nil
	}
	members := make([]decision.Member, len(s.members))
	rules := s.rulesByClass()
	for i, class := range s.members {
		m := &s.in.Members[i]
		members[i] = decision.Member{ID: m.ID, Band: m.Band, Outcome: s.outcomes[class], Rules: rules[class]}
	}
	return members
}

// rulesByClass lists for each class the rules that apply to it, strictest first.
func (s *state) rulesByClass() [][]string {
	n := 0
	for i := range s.hits {
		for class := range s.viewers {
			if s.touches(&s.hits[i], class) {
				n++
			}
		}
	}
	all := make([]string, 0, n)
	rules := make([][]string, len(s.viewers))
	for class := range s.viewers {
		start := len(all)
		for i := range s.hits {
			if s.touches(&s.hits[i], class) {
				all = append(all, s.hits[i].rule.ID)
			}
		}
		rules[class] = all[start:len(all):len(all)]
	}
	return rules
}

// touches reports whether the rule applies to that class of viewers: for what
// it is, or because nobody gets to see the act.
func (s *state) touches(h *hit, class int) bool {
	r := h.rule
	if r.Shadow {
		return false
	}
	return s.verdicts[h.first+class] != no && r.Viewer != nil || r.give(r.Act, h.verdict) >= decision.Hold
}

// bandOutcomes is the outcome for each of the six bands. A younger band's is
// at least as strict as an older one's, whatever the rules say.
func (s *state) bandOutcomes() []decision.Band {
	if s.bands == 0 {
		return nil
	}
	outcomes := s.outcomes[len(s.outcomes)-s.bands:]
	bands := make([]decision.Band, s.bands)
	strictest := decision.Allow
	for i := s.bands - 1; i >= 0; i-- {
		strictest = strictest.Join(outcomes[i])
		bands[i] = decision.Band{Band: event.Band0to5 + event.Band(i), Outcome: strictest}
	}
	return bands
}

// mergedEffects are the effects of every rule that applied, each once: the
// most urgent priority, the most points and the longest time of equal ones.
// A rule that applied in doubt has only the effects that need nothing seen.
func (s *state) mergedEffects() []decision.Effect {
	for i := range s.hits {
		h := &s.hits[i]
		if h.rule.Shadow {
			continue
		}
		effects := h.rule.Effects
		if h.verdict == unsure {
			effects = h.rule.mild
		}
		for j := range effects {
			s.merge(&effects[j])
		}
	}
	return append(make([]decision.Effect, 0, len(s.effects)), s.effects...)
}

func (s *state) merge(e *decision.Effect) {
	for i := range s.effects {
		old := &s.effects[i]
		if old.Kind != e.Kind || old.Queue != e.Queue || old.Label != e.Label || old.Target != e.Target ||
			old.Feature != e.Feature || old.To != e.To {
			continue
		}
		if e.Priority != 0 && (old.Priority == 0 || e.Priority < old.Priority) {
			old.Priority = e.Priority
		}
		old.Points = max(old.Points, e.Points)
		if old.Hours == 0 || e.Hours == 0 {
			old.Hours = 0 // until it is lifted
		} else {
			old.Hours = max(old.Hours, e.Hours)
		}
		return
	}
	s.effects = append(s.effects, *e)
}

// notice is the one of the strictest rule that has one, for the person it
// speaks to. One that is marked to come first goes before it, if what it is
// about was seen: who asks for help gets help, whatever else is said.
func (s *state) notice() *decision.Notice {
	var speaks *hit
	for i := range s.hits {
		h := &s.hits[i]
		if h.rule.Shadow || h.rule.notice == nil {
			continue
		}
		if h.rule.notice.First && h.verdict == yes {
			speaks = h
			break
		}
		if speaks == nil {
			speaks = h
		}
	}
	if speaks == nil {
		return nil
	}
	n, who := speaks.rule.notice, &s.actor
	if n.Audience == "viewer" {
		who = &s.firstViewer(speaks).person
	}
	return n.in(s.in.Language, who)
}

// firstViewer is the first class for which the rule applied.
func (s *state) firstViewer(h *hit) *viewer {
	for class := range s.viewers {
		if s.verdicts[h.first+class] != no {
			return &s.viewers[class]
		}
	}
	return &s.viewers[0]
}

// degraded lists every missing input, with the rules that applied because of it.
func (s *state) degraded() []decision.Degraded {
	if len(s.in.Missing) == 0 && len(s.doubts) == 0 {
		return []decision.Degraded{}
	}
	degraded := make([]decision.Degraded, 0, len(s.in.Missing)+len(s.doubts))
	for _, m := range s.in.Missing {
		degraded = append(degraded, decision.Degraded{Input: m.Input, Why: m.Why})
	}
	for _, d := range s.doubts {
		i := slices.IndexFunc(degraded, func(g decision.Degraded) bool { return g.Input == d.input })
		if i < 0 {
			i = len(degraded)
			degraded = append(degraded, decision.Degraded{Input: d.input, Why: d.why})
		}
		if !d.rule.skip && !slices.Contains(degraded[i].Rules, d.rule.ID) {
			degraded[i].Rules = append(degraded[i].Rules, d.rule.ID)
		}
	}
	slices.SortStableFunc(degraded, func(a, b decision.Degraded) int { return cmp.Compare(a.Input, b.Input) })
	return degraded
}
