package decide

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// act is an event as memory sees it: who did it, under which name, and what
// Eval sees of it. A live event and its journal entry give the same act, and an
// act that is seen twice changes nothing. So events are seen while they are
// drafted, in their order, and again when the journal is read back.
type act struct {
	event string // type and id
	actor string // account id; "" where the journal does not name it
	input *policy.Input
}

// actOf is the act of a live event.
func actOf(ev *event.Event, in *policy.Input) *act {
	return &act{event: eventName(ev.Type, ev.ID), actor: ev.Actor.ID, input: in}
}

// eventName is what an event is unique by.
func eventName(t event.Type, id string) string { return string(t) + "\x00" + id }

// recall adds to what Eval sees what earlier events say about this one.
func (e *Engine) recall(ctx context.Context, r *rules, a *act) {
	e.converse(ctx, r, a)
	e.count(ctx, r, a)
}

// count adds the act to the counters of the bundle, and reads those that its
// rules need. Counts that can't be read are missing inputs.
func (e *Engine) count(ctx context.Context, r *rules, a *act) {
	adds, reads := r.adds(a), r.reads(a)
	if len(adds)+len(reads) == 0 {
		return
	}
	asked := make([]counter.Read, len(reads))
	for i := range reads {
		asked[i] = reads[i].Read
	}
	counts, err := e.Counters.Count(ctx, adds, asked)
	if err != nil {
		for _, c := range r.needs(a.input.Type).Counts {
			a.input.Missing = append(a.input.Missing, policy.Missing{Input: "count:" + c.Key(), Why: "counters did not answer"})
		}
		e.logDegraded("counters", err)
		return
	}
	for i, n := range counts {
		a.note(reads[i].member, reads[i].key, n)
	}
}

// adds lists what the act adds to the counters of the bundle.
func (r *rules) adds(a *act) []counter.Add {
	counted := r.bundle.Counted(a.input)
	adds := make([]counter.Add, 0, len(counted))
	for _, c := range counted {
		spec := r.counters[c.Counter]
		owner, element := a.owner(spec.Of, c.Member), a.element(spec.Each, c.Member)
		if owner != "" && element != "" {
			adds = append(adds, counter.Add{
				Counter: spec.Name, Owner: owner, Element: element, At: a.input.Time, Keep: spec.Keep,
			})
		}
	}
	return adds
}

// read is a count to be read, and where it is put.
type read struct {
	counter.Read
	key    string
	member int // -1 is the event itself
}

// reads lists the counts that the rules for the act read.
func (r *rules) reads(a *act) []read {
	needed := r.needs(a.input.Type).Counts
	reads := make([]read, 0, len(needed))
	for _, c := range needed {
		first, last := -1, 0 // of the event itself
		if c.Of == policy.OfViewer || c.Of == policy.OfPair {
			first, last = 0, len(a.input.Members)
		}
		for member := first; member < last; member++ {
			if owner := a.owner(c.Of, member); owner != "" {
				reads = append(reads, read{
					counter.Read{Counter: c.Name, Owner: owner, Window: c.Window, At: a.input.Time}, c.Key(), member,
				})
			}
		}
	}
	return reads
}

// note puts a count into what Eval sees.
func (a *act) note(member int, key string, n float64) {
	counts := &a.input.Counts
	if member >= 0 {
		counts = &a.input.Members[member].Counts
	}
	if *counts == nil {
		*counts = map[string]float64{}
	}
	(*counts)[key] = n
}

// owner is whose count policy means by one of its words; "" if there is nobody.
func (a *act) owner(of string, member int) string {
	switch of {
	case policy.OfActor:
		return a.actor
	case policy.OfViewer:
		return a.member(member)
	case policy.OfPair:
		if viewer := a.member(member); viewer != "" && a.actor != "" {
			return a.actor + "\x00" + viewer
		}
		return ""
	case policy.OfConversation:
		return a.input.Conversation
	case policy.OfContent:
		return a.input.Thread
	}
	return ""
}

// element is what policy counts by one of its words; "" if there is nothing.
func (a *act) element(each string, member int) string {
	switch each {
	case policy.EachEvent:
		return a.event
	case policy.OfContent:
		return a.input.Content.ID
	}
	return a.owner(each, member)
}

func (a *act) member(i int) string {
	if i < 0 {
		return ""
	}
	return a.input.Members[i].ID
}

// place digests what an event is part of: its conversation, and the content
// that it answers, or its own. The digests are keyed; the journal keeps them.
func (e *Engine) place(ev *event.Event, in *policy.Input) {
	in.Conversation = e.digest("conversation", ev.Conversation)
	thread := ev.Parent
	if thread == "" {
		thread = ev.Content.ID
	}
	in.Thread = e.digest("thread", thread)
}

// digest is 16 hex digits that stand for a name; "" for "".
func (e *Engine) digest(what, name string) string {
	if name == "" {
		return ""
	}
	mac := hmac.New(sha256.New, e.ContentKey[:])
	mac.Write([]byte(what))
	mac.Write([]byte{0})
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Remember sees again what was decided since a time, in the journal's order:
// conversations, and counts unless counters is nil, which are kept elsewhere
// then. Entries that name nobody are left out: of them nothing is known. One that
// can't be read is left out too, and the log says how many.
func (e *Engine) Remember(ctx context.Context, since time.Time, counters *counter.Memory) error {
	r, unreadable := e.Rules.load(), 0
	err := e.Journal.Scan(ctx, journal.Query{From: since.Add(-journal.Settle)}, func(entry journal.Entry) error {
		if entry.Actor == "" {
			return nil
		}
		in, err := inputOf(&entry)
		if err != nil {
			unreadable++
			return nil
		}
		return e.rememberOne(ctx, r, &act{eventName(entry.Decision.Type, e.eventID(&entry)), entry.Actor, &in}, entry.Decision.Time, counters)
	})
	if unreadable > 0 && e.Log != nil {
		e.Log.Error("decisions that can't be read are not remembered", slog.Int("decisions", unreadable))
	}
	return err
}

// rememberOne sees one act again, which came at that time.
func (e *Engine) rememberOne(ctx context.Context, r *rules, a *act, came time.Time, counters *counter.Memory) error {
	if r.converses[a.input.Type] {
		if _, err := e.Conversations.See(ctx, e.line(a)); err != nil {
			return fmt.Errorf("decide: remember: %w", err)
		}
	}
	if counters == nil {
		return nil
	}
	return counters.Rebuild(r.adds(a), came)
}

// Longest is the longest window that the rules read: nothing older need be
// remembered.
func (r *Rules) Longest() time.Duration {
	var longest time.Duration
	held := r.load()
	for _, c := range held.counters {
		longest = max(longest, c.Keep)
	}
	for _, converses := range held.converses {
		if converses {
			longest = max(longest, conversation.Keep)
		}
	}
	return longest
}
