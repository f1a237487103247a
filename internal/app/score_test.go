package app_test

import (
	"testing"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/simulate"
)

func scorePolicy(t *testing.T, opts simulate.Options) simulate.Score {
	t.Helper()
	cfg, err := config.Load(config.Source{})
	if err != nil {
		t.Fatal(err)
	}
	world, err := simulate.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	score, err := app.ScorePolicy(t.Context(), cfg, world, nil)
	if err != nil {
		t.Fatal(err)
	}
	return score
}

// The shipped policies on a small simulated platform, with the texts that
// nothing was fitted to. What is held here is less than docs/simulation.md
// says of a large one: few stories are told, and one more or less shows.
func TestPoliciesOnSimulation(t *testing.T) {
	if testing.Short() {
		t.Skip("decides some thousand events")
	}
	s := scorePolicy(t, simulate.Options{Seed: 3, Accounts: 90, Days: 4, Stories: 1, Half: simulate.HeldOut})
	for _, f := range s.Floors() {
		t.Logf("%s: %.3f", f.What, f.Got)
	}
	atLeast(t, "grooming and sextortion in time", s.Goal.InTime, floorGoal)
	for _, p := range s.Patterns {
		switch p.Name {
		case "fan-out", "pile-on-many", "stalking":
			atLeast(t, p.Name, p.InTime, floorCrowd)
		}
		if p.Stories != 7 || p.Harmful == 0 {
			t.Errorf("%s: %d stories with %d harmful events", p.Name, p.Stories, p.Harmful)
		}
	}
	if s.TwinsHeld >= ceilingTwins {
		t.Errorf("of innocent twins %.3f are held", s.TwinsHeld)
	}
}

// Floors of the small simulation, in which each story is told once in each
// language.
const (
	floorGoal    = 0.8
	floorCrowd   = 0.7
	ceilingTwins = 0.03
)

func atLeast(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got < want {
		t.Errorf("%s: %.3f, want at least %.3f", what, got, want)
	}
}

// The same world scored twice gives the same score: nothing else gets in.
func TestScoreIsRepeatable(t *testing.T) {
	if testing.Short() {
		t.Skip("decides two thousand events twice")
	}
	opts := simulate.Options{Seed: 9, Accounts: 20, Days: 1, Stories: 1, Half: simulate.Open}
	first, second := scorePolicy(t, opts), scorePolicy(t, opts)
	if first.Goal != second.Goal || first.FalseAlarms != second.FalseAlarms || first.TwinsHeld != second.TwinsHeld {
		t.Errorf("first %+v, %d alarms; then %+v, %d alarms", first.Goal, first.FalseAlarms, second.Goal, second.FalseAlarms)
	}
}
