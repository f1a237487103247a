// Package event is the vocabulary of what happens on a platform: who did
// what, for whom, with which content. It is the input of every decision.
//
// Decode reads one event from JSON strictly: an unknown field, a duplicate
// key, invalid UTF-8, a value that is too deep or too large is an error that
// names the field, never a guess.
package event

import (
	"strings"
	"time"
)

// Event is one thing that happened, or is about to happen, on a platform.
// The pair (Type, ID) names it for ever: the same event sent again has the
// same answer.
type Event struct {
	ID           string         `json:"id" doc:"The platform's own id of the event; unique per type" minLength:"1" maxLength:"256"`
	Type         Type           `json:"type" doc:"What happened: one of the known types, or x.<name>" maxLength:"64"`
	Time         time.Time      `json:"time,omitzero" doc:"When it happened, RFC 3339; now if absent"`
	Actor        Actor          `json:"actor" doc:"Who did it"`
	Audience     Audience       `json:"audience,omitzero" doc:"Who may meet it"`
	Content      Content        `json:"content,omitzero" doc:"What was said or shown"`
	Conversation string         `json:"conversation,omitempty" doc:"The conversation it belongs to" maxLength:"256"`
	Parent       string         `json:"parent,omitempty" doc:"What it replies to" maxLength:"256"`
	Surface      Surface        `json:"surface,omitempty" doc:"Where on the platform" enum:"dm,feed,comments,profile,search,live,ai,game,other"`
	Private      bool           `json:"private,omitempty" doc:"Communicated privately, in the law's sense"`
	Attributes   map[string]any `json:"attributes,omitempty" doc:"The platform's own facts, readable in rules; put no content here"`
}

// Actor is the account that acts.
type Actor struct {
	ID      string    `json:"id" minLength:"1" maxLength:"256"`
	Age     *Age      `json:"age,omitempty" doc:"What the platform believes; only ever makes the account younger or more doubtful than what is known here"`
	Country string    `json:"country,omitempty" doc:"ISO 3166-1 alpha-2" pattern:"^[A-Z]{2}$"`
	Created time.Time `json:"created,omitzero" doc:"When the account was made"`
}

// Audience is who may meet the event's content.
type Audience struct {
	Scope   Scope    `json:"scope,omitempty" enum:"direct,group,followers,public"`
	Members []Member `json:"members,omitempty" maxItems:"1000" nullable:"false"`
}

// Member is one named recipient.
type Member struct {
	ID        string `json:"id" minLength:"1" maxLength:"256"`
	Age       *Age   `json:"age,omitempty"`
	Country   string `json:"country,omitempty" pattern:"^[A-Z]{2}$"`
	Connected bool   `json:"connected,omitempty" doc:"Accepted by this member as a connection of the actor"`
	Mutuals   int    `json:"mutuals,omitempty" doc:"Connections that actor and member share" minimum:"0"`
}

// Content is what is said or shown. Only detectors read it; it is neither
// logged nor journaled.
type Content struct {
	ID       string   `json:"id,omitempty" maxLength:"256"`
	Text     string   `json:"text,omitempty" maxLength:"131072"`
	Language string   `json:"language,omitempty" doc:"BCP 47" maxLength:"35"`
	Media    []Media  `json:"media,omitempty" maxItems:"32" nullable:"false"`
	Links    []string `json:"links,omitempty" maxItems:"100" nullable:"false"`
}

// Media is one image, video, audio clip or file, inline or by reference.
type Media struct {
	Kind   MediaKind `json:"kind" enum:"image,video,audio,file"`
	Data   []byte    `json:"data,omitempty" doc:"base64"`
	URL    string    `json:"url,omitempty" maxLength:"2048"`
	SHA256 string    `json:"sha256,omitempty" doc:"64 hexadecimal digits, or empty" maxLength:"64"`
	PDQ    string    `json:"pdq,omitempty" doc:"64 hexadecimal digits, or empty" maxLength:"64"`
	MIME   string    `json:"mime,omitempty" maxLength:"127"`
}

// Type says what happened.
type Type string

// The known event types. A platform adds its own as "x.<name>".
const (
	ContentCreate    Type = "content.create"
	ContentView      Type = "content.view"
	MessageSend      Type = "message.send"
	ContactRequest   Type = "contact.request"
	ContactSuggest   Type = "contact.suggest"
	GroupInvite      Type = "group.invite"
	ProfileUpdate    Type = "profile.update"
	ProfileView      Type = "profile.view"
	SearchQuery      Type = "search.query"
	LiveStart        Type = "live.start"
	PaymentSend      Type = "payment.send"
	AIPrompt         Type = "ai.prompt"
	AIOutput         Type = "ai.output"
	SessionStart     Type = "session.start"
	SessionHeartbeat Type = "session.heartbeat"
	SessionEnd       Type = "session.end"
	AccountCreate    Type = "account.create"
)

// Types lists the known types in the contract's order.
func Types() []Type {
	return []Type{
		ContentCreate, ContentView, MessageSend, ContactRequest, ContactSuggest, GroupInvite,
		ProfileUpdate, ProfileView, SearchQuery, LiveStart, PaymentSend, AIPrompt, AIOutput,
		SessionStart, SessionHeartbeat, SessionEnd, AccountCreate,
	}
}

// Known reports whether t is one of the contract's types or a well-formed
// "x.<name>" of the platform's own (lower-case letters, digits, '.', '_', '-').
func (t Type) Known() bool {
	name, own := strings.CutPrefix(string(t), "x.")
	if !own {
		switch t {
		case ContentCreate, ContentView, MessageSend, ContactRequest, ContactSuggest, GroupInvite,
			ProfileUpdate, ProfileView, SearchQuery, LiveStart, PaymentSend, AIPrompt, AIOutput,
			SessionStart, SessionHeartbeat, SessionEnd, AccountCreate:
			return true
		}
		return false
	}
	if name == "" || len(t) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Scope is how far the content reaches.
type Scope string

// The scopes, narrowest first.
const (
	Direct    Scope = "direct"
	Group     Scope = "group"
	Followers Scope = "followers"
	Public    Scope = "public"
)

// Surface is the place on the platform.
type Surface string

// The surfaces.
const (
	SurfaceDM       Surface = "dm"
	SurfaceFeed     Surface = "feed"
	SurfaceComments Surface = "comments"
	SurfaceProfile  Surface = "profile"
	SurfaceSearch   Surface = "search"
	SurfaceLive     Surface = "live"
	SurfaceAI       Surface = "ai"
	SurfaceGame     Surface = "game"
	SurfaceOther    Surface = "other"
)

// MediaKind is the kind of a media item.
type MediaKind string

// The media kinds.
const (
	Image MediaKind = "image"
	Video MediaKind = "video"
	Audio MediaKind = "audio"
	File  MediaKind = "file"
)
