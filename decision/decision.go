// Package decision is the vocabulary of what is answered: for every event an
// outcome for each age that may meet it, with the rules that gave it and what
// follows.
package decision

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// Decision is the durable answer to one event.
type Decision struct {
	ID    string     `json:"id" doc:"Starts with d_"`
	Event string     `json:"event" doc:"The event's id"`
	Type  event.Type `json:"type"`
	Time  time.Time  `json:"time" doc:"When the decision was made"`
	// Outcome is for the act itself: strictest over members for a direct
	// message, for published content whether it may be published at all.
	Outcome Outcome `json:"outcome" enum:"allow,inform,demote,blur,confirm,gate,hold,block"`
	// Apparent is what the actor may be shown as the outcome, where that is
	// another: what a recipient does in private, such as blocking them, is left
	// out of it. Nil is Outcome.
	Apparent      *Outcome   `json:"apparent,omitempty" enum:"allow,inform,demote,blur,confirm,gate,hold,block" doc:"What the actor may be shown as the outcome; absent: the outcome itself. It leaves out what recipients did in private, such as blocking the actor"`
	Bands         []Band     `json:"bands,omitempty" nullable:"false" doc:"Published content: the outcome for each of the six bands"`
	Members       []Member   `json:"members,omitempty" nullable:"false" doc:"Named recipients: the outcome for each"`
	Reasons       []Reason   `json:"reasons" nullable:"false" doc:"The rules that applied, strictest first"`
	Effects       []Effect   `json:"effects" nullable:"false" doc:"What follows"`
	Signals       []Signal   `json:"signals" nullable:"false" doc:"What detectors saw"`
	Notice        *Notice    `json:"notice,omitempty" doc:"What to tell the person"`
	Degraded      []Degraded `json:"degraded" nullable:"false" doc:"Inputs that were missing, and what that did"`
	Policy        Policy     `json:"policy"`
	Jurisdictions []string   `json:"jurisdictions" nullable:"false" doc:"Whose rules were consulted"`
}

// Band is the outcome for every viewer of one age band.
type Band struct {
	Band    event.Band `json:"band" enum:"0-5,6-9,10-12,13-15,16-17,18+"`
	Outcome Outcome    `json:"outcome" enum:"allow,inform,demote,blur,confirm,gate,hold,block"`
}

// Member is the outcome for one named recipient. Band is what their age was
// taken to be.
type Member struct {
	ID      string     `json:"id"`
	Band    event.Band `json:"band" enum:"0-5,6-9,10-12,13-15,16-17,18+,unknown"`
	Outcome Outcome    `json:"outcome" enum:"allow,inform,demote,blur,confirm,gate,hold,block"`
	Rules   []string   `json:"rules" nullable:"false"`
}

// Reason is one rule that applied.
type Reason struct {
	Rule          string   `json:"rule"`
	Kind          Kind     `json:"kind,omitempty" doc:"Kind of harm"`
	Outcome       Outcome  `json:"outcome" enum:"allow,inform,demote,blur,confirm,gate,hold,block"`
	Text          string   `json:"text"`
	Measures      []string `json:"measures" nullable:"false" doc:"For example ofcom:ICU-F1"`
	Jurisdictions []string `json:"jurisdictions" nullable:"false" doc:"Empty: everywhere"`
	Doubt         bool     `json:"doubt,omitempty" doc:"Applied because an input was missing, not because it was seen"`
	Covert        bool     `json:"covert,omitempty" doc:"The actor must not learn of it"`
}

// Effect is what follows from a decision, as data; the engine and the
// platform carry it out.
type Effect struct {
	Kind     EffectKind `json:"kind" enum:"review,label,strike,notify,preserve,report,restrict,demonetise,urgent"`
	Rule     string     `json:"rule,omitempty" doc:"The rule that asks for it"`
	Queue    string     `json:"queue,omitempty" doc:"review: which queue"`
	Priority int        `json:"priority,omitempty" doc:"review: 1 is the most urgent"`
	Label    string     `json:"label,omitempty" doc:"label: which"`
	Target   string     `json:"target,omitempty" enum:"content,actor" doc:"label, strike, restrict: what it is put on"`
	Points   int        `json:"points,omitempty" doc:"strike: weight"`
	Feature  string     `json:"feature,omitempty" doc:"restrict: which feature"`
	Hours    int        `json:"hours,omitempty" doc:"label, restrict: how long; 0 is until lifted"`
	To       string     `json:"to,omitempty" doc:"notify, report: whom"`
	Waits    string     `json:"waits,omitempty" doc:"Why it is not carried out before a person has looked; absent: it is"`
}

