package main

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
)

// breakwater is the bundle of the project's own benchmarks, with inputs and
// the events, as JSON, that they could have come from.
type breakwater struct {
	bundle *policy.Bundle
	inputs []policy.Input
	events [][]byte
	now    time.Time
	result policy.Result // keeps the compiler from leaving out what is measured
}

func newBreakwater(n int) (*breakwater, error) {
	bundle, inputs, err := policytest.Workload(n)
	if err != nil {
		return nil, err
	}
	b := &breakwater{bundle: bundle, inputs: inputs}
	for i := range inputs {
		data, err := json.Marshal(eventOf(&inputs[i], i))
		if err != nil {
			return nil, err
		}
		b.events = append(b.events, data)
		b.now = inputs[i].Time
	}
	return b, nil
}

// eventOf is an event that could have given in.
func eventOf(in *policy.Input, i int) event.Event {
	ev := event.Event{
		ID: strconv.Itoa(i), Type: in.Type, Time: in.Time, Surface: in.Surface, Private: in.Private,
		Actor:    event.Actor{ID: "u" + strconv.Itoa(i%1000), Country: in.Actor.Country, Age: &event.Age{Band: in.Actor.Band, Basis: in.Actor.Basis}},
		Audience: event.Audience{Scope: in.Scope},
		Content:  event.Content{ID: in.Content.ID, Language: in.Content.Language, Text: "the sea is calm today and we walked along the harbour wall"},
	}
	for _, m := range in.Members {
		ev.Audience.Members = append(ev.Audience.Members, event.Member{
			ID: m.ID, Country: m.Country, Age: &event.Age{Band: m.Band, Basis: m.Basis}, Connected: m.Connected, Mutuals: m.Mutuals,
		})
	}
	return ev
}

func (b *breakwater) eval(ctx context.Context, i int) error {
	b.result = b.bundle.Eval(ctx, &b.inputs[i%len(b.inputs)])
	return nil
}

// decodeAndEval also decodes the event; ages, signals and counts, which a
// server would look up, are those of the prepared input.
func (b *breakwater) decodeAndEval(ctx context.Context, i int) error {
	i %= len(b.inputs)
	ev, err := event.Decode(b.events[i], b.now)
	if err != nil {
		return err
	}
	prepared := &b.inputs[i]
	in := policy.InputOf(&ev)
	in.Actor, in.Protective = prepared.Actor, prepared.Protective
	in.Signals, in.Counts = prepared.Signals, prepared.Counts
	for j := range in.Members {
		in.Members[j].Subject = prepared.Members[j].Subject
	}
	b.result = b.bundle.Eval(ctx, &in)
	return nil
}
