package token_test

import (
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
)

// A token of the class standard may have been earned by an estimate, and is no
// more than that to an account: it does not clear what another estimate said.
func TestStandardCountsAsAnEstimate(t *testing.T) {
	for class, want := range map[agetoken.Class]event.Basis{
		agetoken.Standard: event.BasisEstimated, agetoken.Enhanced: event.BasisVerified, agetoken.Strict: event.BasisVerified,
	} {
		p := token.Proof{Statement: token.Statement{Over: 18, Class: class}, Issuer: "age.example.org", Until: time.Now().Add(time.Hour)}
		if r := p.Result(time.Now()); r.Basis != want || !r.HighlyEffective() {
			t.Errorf("%s: basis %s, highly effective %v", class, r.Basis, r.HighlyEffective())
		}
	}
}
