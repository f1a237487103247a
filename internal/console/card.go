package console

import (
	"cmp"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// Limits of what a card keeps of an event.
const (
	maxText     = 1200     // bytes
	maxPicture  = 64 << 10 // bytes
	maxPeople   = 8        // named recipients
	maxReasons  = 6
	maxEvidence = 4 // sentences
)

// card is one event and its decision as the live page shows them.
type card struct {
	Number  uint64     `json:"n"`
	Type    event.Type `json:"type"`
	Surface string     `json:"surface,omitempty"`
	Scope   string     `json:"scope,omitempty"`
	Time    time.Time  `json:"time"`
	Actor   person     `json:"actor"`
	People  []person   `json:"people,omitempty"`
	More    int        `json:"more,omitempty"` // people beyond maxPeople

	Text    string `json:"text,omitempty"`
	Cut     bool   `json:"cut,omitempty"` // the text goes on
	Lang    string `json:"lang,omitempty"`
	Picture []byte `json:"picture,omitempty"`
	MIME    string `json:"mime,omitempty"`
	Media   int    `json:"media,omitempty"` // media items that are not shown

	Outcome   decision.Outcome            `json:"outcome"`         // of the act
	Bands     []decision.Band             `json:"bands,omitempty"` // published content
	Views     map[string]decision.Outcome `json:"views"`           // by band: what viewers of that age meet; absent if it is not for them
	Strictest decision.Outcome            `json:"strictest"`       // over the act and everybody who may meet it
	Mixed     bool                        `json:"mixed"`           // not everybody meets the same
	Self      bool                        `json:"self"`            // the actor is the viewer: a search, a prompt

	Reasons  []decision.Reason `json:"reasons,omitempty"`
	Evidence []string          `json:"evidence,omitempty"` // what a conversation showed, in sentences
	Notice   *decision.Notice  `json:"notice,omitempty"`
	Effects  []effect          `json:"effects,omitempty"`
	Degraded []string          `json:"degraded,omitempty"`
}

// person is an account on a card.
type person struct {
	ID      string            `json:"id"`
	Band    event.Band        `json:"band"`
	Country string            `json:"country,omitempty"`
	Outcome *decision.Outcome `json:"outcome,omitempty"` // recipients: what they meet
}

// effect is what follows, in two words.
type effect struct {
	Kind decision.EffectKind `json:"kind"`
	What string              `json:"what,omitempty"`
}

// newCard copies what the page shows, so that nothing of the event is kept alive.
func newCard(ev *event.Event, d *decision.Decision) *card {
	c := &card{
		Type: ev.Type, Surface: string(ev.Surface), Scope: string(ev.Audience.Scope), Time: d.Time,
		Actor: person{ID: ev.Actor.ID, Band: bandOf(ev.Actor.Age), Country: ev.Actor.Country},
		Lang:  ev.Content.Language, Outcome: d.Outcome, Bands: d.Bands, Notice: d.Notice,
		Reasons: slices.Clone(d.Reasons[:min(len(d.Reasons), maxReasons)]),
	}
	c.Text, c.Cut = cut(ev.Content.Text, maxText)
	c.keepPicture(ev.Content.Media)
	c.keepPeople(ev, d)
	c.look(d)
	for _, s := range d.Signals {
		c.Evidence = append(c.Evidence, s.Evidence...)
	}
	c.Evidence = c.Evidence[:min(len(c.Evidence), maxEvidence)]
	for _, e := range d.Effects {
		c.Effects = append(c.Effects, effect{e.Kind, cmp.Or(e.Queue, e.Label, e.Feature, e.To)})
	}
	for _, m := range d.Degraded {
		c.Degraded = append(c.Degraded, m.Input)
	}
	return c
}

func bandOf(age *event.Age) event.Band {
	if age == nil {
		return event.BandUnknown
	}
	return age.Band
}

// cut shortens a text to at most limit bytes, between characters.
func cut(text string, limit int) (string, bool) {
	if len(text) <= limit {
		return text, false
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit], true
}

// keepPicture keeps the first picture that is small and of a kind that every
// browser draws as nothing but a picture.
func (c *card) keepPicture(media []event.Media) {
	c.Media = len(media)
	for _, m := range media {
		if m.Kind != event.Image || len(m.Data) == 0 || len(m.Data) > maxPicture {
			continue
		}
		switch mime := http.DetectContentType(m.Data); mime {
		case "image/png", "image/jpeg", "image/gif", "image/webp":
			c.Picture, c.MIME = slices.Clone(m.Data), mime
			c.Media--
			return
		}
	}
}

// keepPeople takes the outcomes from the decision, which has also settled
// which age each recipient is taken for.
func (c *card) keepPeople(ev *event.Event, d *decision.Decision) {
	c.More = max(0, len(ev.Audience.Members)-maxPeople)
	for i, m := range ev.Audience.Members[:len(ev.Audience.Members)-c.More] {
		p := person{ID: m.ID, Band: bandOf(m.Age), Country: m.Country}
		if i < len(d.Members) && d.Members[i].ID == m.ID {
			p.Band = d.Members[i].Band
			outcome := d.Members[i].Outcome
			p.Outcome = &outcome
		}
		c.People = append(c.People, p)
	}
}

// look works out what viewers of each age meet: of published content their
// band's outcome, of a message the strictest that a recipient of their age
// meets, of what somebody does by themselves the outcome if they are that age.
func (c *card) look(d *decision.Decision) {
	c.Views = map[string]decision.Outcome{}
	c.Strictest = d.Outcome
	meet := func(b event.Band, o decision.Outcome) {
		before, again := c.Views[b.String()]
		if again {
			o = o.Join(before)
		}
		c.Views[b.String()] = o
		c.Strictest = c.Strictest.Join(o)
	}
	for _, b := range d.Bands {
		meet(b.Band, b.Outcome)
	}
	for _, m := range d.Members {
		meet(m.Band, m.Outcome)
		c.Mixed = c.Mixed || m.Outcome != d.Members[0].Outcome
	}
	if len(d.Bands) == 0 && len(d.Members) == 0 {
		c.Self = true
		meet(c.Actor.Band, d.Outcome)
	}
	for _, b := range d.Bands {
		c.Mixed = c.Mixed || b.Outcome != d.Bands[0].Outcome
	}
}
