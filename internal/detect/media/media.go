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

// Signals of media besides those of topics. Of a topic there are media.<topic>
// and link.<topic> for a match that stands, and both with _review for one that
// a person has to look at first.
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

// Signals lists the signals of both detectors, sorted.
func Signals() []string {
	signals := slices.Concat(new(Detector).Signals(), new(LinkDetector).Signals())
	slices.Sort(signals)
	return signals
}

func topicSignals(what string, more ...string) []string {
	for _, topic := range Topics() {
		more = append(more, what+"."+string(topic), what+"."+string(topic)+"_review")
	}
	slices.Sort(more)
	return more
}

// version is of how the detectors look. What the banks know changes all the
// time, and is named by each match.
const version = "1"

// Detector gives the signals of media. It is safe for concurrent use.
type Detector struct {
	matcher Matcher
	fetcher *Fetcher
}

// New makes a detector. The fetcher gets media that come as an address only;
// nil gets none.
func New(m Matcher, f *Fetcher) *Detector { return &Detector{m, f} }

// Name is "media".
func (d *Detector) Name() string { return "media" }

// Version is of how it looks.
func (d *Detector) Version() string { return version }

// Signals lists the signals of media, sorted.
func (d *Detector) Signals() []string {
	return topicSignals("media", SignalInnocent, SignalLowQuality, SignalUnreadable, SignalUnseen)
}

// Concerns reports whether there are media.
func (d *Detector) Concerns(ev *event.Event) bool { return len(ev.Content.Media) > 0 }

// atOnce bounds how many media of one event are at work at the same time. How
// many pictures are decoded, of all events, is the matcher's to bound.
const atOnce = 4

// Detect looks at each medium. If it could not look at one, it says nothing of
// any: all of its signals are missing.
func (d *Detector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	found := make([]answer, len(ev.Content.Media))
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range found {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			defer func() {
				if p := recover(); p != nil {
					// What was thrown may hold content: its type is enough to find it.
					found[i] = answer{err: fmt.Errorf("media: panic (%T)", p)}
				}
			}()
			found[i] = d.look(ctx, &ev.Content.Media[i])
		})
	}
	wg.Wait()
	var sum tally
	for i, a := range found {
		if a.err != nil {
			return nil, a.err
		}
		sum.add("media", fmt.Sprintf("content.media[%d]", i), a.known)
		if !a.seen {
			sum.signal(SignalUnseen)
		}
	}
	return sum.signals(), nil
}

// answer is what was found of one medium.
type answer struct {
	known Known
	seen  bool
	err   error
}

func (d *Detector) look(ctx context.Context, m *event.Media) (a answer) {
	item := Item{Data: m.Data, SHA256: m.SHA256, PDQ: m.PDQ}
	hashed := m.SHA256 != "" || m.PDQ != ""
	if len(item.Data) == 0 && d.fetcher.May(m.URL) {
		if item.Data, a.err = d.fetcher.Fetch(ctx, m.URL); a.err != nil {
			return d.unfetched(ctx, item, a.err)
		}
	}
	if len(item.Data) == 0 && !hashed {
		return a
	}
	a.seen = true
	a.known, a.err = d.matcher.Match(ctx, item)
	return a
}

// unfetched judges what can't be fetched by the platform's hashes, if those
// match. That they do not says nothing of a picture which nobody has looked at:
// whoever can have the fetch fail must gain nothing by it.
func (d *Detector) unfetched(ctx context.Context, item Item, failure error) answer {
	if item.SHA256 == "" && item.PDQ == "" {
		return answer{err: failure}
	}
	known, err := d.matcher.Match(ctx, item)
	stands := slices.ContainsFunc(known.Matches, func(m Match) bool { return !m.Review })
	if err != nil || !stands {
		return answer{err: failure}
	}
	return answer{known: known, seen: true}
}

// LinkDetector gives the signals of links. It is another than that of media,
// since it needs no time: what holds up pictures must not hold up words.
type LinkDetector struct {
	matcher Matcher
	links   func(*event.Event) []string
}

// NewLinks makes a detector; links gives those of an event.
func NewLinks(m Matcher, links func(*event.Event) []string) *LinkDetector {
	return &LinkDetector{m, links}
}

// Name is "known-link".
func (d *LinkDetector) Name() string { return "known-link" }

// Version is of how it looks.
func (d *LinkDetector) Version() string { return version }

// Signals lists the signals of links, sorted.
func (d *LinkDetector) Signals() []string { return topicSignals("link") }

// Concerns reports whether there may be links.
func (d *LinkDetector) Concerns(ev *event.Event) bool {
	return len(ev.Content.Links) > 0 || ev.Content.Text != ""
}

// Detect looks at each link.
func (d *LinkDetector) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	var sum tally
	for i, link := range d.links(ev) {
		known, err := d.matcher.Match(ctx, Item{Link: link})
		if err != nil {
			return nil, err
		}
		sum.add("link", fmt.Sprintf("link[%d]", i), Known{Matches: known.Matches})
	}
	return sum.signals(), nil
}

// tally is the signals of one event.
type tally struct{ byName map[string]*decision.Signal }

func (t *tally) add(what, place string, known Known) {
	for _, m := range known.Matches {
		name := what + "." + string(m.Topic)
		if m.Review {
			name += "_review"
		}
		m.Place = place
		s := t.signal(name)
		s.Matches = append(s.Matches, m.Match)
	}
	if known.Innocent {
		t.signal(SignalInnocent)
	}
	if known.Unreadable {
		t.signal(SignalUnreadable)
	}
	if known.LowQuality {
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
