// Package phone is the example of docs/howto-detector.md: a detector that sees
// telephone numbers in a text.
package phone

import (
	"context"
	"regexp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// Signal says that a text holds a telephone number.
const Signal = "text.phone_number"

// number is 8 to 15 digits (E.164 allows 15) that begin with a plus or a zero,
// with at most two separators between any two.
var number = regexp.MustCompile(`(?:\+|\b0)\d(?:[ ()-]{0,2}\d){7,13}\b`)

// Detector sees telephone numbers. It is safe for concurrent use.
type Detector struct{}

// Name is "phone".
func (Detector) Name() string { return "phone" }

// Version changes with what counts as a number.
func (Detector) Version() string { return "1" }

// Signals is the one.
func (Detector) Signals() []string { return []string{Signal} }

// Detect scores a number 0.9: it may be an order's. It takes some milliseconds
// at most, for the longest text that an event may have, so it need not watch ctx.
func (Detector) Detect(_ context.Context, ev *event.Event) ([]decision.Signal, error) {
	if !number.MatchString(ev.Content.Text) {
		return nil, nil
	}
	return []decision.Signal{{Name: Signal, Score: 0.9}}, nil
}
