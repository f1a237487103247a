package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// story is a whole course of events over minutes or weeks: a harmful pattern,
// or an innocent one that looks like it. Who plays in it is new to the
// platform or settled there; whom it is aimed at is settled.
type story struct {
	name string
	kind decision.Kind // of harm; "" in a twin
	twin string        // the harmful story that an innocent one resembles
	days int           // how long it goes on, at most
	tell func(*telling)
}

// stories lists all, harmful ones first.
func stories() []story { return append(harms(), twins()...) }

// storyWeight is how often a story comes up among the scenes.
const storyWeight = 3

// storyScenes makes scenes of stories, in a language by chance.
func storyScenes() []scene {
	var all []scene
	for _, st := range stories() {
		all = append(all, scene{st.name, st.kind, storyWeight, func(s *stage) {
			s.tell(st, storyLanguages[s.rnd.IntN(len(storyLanguages))])
		}})
	}
	return all
}

// booking is a story that begins at a time.
type booking struct {
	at       time.Time
	story    story
	language string
}

// book settles when stories are told that come up a certain number of times.
func (s *stage) book() {
	w := s.world
	if w.opts.Opening {
		attempt, twin := named("grooming-fast"), named("siblings")
		attempt.tell = groomOpenly
		s.booked = append(s.booked, booking{w.opts.Start, attempt, "en"}, booking{w.opts.Start.Add(time.Minute), twin, "en"})
	}
	for _, st := range stories() {
		for _, language := range storyLanguages {
			for range w.opts.Stories {
				room := max(w.opts.Days-st.days, 1) * 24 * 60
				at := w.opts.Start.Add(time.Duration(s.rnd.IntN(room)) * time.Minute)
				s.booked = append(s.booked, booking{at, st, language})
			}
		}
	}
	slices.SortStableFunc(s.booked, func(a, b booking) int { return a.at.Compare(b.at) })
}

func named(name string) story {
	all := stories()
	return all[slices.IndexFunc(all, func(st story) bool { return st.name == name })]
}

// telling is a story as it is told once.
type telling struct {
	*stage
	story    story
	id       string
	language string
	script   *grammar
	stageNow string // what the present event is for
	pointed  bool   // the first sexual message, or demand of money, has been
	target   int
	surface  event.Surface
}

// tell plays a story. The scene of its events is the story itself.
func (s *stage) tell(st story, language string) {
	s.told++
	s.scene = &scene{name: st.name, kind: st.kind}
	s.turn = 0
	t := &telling{
		stage: s, story: st, id: fmt.Sprintf("s-%d", s.told), language: language,
		script: s.world.script[language], surface: event.SurfaceDM,
	}
	s.telling = t
	t.daytime()
	t.target = t.settled(10, 17)
	st.tell(t)
	s.telling = nil
}

// mark writes on a truth what story it belongs to, if any.
func (t *telling) mark(truth *Truth) {
	if t == nil {
		return
	}
	truth.Story, truth.Twin, truth.Language, truth.Stage = t.id, t.story.twin, t.language, t.stageNow
	truth.Target = t.people[t.target].ID
	if truth.Kind != "" && !t.pointed && (t.stageNow == "sexual" || t.stageNow == "image" || t.stageNow == "pay") {
		truth.Point, t.pointed = true, true
	}
}

// settled picks somebody of the platform who speaks the story's language, is
// of an age and does no harm; where there is nobody, somebody like that joins.
func (t *telling) settled(from, to int) int {
	for range 200 {
		i := t.rnd.IntN(len(t.world.Accounts))
		if a := &t.people[i]; a.Language == t.language && a.bent == "" && a.Years >= from && a.Years <= to {
			return i
		}
	}
	return t.newcomer(from+t.rnd.IntN(to-from+1), event.BasisDeclared, 100+t.rnd.IntN(400))
}

// newcomer is somebody who has been on the platform for so many days.
func (t *telling) newcomer(years int, basis event.Basis, days int) int {
	at := weighted(t.rnd, places, func(p place) int {
		if p.language != t.language {
			return 0
		}
		return p.weight
	})
	t.people = append(t.people, Account{
		ID:  fmt.Sprintf("%s.%s", handle(len(t.people)-len(t.world.Accounts)), t.language),
		Age: &event.Age{Band: event.BandOf(years), Basis: basis}, Years: years,
		Country: at.country, Region: at.region, Language: t.language, hours: at.hours,
		Created: t.now.Add(-time.Duration(days)*24*time.Hour - time.Hour),
	})
	return len(t.people) - 1
}

// accept connects two people; of the second's friends as many as know the
// first are mutual.
func (s *stage) accept(a, b int) { s.ties[[2]int{min(a, b), max(a, b)}] = true }

// connected reports whether two people have accepted each other.
func (s *stage) connected(a, b int) bool {
	if s.ties[[2]int{min(a, b), max(a, b)}] {
		return true
	}
	settled := len(s.world.Accounts)
	return a < settled && b < settled && s.world.connected(a, b)
}

// mutuals counts the friends that two people share.
func (s *stage) mutuals(a, b int) int {
	n := 0
	for _, f := range s.people[a].friends {
		if f != b && s.connected(b, f) {
			n++
		}
	}
	return n
}

// daytime moves to an hour at which children are up, where the story is told.
func (t *telling) daytime() {
	at := weighted(t.rnd, places, func(p place) int {
		if p.language != t.language {
			return 0
		}
		return p.weight
	})
	local := (t.now.UTC().Hour() + at.hours + 48) % 24
	if local >= 8 && local < 21 {
		return
	}
	t.now = t.now.Add(time.Duration((24+9-local)%24) * time.Hour).Add(time.Duration(t.rnd.IntN(600)) * time.Minute / 2)
}

