package assurance

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
)

//go:embed profiles.yaml
var shipped []byte

// Profile is what a law asks of an age check for one purpose. Profiles are
// rows of profiles.yaml, not code.
type Profile struct {
	ID            string
	Purpose       string
	Jurisdictions []string
	Over          int // completed years
	// HighlyEffective asks for highly effective age assurance; otherwise what
	// people say counts too, and proves nothing.
	HighlyEffective bool
	Level           agetoken.Class // the least
	// ChallengeAge is the age from which an estimate is taken for Over: the
	// difference is the buffer for the estimate's error.
	ChallengeAge int
	// Days is after how many days a check must be repeated.
	Days int
	// Methods are the waterfall: which to offer, in this order.
	Methods            []Method
	ValidFrom, ValidTo time.Time // zero: no such end
	Status             string    // in_force or announced
	Source             string
}

// profileRow is a profile as the file has it.
type profileRow struct {
	ID              string   `yaml:"id"`
	Purpose         string   `yaml:"purpose"`
	Jurisdictions   []string `yaml:"jurisdictions"`
	Over            int      `yaml:"over"`
	HighlyEffective bool     `yaml:"highly_effective"`
	Level           string   `yaml:"level"`
	ChallengeAge    int      `yaml:"challenge_age"`
	Days            int      `yaml:"days"`
	Methods         []Method `yaml:"methods"`
	ValidFrom       string   `yaml:"valid_from"`
	ValidTo         string   `yaml:"valid_to"`
	Status          string   `yaml:"status"`
	Source          string   `yaml:"source"`
}

// Profiles are the ones that are shipped.
func Profiles() ([]Profile, error) { return parseProfiles(shipped) }

func parseProfiles(text []byte) ([]Profile, error) {
	var file struct {
		Profiles []profileRow `yaml:"profiles"`
	}
	if err := yaml.Load(text, &file, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("assurance: profiles: %w", err)
	}
	var all []Profile
	for _, row := range file.Profiles {
		p, err := row.profile()
		if err != nil {
			return nil, fmt.Errorf("assurance: profile %s: %w", row.ID, err)
		}
		if slices.ContainsFunc(all, func(other Profile) bool { return other.ID == p.ID }) {
			return nil, fmt.Errorf("assurance: profile %s is there twice", row.ID)
		}
		all = append(all, p)
	}
	return all, nil
}

func (r *profileRow) profile() (Profile, error) {
	from, err1 := day(r.ValidFrom)
	to, err2 := day(r.ValidTo)
	class, err3 := parseClass(r.Level)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Profile{}, err
	}
	p := Profile{
		ID: r.ID, Purpose: r.Purpose, Jurisdictions: r.Jurisdictions, Over: r.Over, HighlyEffective: r.HighlyEffective,
		Level: class, ChallengeAge: r.ChallengeAge, Days: r.Days, Methods: r.Methods,
		ValidFrom: from, ValidTo: to, Status: r.Status, Source: r.Source,
	}
	switch {
	case p.ID == "" || len(p.Jurisdictions) == 0 || p.Source == "":
		return Profile{}, errors.New("it needs id, jurisdictions and source")
	case p.Over < 1 || p.Over >= event.MaxAge || p.ChallengeAge < p.Over || p.Days < 1:
		return Profile{}, errors.New("over, challenge_age (no less than over) and days must make sense")
	case p.Status != "in_force" && p.Status != "announced":
		return Profile{}, errors.New("status must be in_force or announced")
	}
	return p, p.checkMethods()
}

// checkMethods holds a profile to R25 and R28.
func (p *Profile) checkMethods() error {
	free := 0
	for i, m := range p.Methods {
		switch {
		case !m.known():
			return fmt.Errorf("method %q is unknown", m)
		case slices.Contains(p.Methods[:i], m):
			return fmt.Errorf("method %s is there twice", m)
		case p.HighlyEffective && !m.Capable():
			return fmt.Errorf("method %s can't be highly effective", m)
		}
		if !m.GovernmentID() {
			free++
		}
	}
	if len(p.Methods) < 2 || free == 0 {
		return errors.New("it needs two methods, one of them without government ID")
	}
	return nil
}

// Verdict is what a result says for a profile.
type Verdict string

// The verdicts.
const (
	Passed    Verdict = "passed"    // has reached the age
	Under     Verdict = "under"     // has not
	Undecided Verdict = "undecided" // another method must say
)

// Judge says what a result means for the profile. A result that lowers counts
// whatever it is worth; one that raises must be what the profile asks for, and
// an estimate must clear the challenge age.
func (p *Profile) Judge(r *Result) Verdict {
	need := p.Over
	if r.Basis == event.BasisEstimated || r.Basis == event.BasisInferred {
		need = p.ChallengeAge
	}
	switch {
	case r.Ages.To <= p.Over:
		return Under
	case r.Ages.From < need || !slices.Contains(p.Methods, r.Method) && r.Method != Review:
		return Undecided
	case r.Level < p.Level || p.HighlyEffective && !r.HighlyEffective():
		return Undecided
	}
	return Passed
}

// keeps is what the account is told of a result: no more than was asked. An
// estimate above the challenge age says that the person is over the age, not
// how old they look.
func (p *Profile) keeps(r *Result, v Verdict) age.Interval {
	if v == Passed {
		return age.Interval{From: p.Over, To: r.Ages.To}
	}
	return r.Ages
}

// until is when a result ends to hold, at the begin of a day.
func (p *Profile) until(r *Result) time.Time {
	until := Day(r.CheckedOn).AddDate(0, 0, p.Days)
	if expires := Day(r.Expires); !expires.IsZero() && expires.Before(until) {
		return expires
	}
	return until
}

func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, text)
}

func parseClass(text string) (agetoken.Class, error) {
	for c := agetoken.Asserted; c <= agetoken.Strict; c++ {
		if c.String() == text {
			return c, nil
		}
	}
	return agetoken.ClassNone, fmt.Errorf("level %q is not asserted, standard, enhanced or strict", text)
}
