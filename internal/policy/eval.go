package policy

import (
	"context"

	"github.com/breakwater-project/breakwater/decision"
)

// rule is a Rule, compiled.
type rule struct {
	Rule
	condition
	notice   *notice
	places   mask
	from, to int64             // Unix microseconds; [from, to)
	skip     bool              // on_error: skip
	onError  *decision.Outcome // on_error: an outcome
	mild     []decision.Effect // the effects that need nothing seen
}

const (
	beginning = -1 << 63
	forever   = 1<<63 - 1
)

func newRule(r *ruleSource, b *Bundle) *rule {
	c := &rule{
		Rule: r.Rule, notice: b.notices[r.Notice], places: b.places.mask(r.Jurisdictions),
		from: beginning, to: forever, skip: r.OnError == "skip",
	}
	if !r.From.IsZero() {
		c.from = r.From.UnixMicro()
	}
	if !r.To.IsZero() {
		c.to = r.To.UnixMicro()
	}
	if o, ok := decision.ParseOutcome(r.OnError); ok {
		c.onError = &o
	}
	for i := range c.Effects {
		c.Effects[i].Rule = c.ID
		if c.Effects[i].Kind.InDoubt() {
			c.mild = append(c.mild, c.Effects[i])
		}
	}
	return c
}

// on reports whether the rule holds at that time for an event of those places.
// A status that is never on is not indexed in the first place.
func (r *rule) on(at int64, where *mask) bool {
	return at >= r.from && at < r.to && (len(r.Jurisdictions) == 0 || r.places.meets(where))
}

// Eval answers in. It is pure: it reads nothing but its arguments and changes
// nothing. ctx only bounds the time of conditions that are expensive; one that
// is cut off counts as a missing input.
//
// Slices in the result may be shared with the bundle: do not change them.
func (b *Bundle) Eval(ctx context.Context, in *Input) Result {
	s := b.pool.Get().(*state)
	s.begin(ctx, b, in)
	at := in.Time.UnixMicro()
	for _, r := range b.rulesFor(in.Type) {
		if r.on(at, &s.places) {
			s.judge(r)
		}
	}
	result := s.answer()
	s.end()
	b.pool.Put(s)
	return result
}

// all is the conjunction of parts.
func (s *state) all(parts []*conjunct) tri {
	result := yes
	for _, p := range parts {
		switch p.eval(s) {
		case no:
			return no
		case unsure:
			result = unsure
		}
	}
	return result
}

// judge evaluates one rule for every class of viewers and records what it asks
// for. The part that depends on the event alone is evaluated once.
func (s *state) judge(r *rule) {
	common := s.all(r.event)
	if common == no {
		return
	}
	first := len(s.verdicts)
	overall, doubted := no, false
	for i := range s.viewers {
		verdict := common
		if len(r.viewer) > 0 {
			s.viewer, s.class = &s.viewers[i], i
			verdict = and(common, s.all(r.viewer))
		}
		if verdict == unsure && !doubted && !r.Shadow {
			s.doubt(r)
			doubted = true
		}
		if verdict == unsure && r.skip {
			verdict = no
		}
		s.verdicts = append(s.verdicts, verdict)
		overall = or(overall, verdict)
	}
	if overall == no {
		s.verdicts = s.verdicts[:first]
		return
	}
	h := hit{rule: r, verdict: overall, outcome: r.outcome(overall), first: first}
	s.hits = append(s.hits, h)
	if !r.Shadow {
		s.apply(&h)
	}
}

func and(a, b tri) tri {
	switch {
	case a == no || b == no:
		return no
	case a == unsure || b == unsure:
		return unsure
	}
	return yes
}

// or keeps a yes, then a doubt.
func or(a, b tri) tri {
	switch {
	case a == yes || b == yes:
		return yes
	case a == unsure || b == unsure:
		return unsure
	}
	return no
}

// outcome is the strictest that the rule gives anyone on that verdict.
func (r *rule) outcome(v tri) decision.Outcome {
	return r.give(r.Act, v).Join(r.give(r.Viewer, v))
}

// give is what the rule's outcome o, if it has one, is on that verdict.
func (r *rule) give(o *decision.Outcome, v tri) decision.Outcome {
	switch {
	case o == nil || v == no:
		return decision.Allow
	case v == unsure && r.onError != nil:
		return *r.onError
	}
	return *o
}

// apply joins what the rule asks for into the answer.
func (s *state) apply(h *hit) {
	r := h.rule
	act := r.give(r.Act, h.verdict)
	s.act = s.act.Join(act)
	for i := range s.viewers {
		o := r.give(r.Viewer, s.verdicts[h.first+i])
		if act >= decision.Hold {
			o = o.Join(act)
		}
		s.outcomes[i] = s.outcomes[i].Join(o)
	}
}

// doubt records which missing inputs made r unsure for the viewer at hand. If
// none is missing, the condition itself failed: it cost too much, or an
// attribute had another type than the rule expects.
func (s *state) doubt(r *rule) {
	before := len(s.doubts)
	for _, parts := range [2][]*conjunct{r.event, r.viewer} {
		for _, p := range parts {
			if p.eval(s) == unsure {
				s.blame(r, p)
			}
		}
	}
	if len(s.doubts) == before {
		s.doubts = append(s.doubts, doubt{input: "rule:" + r.ID, why: "could not be evaluated", rule: r})
	}
}

// blame records p's inputs that are missing.
func (s *state) blame(r *rule, p *conjunct) {
	for _, v := range p.reads {
		if _, ok := v.value(s); !ok {
			s.doubts = append(s.doubts, doubt{input: v.input, why: "absent", rule: r})
		}
	}
}
