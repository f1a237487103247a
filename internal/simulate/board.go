package simulate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// Board keeps the score of a bundle: it is told each event of a world, the
// truth about it and what was decided, in order.
//
// The story goes on as written whatever is decided, as if whoever was stopped
// found another way each time.
type Board struct {
	// Watches reports whether a rule reads what is said or done over time. Those
	// that don't, such as "a stranger's message waits", slow everybody alike:
	// they protect, and find nobody.
	watches func(rule string) bool

	world   *World
	events  int
	stories map[string]*tally
	order   []*tally
	alarms  map[string]int // by rule
	alarmed int            // innocent events
	waiting int            // innocent events between people that a default held
}

// tally is one story as far as it has been told.
type tally struct {
	name, language, twin string

	said     int             // events of those who mean harm
	reached  map[string]bool // children they turned to
	accepted bool            // by the target, before the point
	pointed  bool

	slowed, found hit
	harmful, kept int
	asked         int // harmful events that the target saw only after being asked
	events, held  int // of a twin
	paused        int // events of a twin that the reader was asked about
}

// hit is when something happened first: 0 is never.
type hit struct {
	message int  // how many events of the offender in
	child   int  // how many children in
	inTime  bool // before the first sexual message, or demand of money
}

// NewBoard is a board for a world's events.
func NewBoard(w *World, watches func(rule string) bool) *Board {
	return &Board{world: w, watches: watches, stories: map[string]*tally{}, alarms: map[string]int{}}
}

// Note is told one event.
func (b *Board) Note(ev *event.Event, truth *Truth, d *decision.Decision) {
	b.events++
	if ev.Type == Block {
		return
	}
	var t *tally
	if truth.Story != "" {
		if t = b.stories[truth.Story]; t == nil {
			t = &tally{name: truth.Scene, language: truth.Language, twin: truth.Twin, reached: map[string]bool{}}
			b.stories[truth.Story] = t
			b.order = append(b.order, t)
		}
	}
	outcome := reached(d, truth.Target)
	switch {
	case t == nil && (truth.Kind != "" || !innocent(truth.Role)):
		return // scenes of harm that are not scored
	case t == nil || t.twin != "":
		if t != nil {
			t.innocent(outcome)
		}
		b.rung(ev, truth, d, outcome)
	case truth.Role == Offender || truth.Role == Crowd:
		t.harm(ev, truth, outcome, b.finds(d), slows(d))
	}
}

func innocent(role Role) bool {
	switch role {
	case Stranger, Bully, Controller, Spammer, Promoter, Target, Seeker:
		return false
	default:
		return true
	}
}

// reached is what came of an event for whom it was aimed at: strictest of the
// act, that person, and, for what is public, readers of 13 to 15.
func reached(d *decision.Decision, target string) decision.Outcome {
	outcome := d.Outcome
	for i := range d.Members {
		if d.Members[i].ID == target {
			outcome = max(outcome, d.Members[i].Outcome)
		}
	}
	for _, band := range d.Bands {
		if band.Band == event.Band13to15 {
			outcome = max(outcome, band.Outcome)
		}
	}
	return outcome
}

// slows reports whether whom the event came from was stopped for a while.
func slows(d *decision.Decision) bool {
	return slices.ContainsFunc(d.Effects, func(e decision.Effect) bool { return e.Kind == decision.Restrict && e.Waits == "" })
}

// finds reports whether a rule that watches acted: it shields somebody, asks
// a person to look, or restricts.
func (b *Board) finds(d *decision.Decision) bool {
	return slices.ContainsFunc(d.Reasons, func(r decision.Reason) bool {
		return r.Outcome >= decision.Confirm && !r.Doubt && b.watches(r.Rule)
	}) || slices.ContainsFunc(d.Effects, b.accuses)
}

// accuses reports whether a rule that watches sets somebody to work.
func (b *Board) accuses(e decision.Effect) bool {
	return e.Rule != "" && b.watches(e.Rule) && e.Kind != decision.Notify && e.Kind != decision.Preserve
}

func (t *tally) harm(ev *event.Event, truth *Truth, outcome decision.Outcome, found, restricted bool) {
	t.said++
	t.reached[truth.Target] = true
	if truth.Point {
		t.pointed = true
	}
	for i := range ev.Audience.Members {
		if m := &ev.Audience.Members[i]; m.ID == truth.Target && m.Connected && !t.pointed && !t.accepted {
			t.accepted = true
			t.slowed = hit{} // what slowed the first contact was overcome
		}
	}
	now := hit{t.said, len(t.reached), !t.pointed}
	if t.slowed.message == 0 && (outcome >= decision.Confirm || restricted) {
		t.slowed = now
	}
	if t.found.message == 0 && found {
		t.found = now
	}
	if truth.Kind == "" {
		return
	}
	t.harmful++
	switch {
	case outcome >= decision.Gate:
		t.kept++
	case outcome >= decision.Confirm:
		t.asked++
	}
}

