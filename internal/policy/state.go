package policy

import (
	"context"
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// state is one evaluation's scratch memory. States are pooled; nothing of one
// outlives its event.
type state struct {
	ctx    context.Context //nolint:containedctx // of the one call that the state belongs to at a time
	in     *Input
	inputs *inputs

	actor   person
	viewers []viewer // the classes that meet the event
	viewer  *viewer  // the class being judged
	class   int      // its index
	members []int    // by member of the input: the index of its class
	bands   int      // how many classes, from first on, are bands
	classes map[viewer]int
	rows    map[string]int // of tallies, by their bits
	row     []byte         // scratch

	signals []float64 // by slot; NaN is missing
	counts  []float64 // by slot; NaN is missing
	labels  []tri     // by slot
	tallies []float64 // rows of counts, by slot, that differ from viewer to viewer; the first is all 0
	blocks  tri       // what is not known of whether members blocked or muted the actor: no is nothing
	lacks   []bool    // by slot of tallies: missing for every member
	places  mask
	names   []string // of the event's jurisdictions

	epoch uint64 // numbers events and their classes, for boxes
	boxes []box  // by variable
	boxed bool   // whether any box is in use
	spent uint64 // on metered conditions so far

	act      decision.Outcome
	outcomes []decision.Outcome // by class
	hits     []hit
	verdicts []tri // by hit and class
	doubts   []doubt
	effects  []decision.Effect
}

// box is a variable's value in CEL's form.
type box struct {
	epoch uint64
	value ref.Val
	ok    bool
}

// hit is a rule that applied.
type hit struct {
	rule    *rule
	verdict tri // over all viewers
	outcome decision.Outcome
	first   int // of state.verdicts, one a class
}

// doubt is a missing input that a rule's on_error answered.
type doubt struct {
	input, why string
	rule       *rule
}

func newState(in *inputs) *state {
	return &state{
		inputs:  in,
		viewer:  &viewer{},
		classes: map[viewer]int{},
		signals: make([]float64, len(in.signals.names)),
		counts:  make([]float64, len(in.counts.names)),
		lacks:   make([]bool, len(in.tallies.names)),
		rows:    map[string]int{},
		labels:  make([]tri, len(in.labels.names)),
		boxes:   make([]box, len(in.variables)),
	}
}

// begin reads the input into the state.
func (s *state) begin(ctx context.Context, b *Bundle, in *Input) {
	s.ctx, s.in = ctx, in
	s.epoch += uint64(len(s.viewers)) + 2
	s.spent = 0
	s.act = decision.Allow
	s.hits, s.verdicts, s.doubts, s.effects = s.hits[:0], s.verdicts[:0], s.doubts[:0], s.effects[:0]
	s.actor.read(&in.Actor, in.Protective)
	s.readSignals()
	s.readCounts()
	s.readLabels()
	s.readMissing()
	s.locate(b)
	s.gather()
}

// end lets go of what the event owns.
func (s *state) end() {
	s.ctx, s.in, s.viewer = nil, nil, nil
	if s.boxed {
		clear(s.boxes)
		s.boxed = false
	}
	clear(s.hits)
	clear(s.doubts)
	clear(s.viewers)
	clear(s.effects)
	clear(s.names)
}

// readSignals takes the strongest score of each signal; one that no detector
// gave is 0, one that makes no sense is missing.
func (s *state) readSignals() {
	clear(s.signals)
	for i := range s.in.Signals {
		signal := &s.in.Signals[i]
		slot, ok := s.inputs.signals.index[signal.Name]
		switch {
		case !ok:
		case signal.Score >= 0 && signal.Score <= 1:
			s.signals[slot] = math.Max(s.signals[slot], signal.Score) // NaN stays
		default:
			s.signals[slot] = math.NaN()
		}
	}
}

// readCounts takes the counts of actor, content and conversation. What is not
// there has no count.
func (s *state) readCounts() {
	for slot, key := range s.inputs.counts.names {
		n, ok := s.in.Counts[key]
		switch {
		case ok && n >= 0:
		case !ok && !s.has(s.inputs.windows[key].Of):
			n = 0
		default:
			n = math.NaN()
		}
		s.counts[slot] = n
	}
	clear(s.lacks)
	s.blocks = no
}

func (s *state) readLabels() {
	clear(s.labels)
	for _, name := range s.in.Labels {
		if slot, ok := s.inputs.labels.index[name]; ok {
			s.labels[slot] = yes
		}
	}
}

func (s *state) readMissing() {
	for i := range s.in.Missing {
		what, name, _ := strings.Cut(s.in.Missing[i].Input, ":")
		switch what {
		case "signal":
			if slot, ok := s.inputs.signals.index[name]; ok {
				s.signals[slot] = math.NaN()
			}
		case "count":
			if slot, ok := s.inputs.counts.index[name]; ok {
				s.counts[slot] = math.NaN()
			}
			if slot, ok := s.inputs.tallies.index[name]; ok {
				s.lacks[slot] = true
			}
		case "blocks":
			s.blocks = unsure
		case "label":
			for slot, label := range s.inputs.labels.names {
				if strings.HasPrefix(label, name+":") && s.labels[slot] == no {
					s.labels[slot] = unsure
				}
			}
		}
	}
}

// locate finds whose rules are consulted: those of everyone involved, of the
// platform's markets, and those extended everywhere. Not knowing where someone
// is brings in all of them.
func (s *state) locate(b *Bundle) {
	s.places, s.names = mask{}, s.names[:0]
	s.add(b, b.everywhere)
	for _, market := range s.in.Markets {
		if p, ok := b.places.known[market]; ok {
			s.places.add(p.mask)
			s.addNames(p.names)
		} else {
			s.add(b, expand([]string{market}))
		}
	}
	known := s.at(b, &s.in.Actor)
	for i := range s.in.Members {
		m := &s.in.Members[i].Subject
		if i > 0 && m.Country == s.in.Members[i-1].Country && m.Region == s.in.Members[i-1].Region {
			continue
		}
		known = s.at(b, m) && known
	}
	if !known {
		s.places = b.places.all
		s.addNames(b.places.names)
	}
	slices.Sort(s.names)
}

func (s *state) at(b *Bundle, subject *Subject) bool {
	if subject.Country == "" {
		return false
	}
	p, ok := b.places.known[subject.Country]
	if !ok || subject.Region != "" {
		s.add(b, JurisdictionsOf(subject.Country, subject.Region))
		return true
	}
	s.places.add(p.mask)
	s.addNames(p.names)
	return true
}

func (s *state) add(b *Bundle, names []string) {
	if len(names) > 0 {
		s.places.add(b.places.mask(names))
		s.addNames(names)
	}
}

func (s *state) addNames(names []string) {
	for _, name := range names {
		if !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
		}
	}
}

