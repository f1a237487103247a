// Package conversation sees what no single message shows: who says what to whom, in
// which order, for how long, and what comes back.
//
// It keeps features and no text. A [Line] is what detectors made of one event. A
// [Memory] puts its marks ("asked for a picture", 14:03) beside those that it keeps of
// the two people, and gives signals named conversation.* for the line, each with
// sentences that say what it stands on.
//
// What is kept of a pair is a set of marks and lines, each with the digest of its event.
// Joining sets is idempotent and needs no order: an event that comes twice, late, or
// again when a journal is read, leaves the same state. docs/conversation.md has the
// stages and the limits.
package conversation

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// A Line is one event as far as it matters to a conversation. It has no text.
type Line struct {
	Type         event.Type
	Event        string // its id, unique per type
	Content      string // the content's id, which Parent of others may name; Event if empty
	Parent       string // what it replies to, if anything
	Conversation string // or its digest; empty if there is none
	Actor        string
	To           string // whom it is aimed at, if the platform says so and it is not the only member
	At           time.Time
	Private      bool
	Surface      event.Surface
	Sender       Person
	Members      []Member          // those who receive it; none if it is published
	Signals      []decision.Signal // of detectors; those of Reads count
	Media        int               // images and videos
}

// Person is how old somebody may be: [From, To) in years, 0 to event.MaxAge if unknown.
type Person struct{ From, To int }

// Member is somebody who receives a line.
type Member struct {
	ID string
	Person
	Connected bool // with the line's actor
	Mutuals   int
	Blocked   bool // has blocked the line's actor
}

// The signals of a conversation.
const (
	Grooming      = "conversation.grooming"
	Sextortion    = "conversation.sextortion"
	Coercion      = "conversation.coercion"
	ThreatToShare = "conversation.threat_to_share"
	Bullying      = "conversation.bullying"
	Banter        = "conversation.banter" // answered in kind by the same people: bullying is lower for it
	Exclusion     = "conversation.exclusion"
	Recruitment   = "conversation.recruitment"
	Stalking      = "conversation.stalking"
	Doxxing       = "conversation.doxxing"
)

// version changes whenever the same lines may give other signals.
const version = "1"

const detector = "conversation@" + version

// Keep is how long a mark counts, and how late a line may come.
const Keep = 8 * 7 * 24 * time.Hour

// Few is the most members to whom a line is seen as said to each. To more it is said
// to the group.
const Few = 3

// ErrNoActor is the error for a line without an actor, event or time.
var ErrNoActor = errors.New("conversation: a line needs an actor, an event and a time")

// Options of New.
type Options struct {
	// Secret keys the digests of ids: it must be the same as long as a snapshot is to
	// be read.
	Secret [32]byte
	// Bytes is at most what is kept, 256 MiB unless set: at that, who has not been in
	// touch for longest goes first.
	Bytes int64
	Now   func() time.Time // time.Now unless set
}

const (
	defaultBytes = 256 << 20
	leastBytes   = 1 << 20
)

// Memory is what is known of conversations. It is safe for concurrent use.
type Memory struct {
	o       Options
	keys    keys
	pairs   atomic.Pointer[shelf[pair]]
	targets atomic.Pointer[shelf[target]]
	threads atomic.Pointer[shelf[thread]]
}

// New is an empty memory.
func New(o Options) *Memory {
	if o.Bytes == 0 {
		o.Bytes = defaultBytes
	}
	o.Bytes = max(o.Bytes, leastBytes)
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Memory{o: o, keys: keysOf(o.Secret)}
	m.empty().become(m)
	return m
}

// contents is all that a memory holds.
type contents struct {
	pairs   *shelf[pair]
	targets *shelf[target]
	threads *shelf[thread]
}

// empty is room for what m may hold.
func (m *Memory) empty() contents {
	return contents{
		newShelf[pair](m.o.Bytes * 3 / 4), newShelf[target](m.o.Bytes / 8), newShelf[thread](m.o.Bytes / 8),
	}
}

