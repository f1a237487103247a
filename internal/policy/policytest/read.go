package policytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// test is one entry of a test file.
type test struct {
	Name       string             `yaml:"name"`
	Rule       string             `yaml:"rule"`
	At         string             `yaml:"at"`
	Event      yaml.Node          `yaml:"event"`
	Account    *account           `yaml:"account"`
	Signals    map[string]float64 `yaml:"signals"`
	Counts     map[string]float64 `yaml:"counts"`  // by key, as dm.sent/actor/7d
	Members    map[string]member  `yaml:"members"` // by id: what the event itself does not say of them
	Labels     []string           `yaml:"labels"`
	Missing    []string           `yaml:"missing"`
	LocalHours map[string]int     `yaml:"local_hours"` // by id
	Markets    []string           `yaml:"markets"`
	Protective string             `yaml:"protective"`
	Language   string             `yaml:"language"`
	Want       want               `yaml:"want"`

	file  string
	line  int
	time  time.Time
	event event.Event
	youth event.Band // the protective band
}

// member is what the server knows of a recipient.
type member struct {
	Counts  map[string]float64 `yaml:"counts"` // before those of the test
	Blocked bool               `yaml:"blocked"`
	Muted   bool               `yaml:"muted"`
}

// account is whose safeguards are asked for.
type account struct {
	Band    string `yaml:"band"`
	Basis   string `yaml:"basis"`
	Country string `yaml:"country"`
	Region  string `yaml:"region"`
}

// want is what a test expects; what it does not name, it does not check.
type want struct {
	Outcome       string            `yaml:"outcome"`
	Apparent      string            `yaml:"apparent"` // to the actor
	Bands         map[string]string `yaml:"bands"`
	Members       map[string]string `yaml:"members"`
	Rules         []string          `yaml:"rules"`
	NotRules      []string          `yaml:"not_rules"`
	Shadow        []string          `yaml:"shadow"`
	Doubt         []string          `yaml:"doubt"` // rules that apply because an input is missing
	Effects       []effect          `yaml:"effects"`
	NotEffects    []string          `yaml:"not_effects"` // kinds
	Notice        *string           `yaml:"notice"`      // the title; "" is none
	Resources     []string          `yaml:"resources"`   // names
	Degraded      []string          `yaml:"degraded"`
	Jurisdictions []string          `yaml:"jurisdictions"`
	Counted       []string          `yaml:"counted"` // counters that the event adds to
	NotCounted    []string          `yaml:"not_counted"`
	Settings      map[string]any    `yaml:"settings"` // of an account
	Locked        []string          `yaml:"locked"`
	NotLocked     []string          `yaml:"not_locked"`
	ValidUntil    string            `yaml:"valid_until"`
}

// effect is a pattern: the fields it names must be equal.
type effect struct {
	Kind     string `yaml:"kind"`
	Rule     string `yaml:"rule"`
	Queue    string `yaml:"queue"`
	Priority int    `yaml:"priority"`
	Label    string `yaml:"label"`
	Target   string `yaml:"target"`
	Points   int    `yaml:"points"`
	Feature  string `yaml:"feature"`
	Hours    int    `yaml:"hours"`
	To       string `yaml:"to"`
}

func (p effect) matches(e decision.Effect) bool {
	return (p.Kind == "" || p.Kind == string(e.Kind)) && (p.Rule == "" || p.Rule == e.Rule) &&
		(p.Queue == "" || p.Queue == e.Queue) && (p.Priority == 0 || p.Priority == e.Priority) &&
		(p.Label == "" || p.Label == e.Label) && (p.Target == "" || p.Target == e.Target) &&
		(p.Points == 0 || p.Points == e.Points) && (p.Feature == "" || p.Feature == e.Feature) &&
		(p.Hours == 0 || p.Hours == e.Hours) && (p.To == "" || p.To == e.To)
}

