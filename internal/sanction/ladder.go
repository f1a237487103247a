package sanction

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.yaml.in/yaml/v4"
)

//go:embed ladder.yaml
var shipped []byte

// Ladders say what follows from strikes, by the age that an account may have.
type Ladders struct {
	apart   time.Duration // strikes by one rule within it count once
	ladders []ladder      // by rising under; the last is for everybody else
}

type ladder struct {
	under  int // years; 0 is no bound
	counts time.Duration
	fades  time.Duration
	steps  []step
}

// step is taken when the points reach it.
type step struct {
	Points  int    `yaml:"points"`
	Do      string `yaml:"do"`
	Feature string `yaml:"feature"`
	Hours   int    `yaml:"hours"`
}

func (s *step) kind() Kind {
	switch s.Do {
	case "notice":
		return Notice
	case "friction":
		return Friction
	case "restrict":
		return Restriction
	}
	return Suspension // checked when it was read
}

// name tells the steps of one ladder apart.
func (s *step) name() string {
	if s.Feature != "" {
		return s.Do + "." + s.Feature
	}
	return s.Do
}

// Shipped are the ladders that come with the program.
func Shipped() *Ladders {
	l, err := ReadLadders(shipped)
	if err != nil {
		panic(err) // a test reads it
	}
	return l
}

// ladderFile is ladders as the file has them.
type ladderFile struct {
	Apart   time.Duration `yaml:"apart"`
	Ladders []struct {
		Under  int           `yaml:"under"`
		Counts time.Duration `yaml:"counts"`
		Fades  time.Duration `yaml:"fades"`
		Steps  []step        `yaml:"steps"`
	} `yaml:"ladders"`
}

// ReadLadders reads ladders as YAML: docs/effects.md.
func ReadLadders(text []byte) (*Ladders, error) {
	var file ladderFile
	if err := yaml.Load(text, &file, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("sanction: ladders: %w", err)
	}
	l := &Ladders{apart: file.Apart}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("sanction: ladders: "+format, args...))
	}
	if file.Apart < 0 || file.Apart > 30*24*time.Hour {
		fault("apart must be between 0 and 30 days")
	}
	if n := len(file.Ladders); n == 0 || file.Ladders[n-1].Under != 0 {
		fault("the last ladder must have no under: it is everybody else's")
	}
	under := 0
	for i, row := range file.Ladders {
		last := i == len(file.Ladders)-1
		if !last && (row.Under <= under || row.Under > 18) {
			fault("ladder %d: under must rise and be at most 18", i+1)
		}
		under = row.Under
		if row.Counts <= 0 || row.Fades < row.Counts || row.Fades > maxFades {
			fault("ladder %d: needs counts, and fades no shorter and at most %d days", i+1, int(maxFades.Hours()/24))
		}
		if err := checkSteps(row.Steps, !last); err != nil {
			fault("ladder %d: %s", i+1, err)
		}
		l.ladders = append(l.ladders, ladder{row.Under, row.Counts, row.Fades, row.Steps})
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return l, nil
}

// maxFades bounds how long anything is held against anybody.
const maxFades = 2 * 365 * 24 * time.Hour

// maxHours bounds a step's, likewise.
const maxHours = 365 * 24

var featurePattern = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// checkSteps checks one ladder. Nothing proposes to suspend whoever may be a child.
func checkSteps(steps []step, child bool) error {
	points := 0
	for i, s := range steps {
		if s.Points < points || s.Points < 1 {
			return fmt.Errorf("step %d: points must be 1 or more and never fall", i+1)
		}
		points = s.Points
		lasting := s.Do == "friction" || s.Do == "restrict"
		switch {
		case !lasting && s.Do != "notice" && s.Do != "propose_suspension":
			return fmt.Errorf("step %d: do must be notice, friction, restrict or propose_suspension", i+1)
		case child && s.Do == "propose_suspension":
			return fmt.Errorf("step %d: a suspension is not proposed for whoever may be a child", i+1)
		case lasting != (s.Hours > 0) || s.Hours < 0 || s.Hours > maxHours:
			return fmt.Errorf("step %d: friction and restrict end after hours, 1 to %d; the others have none", i+1, maxHours)
		case (s.Do == "restrict") != (s.Feature != "") || s.Feature != "" && !featurePattern.MatchString(s.Feature):
			return fmt.Errorf("step %d: restrict needs a feature, small letters and _; the others have none", i+1)
		}
	}
	return nil
}

// of is the ladder of an account that has at least so many years.
func (l *Ladders) of(youngest int) *ladder {
	for i := range l.ladders {
		if under := l.ladders[i].under; under == 0 || youngest < under {
			return &l.ladders[i]
		}
	}
	return &l.ladders[len(l.ladders)-1]
}

// between are the steps that are reached on the way from before to after.
func (l *ladder) between(before, after float64) []step {
	var reached []step
	for _, s := range l.steps {
		if at := float64(s.Points); before < at && at <= after {
			reached = append(reached, s)
		}
	}
	return reached
}
