package main

import (
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// outcomes counts by outcome.
type outcomes [decision.Block + 1]int

func (o *outcomes) total() (n int) {
	for _, v := range o {
		n += v
	}
	return n
}

// from is the share of outcomes at least as strict as low, of all.
func (o *outcomes) from(low decision.Outcome) float64 { return o.between(low, decision.Block) }

// between is the share of the outcomes from low to high.
func (o *outcomes) between(low, high decision.Outcome) float64 {
	n := 0
	for _, v := range o[low : high+1] {
		n += v
	}
	return float64(n) / float64(max(1, o.total()))
}

// withheld is the first outcome of what a child does not get to see.
const withheld = decision.Gate

// cell is one line of a table: which readers met which messages.
type cell struct {
	scene string // public, or who wrote and to whom
	group string // a label, "any label", benign, or benign and a source
	band  event.Band
}

// tally is what became of the messages.
type tally struct {
	cells   map[cell]*outcomes
	rows    map[string]int                         // by group
	helped  map[string]int                         // public posts whose writer was offered help, by group
	effects map[string]map[decision.EffectKind]int // of public posts, by group
	rules   map[string]map[string]int              // that did what they may have been wrong to do: by what, by rule
}

func newTally() *tally {
	return &tally{
		cells: map[cell]*outcomes{}, rows: map[string]int{}, helped: map[string]int{},
		effects: map[string]map[decision.EffectKind]int{}, rules: map[string]map[string]int{},
	}
}

// add counts one decision about the row.
func (t *tally) add(r *row, ev *event.Event, d *decision.Decision) {
	groups := r.groups()
	if len(groups) == 1 {
		groups = append(groups, benign+" "+r.Source)
	}
	for _, group := range groups {
		for _, b := range d.Bands {
			t.cell(public, group, b.Band)[b.Outcome]++
		}
		for _, m := range d.Members {
			who, _, _ := strings.Cut(m.ID, "/")
			t.cell(sceneOf(ev)+" to "+who, group, m.Band)[m.Outcome]++
		}
		if ev.Type == event.ContentCreate {
			t.rows[group]++
			t.follow(group, d)
		}
	}
	if len(groups) > 0 && groups[0] == benign {
		t.blame(ev, d)
	}
	if r.Labels["self_harm"] == 1 {
		t.blameCry(ev, d)
	}
}

func sceneOf(ev *event.Event) string {
	if ev.Actor.Age.Band == event.Band18Plus {
		return adult
	}
	return peer
}

func (t *tally) cell(scene, group string, band event.Band) *outcomes {
	at := cell{scene, group, band}
	if t.cells[at] == nil {
		t.cells[at] = new(outcomes)
	}
	return t.cells[at]
}

// follow counts which kinds of effects a post had, and whether help was offered.
func (t *tally) follow(group string, d *decision.Decision) {
	if t.effects[group] == nil {
		t.effects[group] = map[decision.EffectKind]int{}
	}
	if slices.ContainsFunc(d.Reasons, func(r decision.Reason) bool { return r.Rule == "support.seeking-help" }) {
		t.helped[group]++
	}
	seen := map[decision.EffectKind]bool{}
	for _, e := range d.Effects {
		if !seen[e.Kind] {
			seen[e.Kind] = true
			t.effects[group][e.Kind]++
		}
	}
}

// blame counts the rules that withheld a benign message from 13- to 15-year-
// olds, and those that gave adults anything but `allow`.
func (t *tally) blame(ev *event.Event, d *decision.Decision) {
	for _, b := range d.Bands {
		switch {
		case b.Band == event.Band13to15 && b.Outcome >= withheld:
			t.blameReasons("benign, public, withheld from 13-15", d, withheld)
		case b.Band == event.Band18Plus && b.Outcome > decision.Allow:
			t.blameReasons("benign, public, not allow for 18+", d, decision.Inform)
		}
	}
	for _, m := range d.Members {
		if m.Band == event.Band13to15 && m.Outcome >= withheld && strings.HasPrefix(m.ID, connected+"/") {
			for _, rule := range m.Rules {
				t.blameRule("benign, "+sceneOf(ev)+", withheld from connected 13-15", rule)
			}
		}
	}
}

// blameCry counts the rules that withheld a post about self-harm from adults,
// or punished who wrote it.
func (t *tally) blameCry(ev *event.Event, d *decision.Decision) {
	if ev.Type != event.ContentCreate {
		return
	}
	for _, e := range d.Effects {
		if e.Kind == decision.Strike || e.Kind == decision.Restrict || e.Kind == decision.Report {
			t.blameRule("self_harm, public, "+string(e.Kind), e.Rule)
		}
	}
	if d.Bands[len(d.Bands)-1].Outcome >= withheld {
		t.blameReasons("self_harm, public, withheld from 18+", d, withheld)
	}
}

func (t *tally) blameReasons(where string, d *decision.Decision, low decision.Outcome) {
	for _, r := range d.Reasons {
		if r.Outcome >= low {
			t.blameRule(where, r.Rule)
		}
	}
}

func (t *tally) blameRule(where, rule string) {
	if t.rules[where] == nil {
		t.rules[where] = map[string]int{}
	}
	t.rules[where][rule]++
}