// EffectKind says what follows.
type EffectKind string

// The effect kinds.
const (
	Review     EffectKind = "review"
	Label      EffectKind = "label"
	Strike     EffectKind = "strike"
	Notify     EffectKind = "notify"
	Preserve   EffectKind = "preserve"
	Report     EffectKind = "report"
	Restrict   EffectKind = "restrict"
	Demonetise EffectKind = "demonetise"
	Urgent     EffectKind = "urgent"
)

// EffectKinds lists the effect kinds in the contract's order.
func EffectKinds() []EffectKind {
	return []EffectKind{Review, Label, Strike, Notify, Preserve, Report, Restrict, Demonetise, Urgent}
}

// InDoubt reports whether the effect may follow from a missing input alone. Only
// a person's look may: nobody is sanctioned, paged or told, and no content is
// kept, for something that was not seen.
func (k EffectKind) InDoubt() bool { return k == Review }

// Signal is what one detector saw: a score from 0 (not at all) to 1.
type Signal struct {
	Name     string  `json:"name" doc:"For example text.harassment"`
	Score    float64 `json:"score" minimum:"0" maximum:"1"`
	Detector string  `json:"detector" doc:"Name and version"`
	Matches  []Match `json:"matches,omitempty" nullable:"false" doc:"Media and links: the known entries that it stands on"`
	// Evidence says in plain sentences what a conversation signal stands on. It
	// quotes nothing and names nobody.
	Evidence []string `json:"evidence,omitempty" nullable:"false" doc:"Conversations: what it stands on, in sentences for a reviewer; no quotes, no names"`
}

// Match is an entry of a bank of known hashes that a medium or link matched.
type Match struct {
	Bank     string `json:"bank"`
	Entry    string `json:"entry" doc:"Its id in the bank"`
	Hash     string `json:"hash" enum:"pdq,vpdq,md5,sha1,sha256,url" doc:"What it matched by"`
	Distance int    `json:"distance" doc:"Bits in which they differ; 0 is the same"`
	Place    string `json:"place" doc:"What matched, for example content.media[0]"`
	Review   bool   `json:"review,omitempty" doc:"The entry is in doubt: for a person to look at"`
}

// Degraded is one input that was missing, and the rules whose on_error it answered.
type Degraded struct {
	Input string   `json:"input" doc:"For example signal:text.harassment"`
	Why   string   `json:"why,omitempty" doc:"For example timeout"`
	Rules []string `json:"rules,omitempty" nullable:"false" doc:"Rules that applied because of it"`
}

// Notice is what to tell a person, in plain words, with where to turn to.
type Notice struct {
	Audience  string     `json:"audience" enum:"actor,viewer"`
	Title     string     `json:"title"`
	Body      string     `json:"body"`
	Language  string     `json:"language,omitempty"`
	Resources []Resource `json:"resources" nullable:"false"`
}

// Resource is a place to turn to.
type Resource struct {
	Name  string `json:"name"`
	URL   string `json:"url,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// Policy names the bundle that a decision was made under.
type Policy struct {
	Bundle string `json:"bundle"`
	Digest string `json:"digest" doc:"sha256:<hex> over everything that decides"`
}

// LogValue says what was decided, by which rules, and nothing of whom or what.
func (d Decision) LogValue() slog.Value {
	rules := make([]string, len(d.Reasons))
	for i, r := range d.Reasons {
		rules[i] = r.Rule
	}
	return slog.GroupValue(
		slog.String("id", d.ID),
		slog.String("event", d.Event),
		slog.String("type", string(d.Type)),
		slog.String("outcome", d.Outcome.String()),
		slog.Any("rules", rules),
		slog.Int("degraded", len(d.Degraded)),
	)
}

// Format keeps members and notices out of every fmt verb.
func (d Decision) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "decision(%s %s %s %s)", d.ID, d.Type, d.Event, d.Outcome)
}
