package decision_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

func TestOutcomesFormALattice(t *testing.T) {
	all := decision.Outcomes()
	for i, a := range all {
		if got, ok := decision.ParseOutcome(a.String()); !ok || got != a {
			t.Errorf("%s does not survive its own name", a)
		}
		for j, b := range all {
			want := all[max(i, j)]
			if got := a.Join(b); got != want {
				t.Errorf("%s join %s = %s, want %s", a, b, got, want)
			}
		}
	}
	if got := decision.Outcome(200).String(); got != "block" {
		t.Errorf("an outcome outside the lattice is %s, want the strictest", got)
	}
	if o, ok := decision.ParseOutcome("allowed"); ok || o != decision.Block {
		t.Error("an unknown name must not read as a loose outcome")
	}
}

func TestDecisionJSON(t *testing.T) {
	d := decision.Decision{
		ID: "d_1", Event: "m-1", Type: event.MessageSend, Outcome: decision.Hold,
		Members:  []decision.Member{{ID: "u-9", Band: event.Band10to12, Outcome: decision.Hold, Rules: []string{"r"}}},
		Degraded: []decision.Degraded{},
	}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"outcome":"hold"`, `"members":[{"id":"u-9","band":"10-12","outcome":"hold","rules":["r"]}]`, `"degraded":[]`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s", data, want)
		}
	}
	var back decision.Decision
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(d.Members, back.Members) || back.Outcome != d.Outcome {
		t.Error("a decision does not survive its own JSON")
	}
}

func TestKindsAreUniqueAndKnown(t *testing.T) {
	seen := map[decision.Kind]bool{}
	for _, k := range decision.Kinds() {
		if seen[k] || !k.Known() {
			t.Errorf("%s twice or unknown", k)
		}
		seen[k] = true
	}
	if decision.Kind("abuse.other").Known() {
		t.Error("an unlisted kind is known")
	}
}

func TestOnlyReviewFollowsFromDoubt(t *testing.T) {
	for _, k := range decision.EffectKinds() {
		if k.InDoubt() != (k == decision.Review) {
			t.Errorf("%s: InDoubt = %v", k, k.InDoubt())
		}
	}
}

func TestLogsNameNobody(t *testing.T) {
	const canary = "canary-55d1"
	d := decision.Decision{ID: "d_1", Members: []decision.Member{{ID: canary}}, Notice: &decision.Notice{Body: canary}}
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "decision", d)
	fmt.Fprintf(&buf, "%v %+v %#v", d, d, d)
	if strings.Contains(buf.String(), canary) {
		t.Errorf("a person in the log: %s", buf.String())
	}
}
