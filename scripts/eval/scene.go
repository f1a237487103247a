package main

import (
	"fmt"

	"github.com/breakwater-project/breakwater/event"
)

// country is where everybody lives: a place with every kind of rule.
const country = "GB"

// The scenes in which a message is met.
const (
	public = "public"      // a post by a proven adult
	adult  = "from adult"  // a direct message by a proven adult
	peer   = "from a peer" // a direct message by somebody of the reader's band
)

// strangers and connected are whom a direct message goes to, in every band.
const (
	strangers = "strangers"
	connected = "connected"
)

// scenes are the events of one message: a public post, a direct message by an
// adult to each band, and one by a child of each band to its own. Each is by
// somebody of its own to others of its own, so that none is judged by what
// another has done.
func scenes(n int, text string) []*event.Event {
	id := func(scene string) string { return fmt.Sprintf("%d/%s", n, scene) }
	post := messageOf(id(public), text, event.Band18Plus)
	post.Type, post.Surface, post.Private = event.ContentCreate, event.SurfaceFeed, false
	post.Audience = event.Audience{Scope: event.Public}

	events := []*event.Event{post}
	for _, b := range event.Bands() {
		events = append(events, direct(id(adult)+"/"+b.String(), text, event.Band18Plus, b))
		if b != event.Band18Plus {
			events = append(events, direct(id(peer)+"/"+b.String(), text, b, b))
		}
	}
	return events
}

// direct is a message to a stranger and to a connection of a band.
func direct(id, text string, from, to event.Band) *event.Event {
	ev := messageOf(id, text, from)
	ev.Audience.Scope = event.Direct
	for _, who := range []string{strangers, connected} {
		ev.Audience.Members = append(ev.Audience.Members, event.Member{
			ID: who + "/" + id, Age: ageOf(to), Country: country, Connected: who == connected,
		})
	}
	return ev
}

func messageOf(id, text string, from event.Band) *event.Event {
	return &event.Event{
		ID: id, Type: event.MessageSend, Surface: event.SurfaceDM, Private: true,
		Actor:   event.Actor{ID: "actor/" + id, Age: ageOf(from), Country: country},
		Content: event.Content{ID: id, Text: text},
	}
}

// ageOf is an adult who has proven it, or a child whose age was estimated.
func ageOf(b event.Band) *event.Age {
	if b == event.Band18Plus {
		return &event.Age{Band: b, Basis: event.BasisVerified}
	}
	return &event.Age{Band: b, Basis: event.BasisEstimated}
}