// later lets days pass.
func (t *telling) later(days int) {
	t.now = t.now.Add(time.Duration(days)*24*time.Hour + time.Duration(t.rnd.IntN(180)-90)*time.Minute)
}

// say plays a section between two people, and the first one's lines are of
// the story's kind. An empty answer leaves what was said unanswered.
func (t *telling) say(from, to int, role Role, section string) {
	t.stageNow = stageOf(section)
	for i, text := range t.script.turns(t.rnd, section) {
		if i%2 == 0 {
			t.send(from, to, role, t.story.kind, text)
		} else {
			t.send(to, from, Target, "", text)
		}
		t.pause(20 * time.Second)
	}
	t.stageNow = ""
}

// stageOf is what a section is for: "open" for "open.game".
func stageOf(section string) string {
	group, rest, found := strings.Cut(section, ".")
	if found && (group == "ctl" || group == "peer") {
		return rest
	}
	return group
}

func (t *telling) send(from, to int, role Role, kind decision.Kind, text string) {
	low, high := min(from, to), max(from, to)
	t.happen(from, role, kind, event.Event{
		Type: event.MessageSend, Surface: t.surface, Private: true,
		Conversation: fmt.Sprintf("c-%d-%d", low, high),
		Audience:     t.to(from, event.Direct, to), Content: t.content(from, text),
	})
}

// picture is a message with one, which is drawn and benign.
func (t *telling) picture(from, to int, role Role, section string) {
	t.stageNow = stageOf(section)
	c := t.content(from, t.script.turns(t.rnd, section)[0])
	c.Media = []event.Media{{Kind: event.Image, Data: t.album.pick(t.rnd), MIME: "image/png"}}
	t.message(from, to, role, t.story.kind, c, "")
	t.pause(20 * time.Second)
}

// chat is small talk, as between any two people.
func (t *telling) chat(a, b int, role Role) {
	topics := []string{"school", "games", "music", "family", "sport"}
	topic := "chat." + topics[t.rnd.IntN(len(topics))]
	for i, text := range t.world.speech[t.language].talk(t.rnd, topic) {
		if i%2 == 0 {
			t.send(a, b, role, "", text)
		} else {
			t.send(b, a, Target, "", text)
		}
		t.pause(20 * time.Second)
	}
}

// groupSay plays a section in a group; the first speaker's lines are of the
// story's kind, the others answer.
func (t *telling) groupSay(conversation string, members []int, first int, role Role, section string) {
	t.stageNow = stageOf(section)
	for i, text := range t.script.turns(t.rnd, section) {
		from, as, kind := first, role, t.story.kind
		if i > 0 {
			from, as, kind = t.other(members, first), Friend, decision.Kind("")
		}
		t.happen(from, as, kind, event.Event{
			Type: event.MessageSend, Surface: event.SurfaceDM, Private: true, Conversation: conversation,
			Audience: t.to(from, event.Group, members...), Content: t.content(from, text),
		})
		t.pause(15 * time.Second)
	}
	t.stageNow = ""
}

func (t *telling) other(members []int, not int) int {
	for {
		if i := members[t.rnd.IntN(len(members))]; i != not || len(members) == 1 {
			return i
		}
	}
}

// strangers are so many different people of an age.
func (t *telling) strangers(n, from, to int) []int {
	var people []int
	for len(people) < n {
		i := t.settled(from, to)
		if slices.Contains(people, i) {
			i = t.newcomer(from+t.rnd.IntN(to-from+1), event.BasisDeclared, 60+t.rnd.IntN(600))
		}
		people = append(people, i)
	}
	return people
}

// circle is so many people of an age around the target, who know the target
// and most of each other.
func (t *telling) circle(n, from, to int) []int {
	var members []int
	for len(members) < n {
		i := t.settled(from, to)
		if i == t.target || slices.Contains(members, i) {
			i = t.newcomer(from+t.rnd.IntN(to-from+1), event.BasisDeclared, 60+t.rnd.IntN(600))
		}
		for _, other := range members {
			if t.rnd.IntN(10) < 8 {
				t.accept(i, other)
			}
		}
		t.accept(i, t.target)
		members = append(members, i)
	}
	return members
}

// follow plays an arc: names of sections, and
//
//	chat     small talk
//	hours    a pause within the day
//	day      the next day
//	days     two to four days later
//	accept   from here on they are connected
//	request  a request to connect
func (t *telling) follow(arc string, actor int, role Role) {
	for _, word := range strings.Fields(arc) {
		switch word {
		case "chat":
			t.chat(actor, t.target, role)
		case "hours":
			t.pause(90 * time.Minute)
		case "day":
			t.later(1)
		case "days":
			t.later(2 + t.rnd.IntN(3))
		case "accept":
			t.accept(actor, t.target)
		case "request":
			t.ask(actor, t.target, role, "", event.Content{})
			t.pause(time.Minute)
		default:
			t.say(actor, t.target, role, word)
		}
	}
}

// arc picks one of the arcs of the world's half: the first half of them are
// open, the others held out.
func (t *telling) arc(arcs ...string) string {
	half := len(arcs) / 2
	switch t.world.opts.Half {
	case Open:
		arcs = arcs[:half]
	case HeldOut:
		arcs = arcs[half:]
	}
	return arcs[t.rnd.IntN(len(arcs))]
}
