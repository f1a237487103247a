package sanction_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/sanction"
	"github.com/breakwater-project/breakwater/policies"
)

// drawn is an event of which nearly anything may be seen.
func drawn(r *rand.Rand, b *policy.Bundle, t event.Type) *policy.Input {
	person := func() policy.Subject {
		from := []int{0, 6, 10, 13, 16, 18}[r.IntN(6)]
		to := []int{from + 2, 150}[r.IntN(2)]
		if from == 18 {
			to = 150
		}
		s := policy.Subject{From: from, To: to, Country: []string{"GB", "US", "DE", "AU", "NZ"}[r.IntN(5)]}
		if from == 18 {
			s.Band, s.Basis, s.Proven = event.Band18Plus, event.BasisVerified, r.IntN(2) == 0
		}
		return s
	}
	needs := b.Needs(t)
	in := &policy.Input{Type: t, Time: noon, Protective: event.Band0to5, Actor: person(), Counts: map[string]float64{}}
	if r.IntN(3) > 0 {
		in.Scope, in.Private = "direct", true
		in.Members = []policy.Member{{ID: "u-9", Subject: person(), Connected: r.IntN(2) == 0, Counts: map[string]float64{}}}
	} else {
		in.Scope = "public"
	}
	for _, name := range needs.Signals {
		in.Signals = append(in.Signals, decision.Signal{Name: name})
	}
	for range r.IntN(4) { // few at once: with many, some rule always asks for a review
		if n := len(in.Signals); n > 0 {
			in.Signals[r.IntN(n)].Score = []float64{0.5, 0.8, 0.9, 1}[r.IntN(4)]
		}
	}
	for _, c := range needs.Counts {
		n := float64(r.IntN(2) * r.IntN(2) * r.IntN(20))
		in.Counts[c.Key()] = n
		for i := range in.Members {
			in.Members[i].Counts[c.Key()] = n
		}
	}
	for _, l := range needs.Labels {
		if r.IntN(30) == 0 {
			in.Labels = append(in.Labels, l)
		}
	}
	return in
}

// Whatever is seen, the shipped rules keep to what the ledger promises:
// nothing is held against whoever may be a child that no person hears of, asking
// for help costs nobody anything, and no child is reported by a machine.
func TestShippedRulesHaveRestraint(t *testing.T) {
	b, err := policy.Load(nil, policy.Options{Shipped: policies.FS, Parts: policies.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	ledger := newRig(t, dbtest.Open(t, dbtest.SQLite(t), sources()...), sanction.Quota{Least: 1e9, PerDay: 1e9, Labels: 1e9})
	seen := map[decision.EffectKind]int{}
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 6))
		types := event.Types()
		in := drawn(r, b, types[r.IntN(len(types))])
		result := b.Eval(t.Context(), in)
		p := &decide.Proposed{At: noon, Account: "u", Actor: in.Actor, Reasons: result.Reasons, Effects: result.Effects}
		for _, complaint := range unrestrained(in, &result, ledger.Hold(t.Context(), p), seen) {
			t.Errorf("seed %d, %s by an account of %d to %d: %s", seed, in.Type, in.Actor.From, in.Actor.To, complaint)
		}
	}
	for _, kind := range []decision.EffectKind{decision.Strike, decision.Restrict, decision.Report, decision.Demonetise} {
		if seen[kind] == 0 {
			t.Errorf("no rule gave a %s to who may be a child: the test shows nothing of it", kind)
		}
	}
}

// unrestrained says what is wrong with effects, and counts those that it looked at.
func unrestrained(in *policy.Input, result *policy.Result, held []decision.Effect, seen map[decision.EffectKind]int) (complaints []string) {
	reviewed := slices.ContainsFunc(held, func(e decision.Effect) bool { return e.Kind == decision.Review })
	help := slices.ContainsFunc(in.Signals, func(s decision.Signal) bool {
		return s.Name == "text.self_harm_disclosure" && s.Score >= 0.5
	})
	for _, e := range held {
		switch e.Kind {
		case decision.Strike, decision.Restrict, decision.Demonetise, decision.Report:
		default:
			continue
		}
		if in.Actor.From < 18 {
			seen[e.Kind]++
			if !reviewed {
				complaints = append(complaints, string(e.Kind)+" by "+e.Rule+" without a review beside it")
			}
		}
		if e.Kind == decision.Strike && (help || in.Actor.From < 13) {
			complaints = append(complaints, "a strike by "+e.Rule+" for who asks for help or is under 13")
		}
		if e.Kind == decision.Report && in.Actor.To <= 18 && e.Waits == "" {
			complaints = append(complaints, "a report by "+e.Rule+" about a child waits for nobody")
		}
		for _, reason := range result.Reasons {
			if reason.Rule == e.Rule && reason.Kind == "support.seeking_help" {
				complaints = append(complaints, string(e.Kind)+" by "+e.Rule+", which answers a call for help")
			}
		}
	}
	return complaints
}
