package policy

import (
	"time"
	"unicode/utf8"

	"github.com/breakwater-project/breakwater/event"
)

// InputOf is what an event itself tells Eval: features and places, no ages,
// no signals, counts or labels. Content enters only as numbers. The members
// stand in the event's order.
func InputOf(ev *event.Event) Input {
	in := Input{
		Type: ev.Type, Time: ev.Time, Surface: ev.Surface, Scope: ev.Audience.Scope,
		Private: ev.Private, Reply: ev.Parent != "", Attributes: ev.Attributes,
		Actor: Subject{Country: ev.Actor.Country, AccountDays: accountDays(ev.Actor.Created, ev.Time)},
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

// accountDays is how many whole days an account has existed; nil if unknown.
func accountDays(created, at time.Time) *int {
	if created.IsZero() || at.IsZero() {
		return nil
	}
	days := max(int(at.Sub(created)/(24*time.Hour)), 0)
	return &days
}
