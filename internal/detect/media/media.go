// Package media looks for what is known: pictures, videos and links that stand
// in banks of known abuse material, intimate images, terrorist content, or a
// list of the operator's own.
//
// What it does not know, it says nothing of: a picture that is on no list has
// no signal, whatever it shows.
package media

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// Topic is what the entries of a bank are known as.
type Topic string

// The topics.
const (
	CSAM      Topic = "csam"      // child sexual abuse material
	Intimate  Topic = "intimate"  // intimate images shared without consent
	Terrorism Topic = "terrorism" // terrorist content
	Listed    Topic = "listed"    // whatever the operator lists
)

// Topics lists the topics.
func Topics() []Topic { return []Topic{CSAM, Intimate, Listed, Terrorism} }

// Signals besides those of topics: media.<topic> and link.<topic> for a match
// that stands, media.<topic>_review and link.<topic>_review for one that a
// person has to look at first.
const (
	// SignalInnocent says that something matched which is known to be harmless.
	SignalInnocent = "media.innocent"
	// SignalLowQuality says that a picture has too little in it to be compared
	// but as a whole file.
	SignalLowQuality = "media.low_quality"
	// SignalUnreadable says that a picture can't be decoded, and was compared
	// as a whole file only.
	SignalUnreadable = "media.unreadable"
	// SignalUnseen says that there was nothing to look at: no bytes, no hash,
	// and no address that may be fetched.
	SignalUnseen = "media.unseen"
)

// Item is one medium or link of an event: its bytes, or what the platform says
// of them.
type Item struct {
	Data   []byte
	SHA256 string
	PDQ    string
	Link   string // in place of all else
}

// Known is what is known of an item.
type Known struct {
	Matches    []Match
	Innocent   bool // something matched, and is known to be harmless
	Unreadable bool
	LowQuality bool
}

// Match is an entry that an item matched. If it is for Review, its entry is
// doubted: a person looks before anything else happens.
type Match struct {
	decision.Match
	Topic Topic
}

// Matcher finds what is known of an item. Its error says that it could not
// look; that nothing is known is none.
type Matcher interface {
	Match(ctx context.Context, item Item) (Known, error)
}

// Signals lists every signal, sorted.
func Signals() []string {
	signals := []string{SignalInnocent, SignalLowQuality, SignalUnreadable, SignalUnseen}
	for _, topic := range Topics() {
		for _, what := range []string{"link.", "media."} {
			signals = append(signals, what+string(topic), what+string(topic)+"_review")
		}
	}
	slices.Sort(signals)
	return signals
}

// Options of New.
type Options struct {
	Matcher Matcher
	// Links gives the links of an event, those in its text too.
	Links func(*event.Event) []string
	// Fetcher gets media that come as an address only; nil gets none.
	Fetcher *Fetcher
}

// Detector gives the signals. It is safe for concurrent use.
type Detector struct{ o Options }

// New makes a detector.
func New(o Options) *Detector { return &Detector{o} }

// Name is "media".
func (d *Detector) Name() string { return "media" }

// Version is of how it looks; what the banks know changes all the time, and is
// named by each match.
func (d *Detector) Version() string { return "1" }

// Signals lists the signals, sorted.
func (d *Detector) Signals() []string { return Signals() }

// atOnce bounds how many items of one event are looked at at once. How many
// pictures are decoded at once, of all events, is the matcher's to bound.
const atOnce = 4

// Detect looks at each medium and link. If it could not look at one, it says
// nothing of any: all of its signals are missing.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	var links []string
	if d.o.Links != nil {
		links = d.o.Links(ev)
	}
	n := len(ev.Content.Media) + len(links)
	if n == 0 {
		return nil, nil
	}
	found := make([]answer, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range found {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if i < len(ev.Content.Media) {
				found[i] = d.medium(ctx, i, &ev.Content.Media[i])
			} else {
				j := i - len(ev.Content.Media)
				found[i] = d.link(ctx, j, links[j])
			}
		})
	}
	wg.Wait()
	var sum tally
	for _, a := range found {
		if a.err != nil {
			return nil, a.err
		}
		sum.add(a)
	}
	return sum.signals(), nil
}

// answer is what was found of one item.
type answer struct {
	what  string // "media" or "link"
	place string // in the event
	known Known
	seen  bool
	err   error
}

func (d *Detector) medium(ctx context.Context, i int, m *event.Media) answer {
	a := answer{what: "media", place: fmt.Sprintf("content.media[%d]", i)}
	item := Item{Data: m.Data, SHA256: m.SHA256, PDQ: m.PDQ}
	hashed := m.SHA256 != "" || m.PDQ != ""
	if len(item.Data) == 0 && d.o.Fetcher.May(m.URL) {
		// What can't be fetched is judged by the platform's hashes, if it
		// gives any.
		if item.Data, a.err = d.o.Fetcher.Fetch(ctx, m.URL); a.err != nil && !hashed {
			return a
		}
	}
	if len(item.Data) == 0 && !hashed {
		return a
	}
	a.seen = true
	a.known, a.err = d.o.Matcher.Match(ctx, item)
	return a
}

func (d *Detector) link(ctx context.Context, i int, link string) answer {
	a := answer{what: "link", place: fmt.Sprintf("link[%d]", i), seen: true}
	a.known, a.err = d.o.Matcher.Match(ctx, Item{Link: link})
	return a
}

// tally is the signals of one event.
type tally struct{ byName map[string]*decision.Signal }

func (t *tally) add(a answer) {
	for _, m := range a.known.Matches {
		name := a.what + "." + string(m.Topic)
		if m.Review {
			name += "_review"
		}
		m.Place = a.place
		s := t.signal(name)
		s.Matches = append(s.Matches, m.Match)
	}
	if !a.seen {
		t.signal(SignalUnseen)
	}
	if a.known.Innocent {
		t.signal(SignalInnocent)
	}
	if a.known.Unreadable {
		t.signal(SignalUnreadable)
	}
	if a.known.LowQuality {
		t.signal(SignalLowQuality)
	}
}

func (t *tally) signal(name string) *decision.Signal {
	if t.byName == nil {
		t.byName = map[string]*decision.Signal{}
	}
	s := t.byName[name]
	if s == nil {
		s = &decision.Signal{Name: name, Score: 1}
		t.byName[name] = s
	}
	return s
}

// most is how many matches a signal names at most: of an event with many
// pictures, each in many banks, the first are enough.
const most = 20

func (t *tally) signals() []decision.Signal {
	var signals []decision.Signal
	for _, s := range t.byName {
		s.Matches = s.Matches[:min(len(s.Matches), most)]
		signals = append(signals, *s)
	}
	slices.SortFunc(signals, func(a, b decision.Signal) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return signals
}
