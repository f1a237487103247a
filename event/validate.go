package event

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// MaxSkew is how far ahead of this machine's clock an event's time may be:
// clocks differ, but an event of next week is a mistake or a trick.
const MaxSkew = 24 * time.Hour

// earliest is the oldest time an event may have; before it lie unset clocks.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Validate checks what the types can't say. The error is an *Error that names
// every faulty field.
func (e *Event) Validate(now time.Time) error {
	v := validator{now: now}
	v.id("id", e.ID, true)
	v.check(e.Type.Known(), "type", "must be one of "+typeNames+", or x.<name>")
	v.time("time", e.Time)
	v.id("actor.id", e.Actor.ID, true)
	v.country("actor.country", e.Actor.Country)
	v.time("actor.created", e.Actor.Created)
	v.oneOf("surface", string(e.Surface), "dm", "feed", "comments", "profile", "search", "live", "ai", "game", "other")
	v.id("conversation", e.Conversation, false)
	v.id("parent", e.Parent, false)
	v.audience(&e.Audience)
	v.content(&e.Content)
	if len(v.fields) == 0 {
		return nil
	}
	return &Error{Fields: v.fields}
}

var typeNames = func() string {
	var names []string
	for _, t := range Types() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}()

type validator struct {
	now    time.Time
	fields []Field
}

func (v *validator) check(ok bool, location, message string) {
	if !ok && len(v.fields) < maxFaults {
		v.fields = append(v.fields, Field{Location: location, Message: message})
	}
}

func (v *validator) audience(a *Audience) {
	v.oneOf("audience.scope", string(a.Scope), "direct", "group", "followers", "public")
	v.check(a.Scope != Direct || len(a.Members) > 0, "audience.members", "a direct audience names its members")
	v.check(len(a.Members) <= MaxMembers, "audience.members", "more than "+strconv.Itoa(MaxMembers)+" members")
	for i := range a.Members {
		m := &a.Members[i]
		if m.ID != "" && len(m.ID) <= MaxID && isCountry(m.Country) && m.Mutuals >= 0 && printable(m.ID) {
			continue // the common case builds no location strings
		}
		at := "audience.members[" + strconv.Itoa(i) + "]"
		v.id(at+".id", m.ID, true)
		v.country(at+".country", m.Country)
		v.check(m.Mutuals >= 0, at+".mutuals", "must not be negative")
	}
}

func (v *validator) content(c *Content) {
	v.id("content.id", c.ID, false)
	v.check(len(c.Text) <= MaxText, "content.text", "longer than "+strconv.Itoa(MaxText)+" bytes")
	v.check(isLanguage(c.Language), "content.language", "must be a BCP 47 tag, for example en or pt-BR")
	v.check(len(c.Links) <= MaxLinks, "content.links", "more than "+strconv.Itoa(MaxLinks)+" links")
	v.check(len(c.Media) <= MaxMedia, "content.media", "more than "+strconv.Itoa(MaxMedia)+" media items")
	for i := range c.Media {
		m := &c.Media[i]
		at := "content.media[" + strconv.Itoa(i) + "]"
		v.check(m.Kind != "", at+".kind", "required")
		v.oneOf(at+".kind", string(m.Kind), "image", "video", "audio", "file")
		v.check(isHex256(m.SHA256), at+".sha256", "must be 64 hexadecimal digits")
		v.check(isHex256(m.PDQ), at+".pdq", "must be 64 hexadecimal digits")
	}
}

func (v *validator) id(location, id string, required bool) {
	v.check(!required || id != "", location, "required")
	v.check(len(id) <= MaxID, location, "longer than "+strconv.Itoa(MaxID)+" bytes")
	v.check(printable(id), location, "must have no control characters")
}

func (v *validator) country(location, c string) {
	v.check(isCountry(c), location, "must be an ISO 3166-1 alpha-2 code, for example GB")
}

func (v *validator) time(location string, t time.Time) {
	if t.IsZero() {
		return
	}
	v.check(!t.Before(earliest), location, "before the year 2000")
	v.check(!t.After(v.now.Add(MaxSkew)), location, "more than "+MaxSkew.String()+" in the future")
}

func (v *validator) oneOf(location, value string, names ...string) {
	if value == "" {
		return
	}
	for _, name := range names {
		if value == name {
			return
		}
	}
	v.check(false, location, "must be one of "+strings.Join(names, ", "))
}

func printable(s string) bool {
	return strings.IndexFunc(s, unicode.IsControl) < 0
}

func isCountry(c string) bool {
	return c == "" || len(c) == 2 && c[0] >= 'A' && c[0] <= 'Z' && c[1] >= 'A' && c[1] <= 'Z'
}

func isLanguage(tag string) bool {
	for i := range len(tag) {
		c := tag[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(tag) <= 35
}

func isHex256(s string) bool {
	if s == "" {
		return true
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(s) == 64
}
