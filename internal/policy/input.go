package policy

import (
	"time"
	"unicode/utf8"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// Input is everything that Eval sees of one event. The journal keeps it as
// JSON, so a decision can be made again, under the same bundle or another,
// with no detector and no account store at hand. It holds no content: text,
// links and media enter only as features and signals.
type Input struct {
	Type         event.Type         `json:"type"`
	Time         time.Time          `json:"time"`
	Surface      event.Surface      `json:"surface,omitempty"`
	Scope        event.Scope        `json:"scope,omitempty"`
	Private      bool               `json:"private,omitempty"`
	Reply        bool               `json:"reply,omitempty"`
	Actor        Subject            `json:"actor"`
	Members      []Member           `json:"members,omitempty"`
	Protective   event.Band         `json:"protective"` // the youngest band the operator admits: what unknown ages are taken for
	Content      Content            `json:"content,omitzero"`
	Attributes   map[string]any     `json:"attributes,omitempty"`
	Signals      []decision.Signal  `json:"signals,omitempty"`
	Counts       map[string]float64 `json:"counts,omitempty"`       // of actor, content and conversation, by CountKey; absent is missing
	Conversation string             `json:"conversation,omitempty"` // a keyed digest, 16 hex digits; "" is none
	Thread       string             `json:"thread,omitempty"`       // the same of the content that it answers, else of its own
	Labels       []string           `json:"labels,omitempty"`       // "actor:<kind>" and "content:<kind>", sorted
	Missing      []Missing          `json:"missing,omitempty"`
	Markets      []string           `json:"markets,omitempty"`  // jurisdictions the platform serves besides those of the people involved
	Language     string             `json:"language,omitempty"` // for notices, BCP 47
}

// Subject is an account as policy knows it: an interval of possible ages and
// how it is known, a place, and nothing that names a person.
type Subject struct {
	Band        event.Band  `json:"band"`
	From        int         `json:"from"` // possible ages are [From, To)
	To          int         `json:"to"`
	Basis       event.Basis `json:"basis"`
	Proven      bool        `json:"proven,omitempty"` // adult by highly effective age assurance
	Country     string      `json:"country,omitempty"`
	Region      string      `json:"region,omitempty"` // ISO 3166-2, for example US-CA
	AccountDays *int        `json:"account_days,omitempty"`
	LocalHour   *int        `json:"local_hour,omitempty"` // 0 to 23 at the event's time; nil is unknown
}

// Member is a named recipient.
type Member struct {
	ID string `json:"id"`
	Subject
	Connected bool `json:"connected,omitempty"`
	Mutuals   int  `json:"mutuals,omitempty"`
	Blocked   bool `json:"blocked,omitempty"` // the member blocked the actor, or all whom they don't know
	Muted     bool `json:"muted,omitempty"`   // or muted them
	// Counts are of the viewer and the pair, by CountKey; absent is missing.
	Counts map[string]float64 `json:"counts,omitempty"`
}

// Content is the features of the content that rules may read.
type Content struct {
	ID       string `json:"id,omitempty"`
	Length   int    `json:"length,omitempty"` // runes
	Language string `json:"language,omitempty"`
	Images   int    `json:"images,omitempty"`
	Videos   int    `json:"videos,omitempty"`
	Links    int    `json:"links,omitempty"`
}

// Missing is an input that could not be had: "signal:<name>", "count:<key>",
// "label:actor", "label:content", "blocks:viewer", "age:actor".
type Missing struct {
	Input string `json:"input"`
	Why   string `json:"why,omitempty"`
}

// Result is what a bundle answers to one Input: a decision without its
// identity, and what shadow rules would have added.
type Result struct {
	Outcome       decision.Outcome
	Apparent      *decision.Outcome // to the actor, without covert rules; nil is Outcome
	Bands         []decision.Band
	Members       []decision.Member
	Reasons       []decision.Reason
	Effects       []decision.Effect
	Notice        *decision.Notice
	Degraded      []decision.Degraded
	Jurisdictions []string
	Shadow        []decision.Reason
}

// InputOf is what an event itself tells Eval: features and places, no ages,
// no signals, counts or labels. Content enters only as numbers. The members
// stand in the event's order.
func InputOf(ev *event.Event) Input {
	in := Input{
		Type: ev.Type, Time: ev.Time, Surface: ev.Surface, Scope: ev.Audience.Scope,
		Private: ev.Private, Reply: ev.Parent != "", Attributes: ev.Attributes,
		Actor: Subject{Country: ev.Actor.Country, AccountDays: AccountDays(ev.Actor.Created, ev.Time)},
		Content: Content{
			ID: ev.Content.ID, Length: utf8.RuneCountInString(ev.Content.Text),
			Language: ev.Content.Language, Links: len(ev.Content.Links),
		},
	}
	for i := range ev.Content.Media {
		switch ev.Content.Media[i].Kind {
		case event.Image:
			in.Content.Images++
		case event.Video:
			in.Content.Videos++
		default: // rules do not count the others
		}
	}
	if len(ev.Audience.Members) > 0 {
		in.Members = make([]Member, len(ev.Audience.Members))
	}
	for i := range ev.Audience.Members {
		m := &ev.Audience.Members[i]
		in.Members[i] = Member{
			ID: m.ID, Subject: Subject{Country: m.Country}, Connected: m.Connected, Mutuals: m.Mutuals,
		}
	}
	return in
}

// AccountDays is how many whole days an account has existed; nil if unknown.
func AccountDays(created, at time.Time) *int {
	if created.IsZero() || at.IsZero() {
		return nil
	}
	days := max(int(at.Sub(created)/(24*time.Hour)), 0)
	return &days
}
