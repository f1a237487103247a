package simulate

import (
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// scene is something that happens between people: one event or several. A
// scene for which nobody suitable is awake does not take place.
type scene struct {
	name   string
	kind   decision.Kind // what the ones who mean harm, or ask for help, do; "" is nothing
	weight int
	play   func(*stage)
}

// scenes lists what may happen. Weights are relative; about one scene in six
// is not a quiet one.
func (w *World) scenes() []scene {
	all := append(quietScenes(), loudScenes()...)
	if w.opts.Stories == 0 {
		all = append(all, storyScenes()...)
	}
	return all
}

func quietScenes() []scene {
	return []scene{
		{"chat", "", 170, chat},
		{"group chat", "", 70, groupChat},
		{"post", "", 290, post},
		{"search", "", 90, solo("search", event.SearchQuery, event.SurfaceSearch)},
		{"ai", "", 70, askAI("ai")},
		{"profile", "", 35, profile},
		{"live", "", 25, live},
		{"request", "", 40, request},
		{"suggestion", "", 15, suggest},
		{"invitation", "", 20, invite},
		{"payment", "", 20, pay},
		{"session", "", 15, session},
		{"visit", "", 12, visit},
		{"joining", "", 6, join},
	}
}

func anybody(*Account) bool { return true }

func peaceful(a *Account) bool {
	return a.bent == "" || a.bent == Bully || a.bent == Controller
}

// writes is somebody old enough to write posts and messages of their own.
func writes(a *Account) bool { return peaceful(a) && a.Years >= 8 }

func chat(s *stage) {
	a, ok := s.pick(writes)
	if !ok {
		return
	}
	b, ok := s.friend(a, writes)
	if !ok {
		return
	}
	s.dialogue(s.topic(a, b), a, b, Friend, Friend)
}

// topic is what two people of their ages talk about.
func (s *stage) topic(a, b int) string {
	younger := min(s.people[a].Years, s.people[b].Years)
	switch {
	case younger < 10:
		return "chat.little"
	case younger >= 20:
		return "chat.adult"
	}
	topics := []string{"school", "games", "music", "family", "sport", "festival"}
	return "chat." + topics[s.rnd.IntN(len(topics))]
}

func groupChat(s *stage) {
	a, ok := s.pick(writes)
	if !ok {
		return
	}
	g, ok := s.groupOf(a)
	if !ok {
		return
	}
	surface := event.SurfaceDM
	if s.rnd.IntN(4) == 0 {
		surface = event.SurfaceGame
	}
	for _, text := range s.world.speech[g.language].talk(s.rnd, "group") {
		s.happen(a, Friend, "", event.Event{
			Type: event.MessageSend, Surface: surface, Private: true, Conversation: g.id,
			Audience: s.to(a, event.Group, g.members...), Content: s.content(a, text),
		})
		s.pause(15 * time.Second)
		if next, ok := s.among(g.members, peaceful); ok {
			a = next
		}
	}
}

func post(s *stage) {
	a, ok := s.pick(writes)
	if !ok {
		return
	}
	c := s.say(a, "post")
	if s.rnd.IntN(5) < 2 {
		c = s.say(a, "caption")
		c.Media = []event.Media{{Kind: event.Image, Data: s.album.pick(s.rnd), MIME: "image/png"}}
	}
	id := s.publish(a, Person, "", c)
	for range s.rnd.IntN(3) {
		s.pause(40 * time.Second)
		if fan, ok := s.friend(a, writes); ok {
			s.comment(fan, Friend, "", s.say(fan, "comment"), id)
		}
	}
	if s.rnd.IntN(6) == 0 {
		s.pause(time.Minute)
		if reader, ok := s.pick(anybody); ok {
			s.happen(reader, Person, "", event.Event{
				Type: event.ContentView, Surface: event.SurfaceFeed, Parent: id, Content: event.Content{ID: id},
			})
		}
	}
}

// solo is a single text that somebody enters by themselves.
func solo(section string, t event.Type, at event.Surface) func(*stage) {
	return func(s *stage) {
		if a, ok := s.pick(peaceful); ok {
			s.alone(a, Person, t, at, s.say(a, section))
		}
	}
}

// askAI is a prompt and what the platform's assistant answers.
func askAI(section string) func(*stage) {
	return func(s *stage) {
		a, ok := s.pick(peaceful)
		if !ok {
			return
		}
		role := Person
		if s.scene.kind != "" {
			role = Seeker
		}
		talk := s.world.speech[s.people[a].Language].talk(s.rnd, section)
		prompt := s.alone(a, role, event.AIPrompt, event.SurfaceAI, s.content(a, talk[0]))
		s.pause(3 * time.Second)
		s.happen(a, Assistant, "", event.Event{
			Type: event.AIOutput, Surface: event.SurfaceAI, Private: true,
			Conversation: "ai-" + prompt, Parent: prompt, Content: s.content(a, talk[1]),
		})
	}
}

func profile(s *stage) {
	if a, ok := s.pick(writes); ok {
		s.happen(a, Person, "", event.Event{
			Type: event.ProfileUpdate, Surface: event.SurfaceProfile,
			Audience: event.Audience{Scope: event.Public}, Content: s.say(a, "profile"),
		})
	}
}

func live(s *stage) {
	if a, ok := s.pick(writes); ok {
		s.happen(a, Person, "", event.Event{
			Type: event.LiveStart, Surface: event.SurfaceLive,
			Audience: event.Audience{Scope: event.Followers}, Content: s.say(a, "live"),
		})
	}
}

func request(s *stage) {
	a, ok := s.pick(writes)
	if !ok {
		return
	}
	near := func(b *Account) bool {
		return writes(b) && b.minor() == s.people[a].minor()
	}
	if b, ok := s.classmate(a, near); ok {
		s.ask(a, b, Person, "", s.say(a, "request"))
	}
}

// ask requests contact.
func (s *stage) ask(from, to int, role Role, kind decision.Kind, c event.Content) {
	s.happen(from, role, kind, event.Event{
		Type: event.ContactRequest, Surface: event.SurfaceProfile, Private: true,
		Audience: s.to(from, event.Direct, to), Content: c,
	})
}

// suggest is the platform itself proposing one person to another.
func suggest(s *stage) {
	a, okA := s.pick(anybody)
	b, okB := s.pick(writes)
	if okA && okB && a != b {
		s.happen(a, Person, "", event.Event{
			Type: event.ContactSuggest, Surface: event.SurfaceOther, Audience: s.to(a, event.Direct, b),
		})
	}
}

func invite(s *stage) {
	a, ok := s.pick(writes)
	if !ok {
		return
	}
	g, okGroup := s.groupOf(a)
	b, okFriend := s.friend(a, writes)
	if okGroup && okFriend {
		s.happen(a, Person, "", event.Event{
			Type: event.GroupInvite, Surface: event.SurfaceDM, Private: true, Conversation: g.id,
			Audience: s.to(a, event.Direct, b), Content: s.say(a, "invite"),
		})
	}
}

func pay(s *stage) {
	a, ok := s.pick(func(a *Account) bool { return writes(a) && a.Years >= 13 })
	if !ok {
		return
	}
	if b, ok := s.friend(a, writes); ok {
		s.transfer(a, b, Person, "", 3+s.rnd.IntN(20), s.say(a, "payment"))
	}
}

// transfer sends an amount in whole units of the sender's currency.
func (s *stage) transfer(from, to int, role Role, kind decision.Kind, amount int, c event.Content) {
	s.happen(from, role, kind, event.Event{
		Type: event.PaymentSend, Surface: event.SurfaceOther, Private: true,
		Audience: s.to(from, event.Direct, to), Content: c, Attributes: map[string]any{"amount": amount},
	})
}

func session(s *stage) {
	a, ok := s.pick(anybody)
	if !ok {
		return
	}
	s.alone(a, Person, event.SessionStart, event.SurfaceOther, event.Content{})
	for range s.rnd.IntN(3) {
		s.pause(15 * time.Minute)
		s.alone(a, Person, event.SessionHeartbeat, event.SurfaceOther, event.Content{})
	}
	s.pause(5 * time.Minute)
	s.alone(a, Person, event.SessionEnd, event.SurfaceOther, event.Content{})
}

func visit(s *stage) {
	a, okA := s.pick(peaceful)
	if !okA {
		return
	}
	if b, ok := s.classmate(a, anybody); ok {
		s.happen(a, Person, "", event.Event{
			Type: event.ProfileView, Surface: event.SurfaceProfile,
			Attributes: map[string]any{"profile": s.people[b].ID},
		})
	}
}

// join is somebody new, of whom the platform has only a declaration.
func join(s *stage) {
	like, ok := s.pick(writes)
	if !ok {
		return
	}
	a := s.people[like]
	s.happenTo(event.Event{
		Type: event.AccountCreate, Surface: event.SurfaceOther,
		Actor: event.Actor{
			ID:      handle(len(s.world.Accounts) + s.made),
			Age:     &event.Age{Band: event.BandOf(a.Years + s.rnd.IntN(4)), Basis: event.BasisDeclared},
			Country: a.Country, Created: s.now,
		},
	}, Person, "", a.Years)
}
