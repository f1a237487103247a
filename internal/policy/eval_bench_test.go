package policy_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
)

// sink keeps the compiler from leaving out what is measured.
var (
	sink    policy.Result
	counted []policy.Counted
)

func BenchmarkEval(b *testing.B) {
	bundle, inputs, err := policytest.Workload(4096)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		sink = bundle.Eval(ctx, &inputs[i%len(inputs)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkEvalShipped evaluates the whole default bundle, on events that are
// far worse than a platform's: a third of all signals fire.
func BenchmarkEvalShipped(b *testing.B) {
	bundle := shipped(b)
	p := newPlatform(bundle, 1)
	inputs := make([]policy.Input, 1024)
	for i := range inputs {
		inputs[i] = p.event()
	}
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		sink = bundle.Eval(ctx, &inputs[i%len(inputs)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkCounted finds what events add to counters, of which two in three add
// to none.
func BenchmarkCounted(b *testing.B) {
	bundle, inputs, err := policytest.Workload(4096)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		counted = bundle.Counted(&inputs[i%len(inputs)])
	}
}

// BenchmarkEvalGroup judges a message to a full group of whose members
// different things are counted: as many classes as there are members, or four.
func BenchmarkEvalGroup(b *testing.B) {
	bundle := load(b, counting)
	ctx := context.Background()
	for _, distinct := range []int{4, event.MaxMembers} {
		b.Run(fmt.Sprint(distinct), func(b *testing.B) {
			in := message(make([]policy.Member, event.MaxMembers)...)
			for i := range in.Members {
				in.Members[i] = member(fmt.Sprint("m", i), event.Band10to12)
				in.Members[i].Counts = map[string]float64{"received/viewer/10m": float64(i % distinct), "written/pair/168h": 0}
			}
			b.ReportAllocs()
			for b.Loop() {
				sink = bundle.Eval(ctx, &in)
			}
		})
	}
}

// BenchmarkLoadShipped compiles the default bundle, as serve does when it starts.
func BenchmarkLoadShipped(b *testing.B) {
	for range b.N {
		shipped(b)
	}
}

// TestEvalAllocations holds the hot path to its promise: under 20 allocations
// an event, over a mix as platforms send it.
func TestEvalAllocations(t *testing.T) {
	bundle, inputs, err := policytest.Workload(1000)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(bundle.Rules()); n != 22 {
		t.Fatalf("the workload has %d rules, want 22", n)
	}
	ctx := context.Background()
	perRun := testing.AllocsPerRun(5, func() {
		for i := range inputs {
			sink = bundle.Eval(ctx, &inputs[i])
		}
	})
	if each := perRun / float64(len(inputs)); each >= 20 {
		t.Errorf("%.1f allocations an event, want under 20", each)
	} else {
		t.Logf("%.1f allocations an event", each)
	}
}
