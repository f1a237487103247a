// Package detect asks detectors what they see in an event.
//
// A detector owns signals: named scores from 0 (not at all) to 1. A Set runs the
// detectors whose signals are wanted, side by side, and keeps their faults to
// themselves: whatever a detector does, the answer is on time, and a signal that could
// not be had is reported as missing, never as 0.
package detect

import (
	"context"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// A Detector looks at one event and says what it saw. Implementations are safe for
// concurrent use, honour ctx, and neither change the event nor keep it, or any part of
// it, after they return. Package detecttest holds them to this.
type Detector interface {
	// Name is the detector's word for itself: "text".
	Name() string
	// Version changes whenever the answers may change: a digest of model or lists.
	Version() string
	// Signals lists every name that Detect can give, sorted.
	Signals() []string
	// Detect gives each signal at most once, scores from 0 to 1. A signal left out
	// is 0. Signal.Detector may be left empty. With an error, all signals are missing.
	Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error)
}

// A Selective detector says in which events there is anything for it to look at. It is
// not asked about others: its signals are then 0, also while it fails for those that
// concern it.
type Selective interface {
	Detector
	// Concerns is quick, and true wherever Detect would give a signal.
	Concerns(ev *event.Event) bool
}

// Result is what a Set saw.
type Result struct {
	// Signals are sorted by name, then detector. Several detectors may give one name:
	// the strongest score counts.
	Signals []decision.Signal
	// Missing are the wanted signals that are not known in full, sorted: a detector
	// that owns them failed, or none owns them.
	Missing []Missing
	// Degraded says which detectors failed and why: "detector:text: timeout".
	Degraded []string
}

// Missing is a signal that could not be had.
type Missing struct {
	Signal string
	Why    string
}
