package conversation

import (
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// A sighting is one line on its way through the memory.
type sighting struct {
	m     *Memory
	line  *Line
	actor uint64
	id    uint32
	at    uint32
	now   uint32

	stages stages
	any    bool // some stage
	risk   uint8
	found  [findings]finding // for each signal, the strongest over those who receive the line
}

// A finding is one signal and, if it is one, what it stands on.
type finding struct {
	score    float64
	evidence []string
}

// findings are as many as Signals has.
const findings = 10

// read takes in what detectors saw.
func (s *sighting) read() {
	for i := range s.line.Signals {
		g := &s.line.Signals[i]
		if k, ok := stageOf[g.Name]; ok && g.Score >= least {
			s.stages[k] = max(s.stages[k], min(g.Score, 1))
			s.any = true
		}
	}
	if s.any {
		s.risk = uint8(contrastOf(&s.stages) * 255)
	}
	if s.line.Media > 0 {
		s.stages[image] = 1
		s.any = true
	}
	if s.line.Type == event.PaymentSend {
		s.stages[payment] = 1
		s.any = true
	}
}

// hostile is how much the line is meant to hurt.
func hostile(s *stages) float64 {
	return max(0.6*s[insult], s[harassment], s[threat], 0.9*s[exclusion], 0.9*s[doxxing], s[shareThreat])
}

// group takes in a line to more than Few: said to the group as a whole, by what holds of
// its youngest member and of its least acquainted.
func (s *sighting) group() {
	if s.line.Conversation == "" {
		return
	}
	all := Member{Person: Person{event.MaxAge, event.MaxAge}, Connected: true, Mutuals: event.MaxMembers}
	const enough = event.MaxMembers // of a million members the first thousand tell as much
	for i := range s.line.Members[:min(len(s.line.Members), enough)] {
		mb := &s.line.Members[i]
		if mb.ID == s.line.Actor {
			continue
		}
		all.From, all.To = min(all.From, mb.From), min(all.To, mb.To)
		all.Connected, all.Mutuals = all.Connected && mb.Connected, min(all.Mutuals, mb.Mutuals)
	}
	s.towards(s.m.keys.group(s.line.Conversation), &all, toGroup)
}

// manner is how somebody is the other of a line.
type manner uint8

const (
	toOne   manner = iota // who receives it
	toGroup               // all of a group
	aimedAt               // it is about or for them, before others
)

// towards takes in the line as said to one other, and judges the two.
func (s *sighting) towards(other uint64, to *Member, how manner) {
	if other == s.actor {
		return
	}
	v := view{sender: s.line.Sender, to: *to, one: how == toOne, group: how == toGroup, private: s.line.Private}
	if !v.group {
		v.crowd, v.back = s.strike(other)
	}
	h, place := s.m.pairs.Load().open(s.m.keys.pair(s.actor, other))
	defer h.close(place, func(p *pair) bool { return p.expired(s.now) })
	p := &place.it
	p.a, p.b = min(s.actor, other), max(s.actor, other)
	back := s.actor != p.a
	s.join(p, back, to)
	v.at = max(p.newest, s.at)
	v.did, v.theirs = p.past(back, v.at), p.past(!back, v.at)
	v.course = p.course(back)
	s.judge(&v)
}

// join puts the line and its marks to the pair's. A line older than is kept changes
// nothing.
func (s *sighting) join(p *pair, back bool, to *Member) {
	if s.at+keepSeconds < p.newest || s.at+keepSeconds < s.now {
		return
	}
	t := talk{at: s.at, id: s.id, risk: s.risk, surface: surfaceOf(s.line.Surface), back: back}
	if s.line.Type != event.ProfileView {
		t.flags |= spoken
	}
	if to.Blocked {
		t.flags |= afterStop
	}
	p.say(t)
	if !s.any {
		return
	}
	for k, v := range s.stages {
		if v > 0 {
			p.add(mark{at: s.at, id: s.id, what: stage(k), back: back, score: uint8(v*255 + 0.5)})
		}
	}
}

func surfaceOf(s event.Surface) uint8 {
	return uint8(1 + slices.Index(surfaces[:], s))
}

var surfaces = [...]event.Surface{
	event.SurfaceDM, event.SurfaceFeed, event.SurfaceComments, event.SurfaceProfile, event.SurfaceSearch,
	event.SurfaceLive, event.SurfaceAI, event.SurfaceGame, event.SurfaceOther,
}

// strike takes in a hostile line against somebody, and says from how many different
// senders such lines came within a day, and how much was given back.
func (s *sighting) strike(other uint64) (senders int, back float64) {
	force := hostile(&s.stages)
	if force == 0 {
		return 0, 0
	}
	h := hit{at: s.at, id: s.id, score: uint8(force * 255)}
	targets := s.m.targets.Load()
	expired := func(t *target) bool { return t.expired(s.now) }

	shard, place := targets.open(s.actor)
	h.who = other
	place.it.gave, place.it.newest = join(place.it.gave, h), max(place.it.newest, s.at)
	shard.close(place, expired)

	shard, place = targets.open(other)
	h.who = s.actor
	place.it.got, place.it.newest = join(place.it.got, h), max(place.it.newest, s.at)
	senders, back = place.it.pileOn(s.at)
	shard.close(place, expired)
	return senders, back
}

// aimed finds whom a line to a group or to the public is aimed at, and judges those two as
// well: whom the platform names, else who wrote what it replies to, else, if it is
// hostile, who spoke last.
func (s *sighting) aimed() {
	l := s.line
	if n := len(l.Members); n > 0 && n <= Few {
		return
	}
	key := l.Conversation
	if key == "" {
		key = l.Parent
	}
	var other uint64
	known := l.To != ""
	if known {
		other = s.m.keys.account(l.To)
	}
	if key != "" {
		last, ok := s.takeTurn(key)
		if !known && ok {
			other, known = last, true
		}
	}
	if !known && l.Parent != "" {
		other, known = s.m.keys.author(l.Parent), true
	}
	if !known || hostile(&s.stages) == 0 {
		return
	}
	to := Member{Person: Person{0, event.MaxAge}}
	if i := slices.IndexFunc(l.Members, func(m Member) bool { return l.To != "" && m.ID == l.To }); i >= 0 {
		to = l.Members[i]
	}
	s.towards(other, &to, aimedAt)
}

// takeTurn notes that the actor spoke in a thread, and says whom they answered.
func (s *sighting) takeTurn(key string) (uint64, bool) {
	content := s.line.Content
	if content == "" {
		content = s.line.Event
	}
	shard, place := s.m.threads.Load().open(s.m.keys.group(key))
	defer shard.close(place, func(t *thread) bool { return t.expired(s.now) })
	t := &place.it
	var other uint64
	var ok bool
	if s.line.Parent != "" {
		other, ok = t.author(s.m.keys.content(s.line.Parent))
	} else {
		other, ok = t.answered(s.actor, s.at)
	}
	t.join(turn{who: s.actor, at: s.at, id: s.m.keys.content(content)})
	return other, ok
}

// give notes a finding, if it is the strongest of its name so far.
func (s *sighting) give(name string, score float64, evidence func() []string) {
	i := slices.IndexFunc(names[:], func(n string) bool { return n == name })
	if score = min(score, 0.99); score >= weakest && score > s.found[i].score {
		s.found[i] = finding{score, evidence()}
	}
}

// weakest is the lowest score that is given.
const weakest = 0.2

var names = [findings]string(Signals())

// signals are what was found, by name.
func (s *sighting) signals() []decision.Signal {
	n := 0
	for i := range s.found {
		if s.found[i].score > 0 {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	all := make([]decision.Signal, 0, n)
	for i, f := range s.found {
		if f.score > 0 {
			all = append(all, decision.Signal{Name: names[i], Score: f.score, Detector: detector, Evidence: f.evidence})
		}
	}
	slices.SortFunc(all, func(a, b decision.Signal) int { return strings.Compare(a.Name, b.Name) })
	return all
}
