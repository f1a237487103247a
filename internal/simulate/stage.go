package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// scenesPerAccount is how many scenes an account begins in a day, on average.
const scenesPerAccount = 4

// stage is where scenes are played: it turns what people do into events that
// lie a human while apart.
type stage struct {
	world  *World
	rnd    *rand.Rand
	people []Account       // the world's, and newcomers of stories behind them
	ties   map[[2]int]bool // who accepted whom in a story, lower index first
	scenes []scene         // what may happen
	booked []booking       // stories with a time, soonest first
	told   int             // stories so far
	steps  []step          // not yet due
	made   int             // events so far
	album  album

	// The scene that is being played.
	scene   *scene
	now     time.Time
	turn    int
	telling *telling // of a story; nil in other scenes
}

// step is one event and the truth about it.
type step struct {
	event event.Event
	truth Truth
}

// plan plays the scenes that begin in the hour from a time.
func (s *stage) plan(from time.Time) {
	day := len(s.world.Accounts) * scenesPerAccount
	n := day / 24
	if s.rnd.IntN(24) < day%24 {
		n++
	}
	for len(s.booked) > 0 && s.booked[0].at.Before(from.Add(time.Hour)) {
		s.now = s.booked[0].at
		s.tell(s.booked[0].story, s.booked[0].language)
		s.booked = s.booked[1:]
	}
	for range n {
		s.now = from.Add(time.Duration(s.rnd.IntN(3600)) * time.Second)
		s.turn = 0
		chosen := weighted(s.rnd, s.scenes, func(sc scene) int { return sc.weight })
		s.scene = &chosen
		chosen.play(s)
	}
}

// due takes out the steps before a time, in order.
func (s *stage) due(until time.Time) []step {
	slices.SortStableFunc(s.steps, func(a, b step) int { return a.event.Time.Compare(b.event.Time) })
	n := slices.IndexFunc(s.steps, func(st step) bool { return !st.event.Time.Before(until) })
	if n < 0 {
		n = len(s.steps)
	}
	due := s.steps[:n]
	s.steps = slices.Clone(s.steps[n:])
	return due
}

// pause lets time pass: from least to twice that.
func (s *stage) pause(least time.Duration) {
	s.now = s.now.Add(least + time.Duration(s.rnd.Int64N(int64(least))).Truncate(time.Second))
}

// happen makes an event of what an account does and returns its id.
func (s *stage) happen(actor int, role Role, kind decision.Kind, ev event.Event) string {
	a := &s.people[actor]
	ev.Actor = event.Actor{ID: a.ID, Age: a.Age, Country: a.Country, Created: a.Created}
	return s.happenTo(ev, role, kind, a.Years)
}

func (s *stage) happenTo(ev event.Event, role Role, kind decision.Kind, years int) string {
	s.made++
	s.turn++
	ev.ID = "e-" + strconv.Itoa(s.made)
	ev.Time = s.now
	if ev.Content.Text != "" || len(ev.Content.Media) > 0 {
		ev.Content.ID = ev.ID
		ev.Content.Links = linksIn(ev.Content.Text)
	}
	truth := Truth{
		Event: ev.ID, Type: ev.Type, Kind: kind, Role: role,
		Scene: s.scene.name, Turn: s.turn, Years: years,
	}
	s.telling.mark(&truth)
	s.steps = append(s.steps, step{ev, truth})
	return ev.ID
}

// pick finds somebody who is awake and suits, or reports that nobody was found.
func (s *stage) pick(suits func(*Account) bool) (int, bool) {
	for range 60 {
		i := s.rnd.IntN(len(s.world.Accounts))
		a := &s.people[i]
		if a.awake(s.now) > s.rnd.IntN(10) && suits(a) {
			return i, true
		}
	}
	return 0, false
}

// among picks one of some people who suits.
func (s *stage) among(people []int, suits func(*Account) bool) (int, bool) {
	if len(people) == 0 {
		return 0, false
	}
	first := s.rnd.IntN(len(people))
	for k := range people {
		i := people[(first+k)%len(people)]
		if suits(&s.people[i]) {
			return i, true
		}
	}
	return 0, false
}

