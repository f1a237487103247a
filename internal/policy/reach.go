package policy

import (
	"slices"

	"github.com/breakwater-project/breakwater/event"
)

// reach is who meets an event besides its named members.
type reach uint8

const (
	named     reach = iota // nobody else
	published              // anybody, band by band
	self                   // the actor
)

// reach says who meets the event. What a person does for themselves (search,
// view, prompt, pay, be in a session) meets only them. Content for followers
// or the public, and what goes to a group without naming it, may meet every
// band. Anything else of ours that names nobody is taken to be published:
// doubt protects.
func (in *Input) reach() reach {
	switch {
	case len(in.Members) == 0 && in.selfDirected():
		return self
	case in.Scope == event.Followers || in.Scope == event.Public || len(in.Members) == 0:
		return published
	}
	return named
}

func (in *Input) selfDirected() bool {
	switch in.Type {
	case event.SearchQuery, event.ContentView, event.ProfileView, event.AIPrompt, event.AIOutput,
		event.SessionStart, event.SessionHeartbeat, event.SessionEnd, event.AccountCreate, event.PaymentSend:
		return true
	default:
		return in.Scope == "" && !slices.Contains(event.Types(), in.Type) // the platform's own types
	}
}
