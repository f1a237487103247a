package policy

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/event"
)

// Whose a count is, and what is counted.
const (
	OfActor        = "actor"
	OfViewer       = "viewer"
	OfPair         = "pair"    // the actor towards the viewer
	OfContent      = "content" // the content that the event answers, else its own; as each, its own
	OfConversation = "conversation"
	EachEvent      = "event"
)

// owners are whose a count can be.
func owners() []string { return []string{OfActor, OfViewer, OfPair, OfContent, OfConversation} }

// Counter is one thing that is counted over time, as its author wrote it: how
// many different Each there were of one Of, at events for which When held.
type Counter struct {
	Name   string       `json:"name"`
	Events []event.Type `json:"events"` // "*" is every type
	When   string       `json:"when"`   // CEL; in doubt nothing is counted
	Of     string       `json:"of"`     // actor, viewer, pair, content or conversation
	Each   string       `json:"each"`   // event, actor, viewer, content or conversation
	Text   string       `json:"text"`
	// Keep is the longest window that a rule reads: nothing older is needed.
	// 0 is a counter that no rule reads.
	Keep time.Duration `json:"-"`
	File string        `json:"-"`
	Line int           `json:"-"`
}

// Counted is one addition that an event makes: to Counter, for the member of
// that index in Input.Members, or with none in particular (-1).
type Counted struct {
	Counter string
	Member  int
}

// counter is a Counter, compiled.
type counter struct {
	Counter
	condition
}

// perMember reports whether it is counted for each member for itself.
func (c *counter) perMember() bool { return perViewer(c.Of) || c.Each == OfViewer }

// perViewer reports whether a count of that differs from viewer to viewer.
func perViewer(of string) bool { return of == OfViewer || of == OfPair }

// Counters lists, by name, the counters that a rule reads, live or in shadow:
// those that must be kept.
func (b *Bundle) Counters() []Counter {
	counters := []Counter{}
	for _, c := range b.counters {
		if c.Keep > 0 {
			counters = append(counters, c.Counter)
		}
	}
	return counters
}

// declared lists every counter, also those that no rule reads.
func (b *Bundle) declared() []Counter {
	counters := make([]Counter, len(b.counters))
	for i, c := range b.counters {
		counters[i] = c.Counter
	}
	return counters
}

// Counted lists what an event adds to the counters that are kept. It is pure,
// and reads no count.
func (b *Bundle) Counted(in *Input) []Counted {
	counters := b.countersFor(in.Type)
	if len(counters) == 0 {
		return nil
	}
	s := b.pool.Get().(*state)
	s.begin(context.Background(), b, in)
	var counted []Counted
	for _, c := range counters {
		counted = s.counted(counted, c)
	}
	s.end()
	b.pool.Put(s)
	return counted
}

func (s *state) counted(counted []Counted, c *counter) []Counted {
	if !s.has(c.Of) || !s.gives(c.Each) || s.all(c.event) != yes {
		return counted
	}
	s.verdicts = s.verdicts[:0]
	overall := no
	for i := range s.viewers {
		s.viewer, s.class = &s.viewers[i], i
		verdict := s.all(c.viewer)
		s.verdicts = append(s.verdicts, verdict)
		overall = or(overall, verdict)
	}
	switch {
	case overall != yes:
	case !c.perMember():
		counted = append(counted, Counted{Counter: c.Name, Member: -1})
	default:
		for i, class := range s.members {
			if s.verdicts[class] == yes {
				counted = append(counted, Counted{Counter: c.Name, Member: i})
			}
		}
	}
	return counted
}

// has reports whether the event has somebody or something of that kind whose
// counts there are.
func (s *state) has(of string) bool {
	switch of {
	case OfContent:
		return s.in.Thread != ""
	case OfConversation:
		return s.in.Conversation != ""
	}
	return true
}

// gives reports whether the event has something of that kind to be counted.
func (s *state) gives(each string) bool {
	return each != OfContent && s.has(each) || each == OfContent && s.in.Content.ID != ""
}