// gather finds the classes of viewers that meet the event: each named member,
// the six bands of published content, or the actor alone.
func (s *state) gather() {
	s.viewers, s.members, s.bands = s.viewers[:0], s.members[:0], 0
	clear(s.classes)
	s.clearTallies()
	for i := range s.in.Members {
		m := &s.in.Members[i]
		v := viewer{connected: m.Connected, named: true, mutuals: int64(m.Mutuals), blocked: s.blocks, muted: s.blocks, tally: s.tallyOf(m)}
		if m.Blocked {
			v.blocked = yes
		}
		if m.Muted {
			v.muted = yes
		}
		v.read(&m.Subject, s.in.Protective)
		s.members = append(s.members, s.classOf(v))
	}
	switch s.in.reach() {
	case published:
		s.bands = len(event.Bands())
		for _, band := range event.Bands() {
			var v viewer
			v.read(&Subject{Band: band}, band)
			s.viewers = append(s.viewers, v)
		}
	case self:
		v := viewer{person: s.actor, connected: true, self: true}
		s.viewers = append(s.viewers, v)
	}
	s.outcomes = append(s.outcomes[:0], make([]decision.Outcome, len(s.viewers))...)
}

// classOf finds the class that v is in, or begins it.
func (s *state) classOf(v viewer) int {
	const few = 16 // a scan beats a map below
	if len(s.viewers) <= few {
		for i := range s.viewers {
			if s.viewers[i] == v {
				return i
			}
		}
	} else if i, ok := s.classes[v]; ok {
		return i
	}
	i := len(s.viewers)
	s.viewers = append(s.viewers, v)
	if i == few {
		for j, seen := range s.viewers {
			s.classes[seen] = j
		}
	} else if i > few {
		s.classes[v] = i
	}
	return i
}

// verdict is CEL's answer as a tri: whatever is not a bool is unsure.
func (s *state) verdict(out ref.Val, err error) tri {
	b, ok := out.(types.Bool)
	if err != nil || !ok {
		return unsure
	}
	return truth(bool(b))
}