// read reads one test file. Keys that are not known are errors: a misspelt
// expectation would otherwise pass.
func read(fsys fs.FS, name string) ([]*test, policy.Errors) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, policy.Errors{{File: name, Message: err.Error()}}
	}
	if len(data) > policy.MaxFileSize {
		return nil, policy.Errors{{File: name, Message: "larger than " + strconv.Itoa(policy.MaxFileSize) + " bytes"}}
	}
	var doc struct {
		Tests []yaml.Node `yaml:"tests"`
	}
	if err := yaml.Load(data, &doc, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return nil, faults(name, &yaml.Node{}, err)
	}
	var tests []*test
	var errs policy.Errors
	for i := range doc.Tests {
		n := &doc.Tests[i]
		t := &test{file: name, line: n.Line}
		err := n.Load(t, yaml.WithKnownFields(), yaml.WithUniqueKeys())
		if err == nil {
			err = t.prepare()
		}
		if err != nil {
			errs = append(errs, faults(name, n, err)...)
			continue
		}
		tests = append(tests, t)
	}
	return tests, errs
}

// faults turns YAML's errors, or any other, into errors with a place: their own
// or that of n.
func faults(name string, n *yaml.Node, err error) policy.Errors {
	fault := policy.Error{File: name, Line: n.Line, Column: n.Column, Message: err.Error()}
	var many *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case errors.As(err, &many):
	case errors.As(err, &one):
		many = &yaml.LoadErrors{Errors: []*yaml.LoadError{one}}
	default:
		return policy.Errors{fault}
	}
	var errs policy.Errors
	for _, e := range many.Errors {
		f := fault
		if e.Mark.Line > 0 {
			f.Line, f.Column = e.Mark.Line, e.Mark.Column
		}
		f.Message, _, _ = strings.Cut(e.Message, " in type ") // the Go type says nothing to an author
		errs = append(errs, f)
	}
	return errs
}

// prepare reads the event and the time, and checks that the test can fail.
func (t *test) prepare() error {
	switch {
	case t.Name == "":
		return errors.New("a test needs a name")
	case t.Event.IsZero() == (t.Account == nil):
		return errors.New("a test needs an event, or an account")
	}
	t.time = defaultTime
	if t.At != "" {
		at, err := parseTime(t.At)
		if err != nil {
			return err
		}
		t.time = at
	}
	t.youth = event.Band0to5
	if t.Protective != "" {
		if err := t.youth.UnmarshalText([]byte(t.Protective)); err != nil {
			return err
		}
	}
	if t.Account != nil {
		return nil
	}
	if err := t.readEvent(); err != nil {
		return err
	}
	return t.readCounts()
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, errors.New("at: must be a date or an RFC 3339 time")
}

// readEvent reads the event as the server would, from JSON, with ids and the
// time filled in where the test leaves them out.
func (t *test) readEvent() error {
	value, ok := plain(&t.Event).(map[string]any)
	if !ok {
		return errors.New("event: must be a mapping")
	}
	setDefault(value, "id", "test")
	setDefault(value, "time", t.time.Format(time.RFC3339))
	setDefault(value, "actor", map[string]any{})
	if actor, ok := value["actor"].(map[string]any); ok {
		setDefault(actor, "id", "actor")
	}
	if audience, ok := value["audience"].(map[string]any); ok {
		members, _ := audience["members"].([]any)
		for i, m := range members {
			if m, ok := m.(map[string]any); ok {
				setDefault(m, "id", "m"+strconv.Itoa(i+1))
			}
		}
	}
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	ev, err := event.Decode(data, time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
	t.event = ev
	return err
}

// readCounts writes the keys of counts as Eval has them, and finds members
// that the event does not have.
func (t *test) readCounts() (err error) {
	if t.Counts, err = canonical(t.Counts); err != nil {
		return err
	}
	for id, m := range t.Members {
		if !slices.ContainsFunc(t.event.Audience.Members, func(m event.Member) bool { return m.ID == id }) {
			return fmt.Errorf("members: the event has no member %q", id)
		}
		if m.Counts, err = canonical(m.Counts); err != nil {
			return err
		}
		t.Members[id] = m
	}
	return nil
}

func canonical(counts map[string]float64) (map[string]float64, error) {
	by := make(map[string]float64, len(counts))
	for _, key := range sortedKeys(counts) {
		c, err := policy.ParseCount(key)
		if err != nil {
			return nil, fmt.Errorf("counts: %w", err)
		}
		by[c.Key()] = counts[key]
	}
	return by, nil
}

func setDefault(m map[string]any, key string, value any) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

// plain is a node as JSON would have it: dates and words that look like
// something else stay strings.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = plain(item)
		}
		return list
	}
	switch n.Tag {
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}