// countersFor lists the counters that events of type t may add to, by name.
func (b *Bundle) countersFor(t event.Type) []*counter {
	if counters, ok := b.countersByType[t]; ok {
		return counters
	}
	return b.countersOfAny
}

const counterKeys = "name, events, when, of, each, text"

// counterSource is a counter with the nodes that later checks point to.
type counterSource struct {
	Counter
	file *file
	node *yaml.Node
	when *yaml.Node
	of   bool // is given, rightly or not
}

func (f *file) counter(n *yaml.Node) *counterSource {
	c := &counterSource{file: f, node: n, Counter: Counter{Each: EachEvent, File: f.path, Line: n.Line}}
	f.fields(n, counterKeys, c.field)
	if n.Kind != yaml.MappingNode {
		return c
	}
	for _, need := range []struct {
		key   string
		given bool
	}{
		{"name", c.Name != ""}, {"events", len(c.Events) > 0}, {"when", c.when != nil}, {"of", c.of}, {"text", c.Text != ""},
	} {
		if !need.given {
			f.fault(c.node, "counter %s: %s is required", c.name(), need.key)
		}
	}
	return c
}

func (c *counterSource) name() string {
	if c.Name == "" {
		return "at line " + strconv.Itoa(c.Line)
	}
	return c.Name
}

func (c *counterSource) field(key string, v *yaml.Node) bool {
	f := c.file
	switch key {
	case "name":
		c.Name, c.node = f.matching(v, idPattern, "lower-case letters, digits, '.', '_' or '-'"), v
	case "events":
		f.items(v, func(item *yaml.Node) { c.Events = append(c.Events, f.eventType(item)) })
	case "when":
		c.When, c.when = f.bounded(v, maxWhen), v
	case "of":
		c.Of, c.of = f.oneOf(v, owners()...), true
	case "each":
		c.Each = f.oneOf(v, EachEvent, OfActor, OfViewer, OfContent, OfConversation)
	case "text":
		c.Text = f.string(v)
	default:
		return false
	}
	return true
}

// written is its condition. Doubt about an age must not make it count less.
func (c *counterSource) written() written { return written{text: c.When, file: c.file, node: c.when} }

// linkCounters names each counter once.
func (l *loader) linkCounters() {
	for _, c := range l.counters {
		if c.Name != "" && l.once(c.file, c.node, "counter", c.Name) {
			l.countersByName[c.Name] = c
		}
	}
}

func (l *loader) counterNames() []string { return slices.Sorted(maps.Keys(l.countersByName)) }

// indexCounters finds what rules that can ever be on read of the counters, and
// sorts those that are read by the event types they are for.
func (b *Bundle) indexCounters() {
	b.countersByType, b.countersOfAny = map[event.Type][]*counter{}, nil
	keep := map[string]time.Duration{}
	types := event.Types()
	for _, r := range b.rules {
		types = append(types, r.Events...)
		if r.Disabled || !r.CanHold() {
			continue
		}
		for _, part := range slices.Concat(r.event, r.viewer) {
			for _, v := range part.reads {
				if key, ok := strings.CutPrefix(v.name, "count "); ok {
					count := b.inputs.windows[key]
					keep[count.Name] = max(keep[count.Name], count.Window)
				}
			}
		}
	}
	for _, c := range b.counters {
		types = append(types, c.Events...)
	}
	slices.Sort(types)
	types = slices.Compact(types)
	kept := make([]*counter, len(b.counters))
	for i, c := range b.counters {
		own := *c // another bundle may share the original
		own.Keep = keep[c.Name]
		kept[i] = &own
		if own.Keep == 0 {
			continue
		}
		every := slices.Contains(own.Events, "*")
		if every {
			b.countersOfAny = append(b.countersOfAny, &own)
		}
		for _, t := range types {
			if every || slices.Contains(own.Events, t) {
				b.countersByType[t] = append(b.countersByType[t], &own)
			}
		}
	}
	b.counters = kept
}
