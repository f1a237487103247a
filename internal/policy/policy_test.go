package policy_test

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/policies"
)

// directory is an operator's bundle; the manifest may be left out.
func directory(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{policy.Manifest: {Data: []byte("bundle: test\n")}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// load compiles a bundle of one file.
func load(t testing.TB, text string) *policy.Bundle {
	t.Helper()
	b, err := policy.Load(directory(map[string]string{"rules.yaml": text}), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shipped is the default bundle.
func shipped(t testing.TB) *policy.Bundle {
	t.Helper()
	b, err := policy.Load(nil, options())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func options() policy.Options {
	return policy.Options{Shipped: policies.FS, Parts: policies.Parts()}
}

func eval(b *policy.Bundle, in policy.Input) policy.Result {
	return b.Eval(context.Background(), &in)
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// someone is a person of that band in Great Britain.
func someone(band event.Band) policy.Subject {
	from, to := band.Interval()
	return policy.Subject{Band: band, From: from, To: to, Basis: event.BasisDeclared, Country: "GB"}
}

func member(id string, band event.Band) policy.Member {
	return policy.Member{ID: id, Subject: someone(band)}
}

// message is a direct message from a declared adult to members.
func message(members ...policy.Member) policy.Input {
	return policy.Input{
		Type: event.MessageSend, Time: noon, Scope: event.Direct, Surface: event.SurfaceDM,
		Actor: someone(event.Band18Plus), Members: members,
	}
}

// post is a public post of a declared adult.
func post() policy.Input {
	return policy.Input{Type: event.ContentCreate, Time: noon, Scope: event.Public, Actor: someone(event.Band18Plus)}
}

func saw(in policy.Input, name string, score float64) policy.Input {
	in.Signals = append(in.Signals, decision.Signal{Name: name, Score: score, Detector: "test"})
	return in
}

func lacking(in policy.Input, inputs ...string) policy.Input {
	for _, name := range inputs {
		in.Missing = append(in.Missing, policy.Missing{Input: name, Why: "timeout"})
	}
	return in
}

func reasonIDs(reasons []decision.Reason) []string {
	ids := []string{}
	for _, r := range reasons {
		ids = append(ids, r.Rule)
	}
	return ids
}

func bandOutcomes(r policy.Result) map[string]string {
	outcomes := map[string]string{}
	for _, b := range r.Bands {
		outcomes[b.Band.String()] = b.Outcome.String()
	}
	return outcomes
}
