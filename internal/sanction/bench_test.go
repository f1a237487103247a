package sanction_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/decide"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/sanction"
)

// Hold is on the path of every event that has effects.
func BenchmarkHold(b *testing.B) {
	d := dbtest.Open(b, dbtest.SQLite(b), sources()...)
	s, err := sanction.New(b.Context(), sanction.Options{DB: d, Labels: label.New(d, nil), Ladders: sanction.Shipped()})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	for _, kind := range []decision.EffectKind{decision.Review, decision.Strike} {
		b.Run(string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := &decide.Proposed{At: now, Account: fmt.Sprint(i % 40), Effects: []decision.Effect{{Kind: kind, Rule: "r", Points: 1}}}
				p.Effects = s.Hold(b.Context(), p)
				s.Settle(p, true)
			}
		})
	}
}
