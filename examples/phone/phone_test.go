package phone

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/detecttest"
	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
	"github.com/breakwater-project/breakwater/policies"
)

func said(text string) *event.Event {
	return &event.Event{Content: event.Content{Text: text}}
}

func TestContract(t *testing.T) {
	detecttest.Run(t, Detector{}, said("call me on 020 7946 0958"))
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]bool{
		"020 7946 0958":                true, // from ranges that are kept for fiction
		"ring +1 (202) 555-0143 later": true,
		"01.02.2026 at 10:00":          false,
		"2026-11-24 10:00:00":          false,
		"0.123456789012":               false,
		"a000 0000 000":                false,
		"room 0123":                    false,
	} {
		signals, err := Detector{}.Detect(t.Context(), said(text))
		if err != nil || (len(signals) > 0) != want {
			t.Errorf("%q: %v, %v", text, signals, err)
		}
	}
}

// The rule in policy reads the signal, and a server answers by both.
func TestRule(t *testing.T) {
	set, err := detect.New([]detect.Detector{Detector{}}, detect.Options{Deadline: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	dir := os.DirFS("policy")
	bundle, err := policy.Load(dir, policy.Options{Shipped: policies.FS, Parts: policies.Parts(), Signals: set.Signals()})
	if err != nil {
		t.Fatal(err)
	}
	report, err := policytest.Run(t.Context(), bundle, dir)
	if err != nil || !report.OK() || len(report.Gaps) > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	ev := said("call me on 020 7946 0958")
	ev.Type, ev.Actor = event.ContentCreate, event.Actor{ID: "u-1", Age: &event.Age{Band: event.Band10to12, Basis: event.BasisVerified}}
	in := policy.InputOf(ev)
	in.Time = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	in.Signals = set.Run(t.Context(), ev, bundle.Needs(ev.Type).Signals).Signals
	if got := bundle.Eval(t.Context(), &in).Outcome; got != decision.Hold {
		t.Errorf("the act is answered %s", got)
	}
}

func BenchmarkDetect(b *testing.B) {
	ev := said(strings.Repeat("see you at 5, bring 20 for the bus. ", 4))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Detector{}).Detect(b.Context(), ev); err != nil {
			b.Fatal(err)
		}
	}
}
