package console

import "github.com/breakwater-project/breakwater/decision"

// legend is one outcome in the page's words. The script reads the words from
// the page, so they stand here only.
type legend struct {
	Outcome decision.Outcome
	Word    string // on a label
	Short   string // where there is room for one word
	Meaning string
}

func outcomes() []legend {
	return []legend{
		{decision.Allow, "Shown", "Shown", "Delivered as it is"},
		{decision.Inform, "Shown with advice", "Advice", "With where to turn to"},
		{decision.Demote, "Not recommended", "Quieter", "Found, never recommended"},
		{decision.Blur, "Blurred", "Blurred", "Behind a click"},
		{decision.Confirm, "Asks first", "Asks", "Once the recipient accepts"},
		{decision.Gate, "Adults only", "18+ only", "With proof of being an adult"},
		{decision.Hold, "Held", "Held", "Once a person has reviewed it"},
		{decision.Block, "Blocked", "Blocked", "Not delivered"},
	}
}
