package media_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/detecttest"
	"github.com/breakwater-project/breakwater/internal/detect/media"
)

// banks knows items by what they begin with.
type banks map[string]media.Known

func (b banks) Match(ctx context.Context, item media.Item) (media.Known, error) {
	if err := ctx.Err(); err != nil {
		return media.Known{}, err
	}
	for start, known := range b {
		for _, value := range []string{string(item.Data), item.SHA256, item.PDQ, item.Link} {
			if value != "" && strings.HasPrefix(value, start) {
				return known, nil
			}
		}
	}
	return media.Known{}, nil
}

func match(topic media.Topic, entry string, review bool) media.Match {
	return media.Match{Topic: topic, Match: decision.Match{Bank: "b", Entry: entry, Hash: "pdq", Distance: 3, Review: review}}
}

var known = banks{
	"abuse":            {Matches: []media.Match{match(media.CSAM, "e1", false)}},
	"doubted":          {Matches: []media.Match{match(media.CSAM, "e2", true), match(media.Intimate, "e3", false)}},
	"harmless":         {Innocent: true},
	"blank":            {LowQuality: true},
	"broken":           {Unreadable: true},
	"https://listed.e": {Matches: []media.Match{match(media.Terrorism, "u1", false)}},
}

func links(ev *event.Event) []string { return ev.Content.Links }

func detector(m media.Matcher) *media.Detector { return media.New(m, nil) }

func images(data ...string) *event.Event {
	ev := &event.Event{Type: event.ContentCreate}
	for _, d := range data {
		ev.Content.Media = append(ev.Content.Media, event.Media{Kind: event.Image, Data: []byte(d)})
	}
	return ev
}

func TestContract(t *testing.T) {
	detecttest.Run(t, detector(known), images("abuse"), images("blank", "doubted"))
	detecttest.Run(t, media.NewLinks(known, links), &event.Event{Content: event.Content{Links: []string{"https://listed.example/x"}}})
}

func TestSignals(t *testing.T) {
	at := func(m media.Match, place string) decision.Match {
		m.Place = place
		return m.Match
	}
	abuse, doubted, intimate, listed := known["abuse"].Matches[0], known["doubted"].Matches[0], known["doubted"].Matches[1], known["https://listed.e"].Matches[0]
	for name, tt := range map[string]struct {
		event event.Event
		want  []decision.Signal
	}{
		"nothing":       {event.Event{}, nil},
		"nothing known": {*images("new picture"), nil},
		"known": {*images("abuse 1", "new", "abuse 2"), []decision.Signal{
			{Name: "media.csam", Score: 1, Matches: []decision.Match{at(abuse, "content.media[0]"), at(abuse, "content.media[2]")}},
		}},
		"in doubt": {*images("doubted"), []decision.Signal{
			{Name: "media.csam_review", Score: 1, Matches: []decision.Match{at(doubted, "content.media[0]")}},
			{Name: "media.intimate", Score: 1, Matches: []decision.Match{at(intimate, "content.media[0]")}},
		}},
		"harmless": {*images("harmless", "blank", "broken"), []decision.Signal{
			{Name: "media.innocent", Score: 1}, {Name: "media.low_quality", Score: 1}, {Name: "media.unreadable", Score: 1},
		}},
		"by its hashes": {event.Event{Content: event.Content{Media: []event.Media{{Kind: event.Video, SHA256: "abuse"}, {PDQ: "abuse"}}}}, []decision.Signal{
			{Name: "media.csam", Score: 1, Matches: []decision.Match{at(abuse, "content.media[0]"), at(abuse, "content.media[1]")}},
		}},
		"an address alone": {event.Event{Content: event.Content{Media: []event.Media{{Kind: event.Image, URL: "https://cdn.example/1"}}}}, []decision.Signal{
			{Name: "media.unseen", Score: 1},
		}},
		"a link": {event.Event{Content: event.Content{Links: []string{"https://museum.example", "https://listed.example/x"}}}, []decision.Signal{
			{Name: "link.terrorism", Score: 1, Matches: []decision.Match{at(listed, "link[1]")}},
		}},
	} {
		got, err := detector(known).Detect(t.Context(), &tt.event)
		if len(tt.event.Content.Links) > 0 {
			got, err = media.NewLinks(known, links).Detect(t.Context(), &tt.event)
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// failing is banks that can't be asked.
type failing struct{}

func (failing) Match(context.Context, media.Item) (media.Known, error) {
	return media.Known{}, errors.New("the index is being loaded")
}

// What could not be looked at makes all signals missing: 0 would say that it
// was looked at.
func TestFailuresAreMissingSignals(t *testing.T) {
	set, err := detect.New([]detect.Detector{detector(failing{}), media.NewLinks(failing{}, links)}, detect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	result := set.Run(t.Context(), images("abuse"), []string{"media.csam", "link.csam"})
	if len(result.Missing) != 1 || result.Missing[0].Signal != "media.csam" || len(result.Signals) != 0 {
		t.Errorf("%+v", result)
	}
	for range 20 { // and be left alone for it
		slow, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		set.Run(slow, images("abuse"), []string{"media.csam"})
		cancel()
	}
	if result := set.Run(t.Context(), images(), []string{"link.csam", "media.csam"}); len(result.Missing) != 0 {
		t.Errorf("without media, while it rests: %+v", result)
	}
}

// panicking is banks whose author did not think of something.
type panicking struct{}

func (panicking) Match(context.Context, media.Item) (media.Known, error) { panic("words of a user") }

func TestPanicsAreMissingSignals(t *testing.T) {
	signals, err := detector(panicking{}).Detect(t.Context(), images("abuse", "new"))
	if err == nil || len(signals) > 0 || err.Error() != "media: panic (string)" {
		t.Errorf("%v, %v", signals, err)
	}
}

// counting notes how many are looked at at once.
type counting struct{ now, most, all chan int }

func (c counting) Match(context.Context, media.Item) (media.Known, error) {
	n := <-c.now + 1
	c.now <- n
	c.most <- max(n, <-c.most)
	c.all <- <-c.all + 1
	time.Sleep(time.Millisecond) // of the bubble's clock
	c.now <- <-c.now - 1
	return media.Known{}, nil
}

func TestFewAreLookedAtAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := counting{make(chan int, 1), make(chan int, 1), make(chan int, 1)}
		c.now <- 0
		c.most <- 0
		c.all <- 0
		ev := images()
		for range event.MaxMedia {
			ev.Content.Media = append(ev.Content.Media, event.Media{SHA256: "x"})
		}
		if _, err := detector(c).Detect(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		if most, all := <-c.most, <-c.all; most > 4 || all != event.MaxMedia {
			t.Errorf("%d at once, %d in all", most, all)
		}
	})
}