// friend picks a friend of somebody who suits.
func (s *stage) friend(of int, suits func(*Account) bool) (int, bool) {
	return s.among(s.people[of].friends, suits)
}

// classmate picks somebody who shares a group with another and suits.
func (s *stage) classmate(of int, suits func(*Account) bool) (int, bool) {
	for range 8 {
		g, ok := s.groupOf(of)
		if !ok {
			return 0, false
		}
		i, ok := s.among(g.members, suits)
		if ok && i != of {
			return i, true
		}
	}
	return 0, false
}

// groupOf picks one of somebody's groups.
func (s *stage) groupOf(i int) (group, bool) {
	theirs := s.people[i].groups
	if len(theirs) == 0 {
		return group{}, false
	}
	return s.world.groups[theirs[s.rnd.IntN(len(theirs))]], true
}

// say is a text of a section in the language of an account.
func (s *stage) say(i int, section string) event.Content {
	a := &s.people[i]
	text := s.world.speech[a.Language].say(s.rnd, section)
	return s.content(i, text)
}

// content is a text by an account. Most platforms name the language, not always.
func (s *stage) content(i int, text string) event.Content {
	c := event.Content{Text: text}
	if s.rnd.IntN(8) > 0 {
		c.Language = s.people[i].Language
	}
	return c
}

func (s *stage) member(actor, i int) event.Member {
	a := &s.people[i]
	return event.Member{
		ID: a.ID, Age: a.Age, Country: a.Country,
		Connected: s.connected(i, actor), Mutuals: s.mutuals(actor, i),
	}
}

func (s *stage) to(actor int, scope event.Scope, people ...int) event.Audience {
	audience := event.Audience{Scope: scope}
	for _, i := range people {
		if i != actor {
			audience.Members = append(audience.Members, s.member(actor, i))
		}
	}
	return audience
}

// message sends a private message from one person to another.
func (s *stage) message(from, to int, role Role, kind decision.Kind, c event.Content, parent string) string {
	low, high := min(from, to), max(from, to)
	return s.happen(from, role, kind, event.Event{
		Type: event.MessageSend, Surface: event.SurfaceDM, Private: true,
		Conversation: fmt.Sprintf("c-%d-%d", low, high), Parent: parent,
		Audience: s.to(from, event.Direct, to), Content: c,
	})
}

// dialogue plays a conversation of a section, turn by turn. What the first one
// says is of the scene's kind; the other one only answers.
func (s *stage) dialogue(section string, first, second int, role, answers Role) {
	parent := ""
	for i, text := range s.world.speech[s.people[first].Language].talk(s.rnd, section) {
		from, to, as, kind := first, second, role, s.scene.kind
		if i%2 == 1 {
			from, to, as, kind = second, first, answers, ""
		}
		parent = s.message(from, to, as, kind, s.content(from, text), parent)
		s.pause(20 * time.Second)
	}
}

// publish posts to everybody, or to followers, and returns the post's id.
func (s *stage) publish(actor int, role Role, kind decision.Kind, c event.Content) string {
	scope := event.Public
	if s.rnd.IntN(3) == 0 {
		scope = event.Followers
	}
	return s.happen(actor, role, kind, event.Event{
		Type: event.ContentCreate, Surface: event.SurfaceFeed, Audience: event.Audience{Scope: scope}, Content: c,
	})
}

// comment answers a post in public.
func (s *stage) comment(actor int, role Role, kind decision.Kind, c event.Content, post string) {
	s.happen(actor, role, kind, event.Event{
		Type: event.ContentCreate, Surface: event.SurfaceComments, Parent: post,
		Audience: event.Audience{Scope: event.Public}, Content: c,
	})
}

// alone is what somebody does by themselves: a search, a prompt.
func (s *stage) alone(actor int, role Role, t event.Type, at event.Surface, c event.Content) string {
	return s.happen(actor, role, s.scene.kind, event.Event{Type: t, Surface: at, Private: true, Content: c})
}
