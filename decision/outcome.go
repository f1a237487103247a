package decision

import "fmt"

// Outcome is what happens to content or an act for a viewer. The values form
// a lattice by strictness; the strictest that any rule asks for wins.
type Outcome uint8

// The outcomes, loosest first.
const (
	Allow   Outcome = iota // deliver
	Inform                 // deliver, with support or safety information
	Demote                 // deliver, never recommend
	Blur                   // deliver behind a click
	Confirm                // the recipient must accept before seeing
	Gate                   // proven adults only
	Hold                   // not delivered until reviewed
	Block                  // not delivered
)

var outcomeNames = [...]string{"allow", "inform", "demote", "blur", "confirm", "gate", "hold", "block"}

// Outcomes lists them, loosest first.
func Outcomes() []Outcome {
	return []Outcome{Allow, Inform, Demote, Blur, Confirm, Gate, Hold, Block}
}

// Join is the stricter of the two.
func (o Outcome) Join(other Outcome) Outcome { return max(o, other) }

// Delivered reports whether the viewer gets to see it without anybody else
// deciding first.
func (o Outcome) Delivered() bool { return o < Gate }

// String is the contract's name. A value outside the lattice is the strictest.
func (o Outcome) String() string {
	if int(o) >= len(outcomeNames) {
		return outcomeNames[Block]
	}
	return outcomeNames[o]
}

// MarshalText is the contract's name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the contract's name.
func (o *Outcome) UnmarshalText(text []byte) error {
	v, ok := ParseOutcome(string(text))
	if !ok {
		return fmt.Errorf("unknown outcome: want one of allow, inform, demote, blur, confirm, gate, hold, block")
	}
	*o = v
	return nil
}

// ParseOutcome reads the contract's name of an outcome.
func ParseOutcome(s string) (Outcome, bool) {
	for i, name := range outcomeNames {
		if s == name {
			return Outcome(i), true
		}
	}
	return Block, false
}