func (t *tally) innocent(outcome decision.Outcome) {
	t.events++
	switch {
	case outcome >= decision.Gate:
		t.held++
	case outcome >= decision.Confirm:
		t.paused++
	}
}

// rung counts an innocent event that a child is part of and that a rule found
// harm in.
func (b *Board) rung(ev *event.Event, truth *Truth, d *decision.Decision, outcome decision.Outcome) {
	if truth.Years >= 18 && !slices.ContainsFunc(d.Members, func(m decision.Member) bool { return m.Band != event.Band18Plus }) {
		return
	}
	rules, care := map[string]bool{}, map[string]bool{}
	for _, r := range d.Reasons {
		care[r.Rule] = r.Doubt || r.Kind == "support.seeking_help" // accuses nobody
		if r.Outcome >= decision.Gate && b.watches(r.Rule) && !care[r.Rule] {
			rules[r.Rule] = true
		}
	}
	for _, e := range d.Effects {
		if b.accuses(e) && !care[e.Rule] {
			rules[e.Rule] = true
		}
	}
	for rule := range rules {
		b.alarms[rule]++
	}
	switch {
	case len(rules) > 0:
		b.alarmed++
	case outcome >= decision.Gate && ev.Type != event.ContactSuggest:
		b.waiting++
	}
}

// Score is how a bundle did.
type Score struct {
	Seed      uint64 `json:"seed"`
	Accounts  int    `json:"accounts"`
	Days      int    `json:"days"`
	Half      Half   `json:"half"`
	Events    int    `json:"events"`
	ChildDays int    `json:"child_days"`

	Patterns  []Pattern `json:"patterns"`
	Languages []Pattern `json:"languages"` // grooming and sextortion, by language
	Goal      Pattern   `json:"goal"`      // grooming and sextortion together
	Twins     []Pair    `json:"twins"`
	TwinsHeld float64   `json:"twins_held"` // share of their events

	FalseAlarms            int            `json:"false_alarms"` // innocent events of children that a rule found harm in
	FalseAlarmsPerThousand float64        `json:"false_alarms_per_thousand_child_days"`
	FalseAlarmsByRule      map[string]int `json:"false_alarms_by_rule"`
	Waiting                int            `json:"waiting"` // innocent events that wait because two are not connected
}

// Pattern is how stories of a kind came out. Shares are of 1.
type Pattern struct {
	Name    string `json:"name"`
	Stories int    `json:"stories"`
	// InTime is the share that was acted on in time: before the first sexual
	// message or demand of money; in a fan-out within the fifth child, in a
	// pile-on within the tenth message; else before the story was over.
	InTime float64 `json:"in_time"`
	// Found is the share that a rule found in time that reads what is said or
	// done, so not by mere distance between strangers.
	Found float64 `json:"found"`
	// Accepted is how many were by somebody whom the child had accepted, and
	// AcceptedInTime the share of those.
	Accepted       int     `json:"accepted"`
	AcceptedInTime float64 `json:"accepted_in_time"`
	// Messages of the offender until something was done, at the median and
	// for nine in ten; 0 if it never was.
	MedianMessages int `json:"median_messages"`
	NinthMessages  int `json:"p90_messages"`
	// Kept is the share of harmful events that never reached the target, and
	// Asked of those that reached it only once the target had agreed.
	Harmful int     `json:"harmful"`
	Kept    float64 `json:"kept"`
	Asked   float64 `json:"asked"`
}

// Pair is how an innocent story came out beside the one that it looks like.
type Pair struct {
	Name    string  `json:"name"`
	Like    string  `json:"like"`
	Stories int     `json:"stories"`
	Events  int     `json:"events"`
	Held    float64 `json:"held"`  // share of events
	Asked   float64 `json:"asked"` // share of events that the reader was asked about
}

// goals are the patterns that end in a sexual message or a demand.
func isGoal(name string) bool {
	return strings.HasPrefix(name, "grooming") || strings.HasPrefix(name, "sextortion")
}

// inTime says whether a story was answered in time, and found in time.
func (t *tally) inTime() (slowed, found bool) {
	switch {
	case isGoal(t.name):
		return t.slowed.message > 0 && t.slowed.inTime, t.found.message > 0 && t.found.inTime
	case t.name == "fan-out":
		found = t.found.child > 0 && t.found.child <= 5
	case t.name == "pile-on-many":
		found = t.found.message > 0 && t.found.message <= 10
	default:
		found = t.found.message > 0
	}
	return found, found
}

