package policy

import (
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// Input is everything that Eval sees of one event. The journal keeps it as
// JSON, so a decision can be made again, under the same bundle or another,
// with no detector and no account store at hand. It holds no content: text,
// links and media enter only as features and signals.
type Input struct {
	Type       event.Type         `json:"type"`
	Time       time.Time          `json:"time"`
	Surface    event.Surface      `json:"surface,omitempty"`
	Scope      event.Scope        `json:"scope,omitempty"`
	Private    bool               `json:"private,omitempty"`
	Reply      bool               `json:"reply,omitempty"`
	Actor      Subject            `json:"actor"`
	Members    []Member           `json:"members,omitempty"`
	Protective event.Band         `json:"protective"` // the youngest band the operator admits: what unknown ages are taken for
	Content    Content            `json:"content,omitzero"`
	Attributes map[string]any     `json:"attributes,omitempty"`
	Signals    []decision.Signal  `json:"signals,omitempty"`
	Counts     map[string]float64 `json:"counts,omitempty"` // by CountKey; absent is missing
	Labels     []string           `json:"labels,omitempty"` // "actor:<kind>" and "content:<kind>", sorted
	Missing    []Missing          `json:"missing,omitempty"`
	Markets    []string           `json:"markets,omitempty"`  // jurisdictions the platform serves besides those of the people involved
	Language   string             `json:"language,omitempty"` // for notices, BCP 47
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
// "label:actor", "label:content", "age:actor".
type Missing struct {
	Input string `json:"input"`
	Why   string `json:"why,omitempty"`
}

// Result is what a bundle answers to one Input: a decision without its
// identity, and what shadow rules would have added.
type Result struct {
	Outcome       decision.Outcome
	Bands         []decision.Band
	Members       []decision.Member
	Reasons       []decision.Reason
	Effects       []decision.Effect
	Notice        *decision.Notice
	Degraded      []decision.Degraded
	Jurisdictions []string
	Shadow        []decision.Reason
}
