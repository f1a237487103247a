package decide

import (
	"context"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// spoken begins the names of signals that conversations give, not detectors.
const spoken = "conversation."

// wanted are the signals that detectors must look for in events of a type. Where
// a rule reads a signal of conversations, these read what detectors see; for
// other types they need not be looked at.
func wanted(t event.Type, needed []string) (signals []string, converses bool) {
	for _, name := range needed {
		if strings.HasPrefix(name, spoken) {
			converses = conversation.Concerns(t)
		} else {
			signals = append(signals, name)
		}
	}
	if converses {
		signals = append(signals, conversation.Reads()...)
		slices.Sort(signals)
		signals = slices.Compact(signals)
	}
	return signals, converses
}

// converse adds what the act's conversation is by now. Where a detector that it
// reads gave no answer, nobody knows what this message adds, so that what rules
// read of it is missing too.
func (e *Engine) converse(ctx context.Context, r *rules, a *act) {
	if !r.converses[a.input.Type] {
		return
	}
	signals, err := e.Conversations.See(ctx, e.line(a))
	if err != nil {
		e.logDegraded("conversations", err)
	}
	a.input.Signals = append(a.input.Signals, signals...)
	if err == nil && !slices.ContainsFunc(a.input.Missing, heard) {
		return
	}
	for _, name := range r.needs(a.input.Type).Signals {
		if strings.HasPrefix(name, spoken) {
			a.input.Missing = append(a.input.Missing, policy.Missing{Input: "signal:" + name, Why: "what was said is not known"})
		}
	}
}

// heard reports whether what is missing is read by conversations.
func heard(m policy.Missing) bool {
	name, is := strings.CutPrefix(m.Input, "signal:")
	return is && slices.Contains(conversation.Reads(), name)
}

// line is an act as a conversation sees it.
func (e *Engine) line(a *act) *conversation.Line {
	in := a.input
	l := &conversation.Line{
		Type: in.Type, Event: a.event, Content: e.digest("thread", in.Content.ID), Conversation: in.Conversation,
		Actor: a.actor, At: in.Time, Private: in.Private, Surface: in.Surface,
		Sender:  conversation.Person{From: in.Actor.From, To: in.Actor.To},
		Signals: in.Signals, Media: in.Content.Images + in.Content.Videos,
	}
	if in.Reply {
		l.Parent = in.Thread
	}
	if len(in.Members) > 0 {
		l.Members = make([]conversation.Member, len(in.Members))
	}
	for i := range in.Members {
		m := &in.Members[i]
		l.Members[i] = conversation.Member{
			ID: m.ID, Person: conversation.Person{From: m.From, To: m.To},
			Connected: m.Connected, Mutuals: m.Mutuals, Blocked: m.Blocked,
		}
	}
	return l
}