// Score adds up.
func (b *Board) Score() Score {
	o := &b.world.opts
	s := Score{
		Seed: o.Seed, Accounts: len(b.world.Accounts), Days: o.Days, Half: o.Half, Events: b.events,
		FalseAlarms: b.alarmed, FalseAlarmsByRule: b.alarms, Waiting: b.waiting,
	}
	for i := range b.world.Accounts {
		if b.world.Accounts[i].minor() {
			s.ChildDays += o.Days
		}
	}
	if s.ChildDays > 0 {
		s.FalseAlarmsPerThousand = 1000 * float64(b.alarmed) / float64(s.ChildDays)
	}
	for _, st := range stories() {
		of := b.those(func(t *tally) bool { return t.name == st.name })
		if st.twin == "" {
			s.Patterns = append(s.Patterns, pattern(st.name, of))
		} else {
			s.Twins = append(s.Twins, pair(st.name, st.twin, of))
		}
	}
	for _, language := range storyLanguages {
		s.Languages = append(s.Languages, pattern(language, b.those(func(t *tally) bool { return t.language == language && isGoal(t.name) })))
	}
	s.Goal = pattern("grooming and sextortion", b.those(func(t *tally) bool { return isGoal(t.name) }))
	s.TwinsHeld = pair("", "", b.those(func(t *tally) bool { return t.twin != "" })).Held
	return s
}

func (b *Board) those(which func(*tally) bool) []*tally {
	return slices.DeleteFunc(slices.Clone(b.order), func(t *tally) bool { return !which(t) })
}

func pattern(name string, of []*tally) Pattern {
	p := Pattern{Name: name, Stories: len(of)}
	var until []int
	slowed, found, accepted, kept, asked := 0, 0, 0, 0, 0
	for _, t := range of {
		inTime, foundInTime := t.inTime()
		slowed, found = slowed+count(inTime), found+count(foundInTime)
		p.Accepted += count(t.accepted)
		accepted += count(t.accepted && inTime)
		p.Harmful, kept, asked = p.Harmful+t.harmful, kept+t.kept, asked+t.asked
		first := t.slowed.message
		if f := t.found.message; first == 0 || f > 0 && f < first || !isGoal(t.name) {
			first = f
		}
		if first > 0 {
			until = append(until, first)
		}
	}
	p.InTime, p.Found = share(slowed, len(of)), share(found, len(of))
	p.AcceptedInTime = share(accepted, p.Accepted)
	p.Kept, p.Asked = share(kept, p.Harmful), share(asked, p.Harmful)
	slices.Sort(until)
	p.MedianMessages, p.NinthMessages = quantile(until, 50), quantile(until, 90)
	return p
}

func pair(name, like string, of []*tally) Pair {
	p := Pair{Name: name, Like: like, Stories: len(of)}
	held, asked := 0, 0
	for _, t := range of {
		p.Events, held, asked = p.Events+t.events, held+t.held, asked+t.paused
	}
	p.Held, p.Asked = share(held, p.Events), share(asked, p.Events)
	return p
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// quantile is the value that so many of a hundred sorted ones do not exceed.
func quantile(sorted []int, percent int) int {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min((len(sorted)*percent+99)/100, len(sorted))-1]
}

// Floor is one thing that a score must reach, and whether it does.
type Floor struct {
	What  string  `json:"what"`
	Want  float64 `json:"want"`
	Got   float64 `json:"got"`
	AtMax bool    `json:"at_most"` // Want is a ceiling
}

// Met reports whether it is reached.
func (f Floor) Met() bool {
	if f.AtMax {
		return f.Got < f.Want
	}
	return f.Got >= f.Want
}

// Floors are what the shipped policies promise on the held-out half.
func (s *Score) Floors() []Floor {
	of := func(name string) Pattern {
		return s.Patterns[slices.IndexFunc(s.Patterns, func(p Pattern) bool { return p.Name == name })]
	}
	return []Floor{
		{"grooming and sextortion acted on before the first sexual message or demand", 0.9, s.Goal.InTime, false},
		{"the same where the child had accepted the contact", 0.9, s.Goal.AcceptedInTime, false},
		{"fan-outs found within the fifth child", 0.95, of("fan-out").InTime, false},
		{"pile-ons found within the tenth message", 0.95, of("pile-on-many").InTime, false},
		{"false alarms per thousand child-days", 0.5, s.FalseAlarmsPerThousand, true},
		{"innocent twins held, share of events", 0.01, s.TwinsHeld, true},
	}
}

// Loudest lists the rules with most false alarms first.
func (s *Score) Loudest() []string {
	var rules []string
	for rule := range s.FalseAlarmsByRule {
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b string) int {
		return cmp.Or(s.FalseAlarmsByRule[b]-s.FalseAlarmsByRule[a], cmp.Compare(a, b))
	})
	return rules
}