func (c contents) become(m *Memory) {
	m.pairs.Store(c.pairs)
	m.targets.Store(c.targets)
	m.threads.Store(c.threads)
}

// Signals lists every name that See can give, sorted.
func Signals() []string {
	return []string{Banter, Bullying, Coercion, Doxxing, Exclusion, Grooming, Recruitment, Sextortion, Stalking, ThreatToShare}
}

// Signals lists every name that See can give, sorted.
func (m *Memory) Signals() []string { return Signals() }

// Reads lists the detectors' signals that See looks at, sorted: those to run wherever a
// rule reads a signal of a conversation.
func Reads() []string {
	names := make([]string, 0, len(stageOf))
	for name := range stageOf {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Version changes whenever the same lines may give other signals.
func (m *Memory) Version() string { return version }

// See takes a line in and says what its conversation is by now, as far as the line's
// actor does it: signals sorted by name, each at most once, none below 0.2. Seeing a line
// again changes nothing. It is for events that people are in touch by: see Concerns.
func (m *Memory) See(_ context.Context, l *Line) ([]decision.Signal, error) {
	if l.Actor == "" || l.Event == "" || l.At.IsZero() {
		return nil, ErrNoActor
	}
	s := sighting{m: m, line: l, actor: m.keys.account(l.Actor), at: m.instant(l.At), now: m.instant(m.o.Now())}
	s.id = m.keys.event(l)
	s.read()
	switch n := len(l.Members); {
	case n == 0:
	case n <= Few:
		for i := range l.Members {
			if mb := &l.Members[i]; mb.ID != l.Actor {
				s.towards(m.keys.account(mb.ID), mb, toOne)
			}
		}
	default:
		s.group()
	}
	s.aimed()
	return s.signals(), nil
}

// Concerns is whether people are in touch by events of this type.
func Concerns(t event.Type) bool {
	switch t {
	case event.MessageSend, event.ContentCreate, event.ContactRequest, event.GroupInvite, event.PaymentSend, event.ProfileView:
		return true
	default:
		return false
	}
}

// instant is a time as it is kept: in seconds, no further ahead of now than an event's
// may be.
func (m *Memory) instant(t time.Time) uint32 {
	return uint32(max(min(t.Unix(), m.o.Now().Add(event.MaxSkew).Unix()), 0))
}

// Forget removes an account: all that it did, and all that was done to it.
func (m *Memory) Forget(account string) {
	who := m.keys.account(account)
	m.pairs.Load().removeIf(func(_ uint64, p *pair) bool { return p.a == who || p.b == who })
	m.targets.Load().removeIf(func(key uint64, t *target) bool {
		t.got = slices.DeleteFunc(t.got, func(h hit) bool { return h.who == who })
		return key == who
	})
	m.threads.Load().removeIf(func(_ uint64, t *thread) bool {
		t.turns = slices.DeleteFunc(t.turns, func(t turn) bool { return t.who == who })
		return len(t.turns) == 0
	})
}

// Sweep removes what has expired. It is for once an hour or so: See does it too, but
// only where something new comes in.
func (m *Memory) Sweep() {
	now := m.instant(m.o.Now())
	m.pairs.Load().removeIf(func(_ uint64, p *pair) bool { return p.expired(now) })
	m.targets.Load().removeIf(func(_ uint64, t *target) bool { return t.expired(now) })
	m.threads.Load().removeIf(func(_ uint64, t *thread) bool { return t.expired(now) })
}

// Size is how many pairs of people are remembered, and how many bytes all that is kept
// takes.
func (m *Memory) Size() (pairs int, bytes int64) {
	pairs, bytes = m.pairs.Load().size()
	_, t := m.targets.Load().size()
	_, th := m.threads.Load().size()
	return pairs, bytes + t + th
}
