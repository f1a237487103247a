package simulate

import (
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// loudScenes are those in which somebody means harm or asks for help. Their
// texts name no act that could not stand in a school's leaflet.
func loudScenes() []scene {
	return []scene{
		{"insult", "bully.direct", 26, unkind("insult")},
		{"pile-on", "bully.pile_on", 16, pileOn},
		{"exclusion", "bully.exclusion", 8, exclude},
		{"threat", "abuse.harassment", 8, unkind("threat")},
		{"misogyny", "abuse.tfgbv_misogyny", 6, unkind("misogyny")},
		{"grooming", "csea.grooming", 26, groom},
		{"pressure", "csea.sextortion_financial", 12, pressure},
		{"control", "ccb.coercive_control", 14, control},
		{"sadness", "support.seeking_help", 12, confide},
		{"sad post", "support.seeking_help", 8, oneOff("post.sad", Seeker)},
		{"sad search", "support.seeking_help", 7, aloneWith("search.sad", Seeker)},
		{"sad prompt", "support.seeking_help", 8, askAI("ai.sad")},
		{"starving", "ppc.eating_disorder", 10, oneOff("diet", Promoter)},
		{"starving search", "ppc.eating_disorder", 6, aloneWith("search.diet", Seeker)},
		{"body remark", "ndc.body_stigma", 7, remark},
		{"spam", "spam.other", 18, spam},
		{"betting", "commerce.gambling_like", 8, sell},
		{"dare", "pc.stunts", 8, oneOff("stunt", Promoter)},
		{"doxxing", "abuse.doxxing", 7, oneOff("doxx", Bully)},
	}
}

func is(role Role) func(*Account) bool {
	return func(a *Account) bool { return a.bent == role }
}

// childLike is a child, of ten or more, who speaks a language and is peaceful.
func childLike(language string) func(*Account) bool {
	return func(a *Account) bool {
		return a.Language == language && a.minor() && a.Years >= 10 && a.bent == ""
	}
}

// unkind is one person going at another in private.
func unkind(section string) func(*stage) {
	return func(s *stage) {
		a, ok := s.pick(is(Bully))
		if !ok {
			return
		}
		if b, ok := s.classmate(a, childLike(s.people[a].Language)); ok {
			s.dialogue(section, a, b, Bully, Target)
		}
	}
}

// pileOn is a harmless post that many mock.
func pileOn(s *stage) {
	leader, ok := s.pick(is(Bully))
	if !ok {
		return
	}
	target, ok := s.classmate(leader, childLike(s.people[leader].Language))
	if !ok {
		return
	}
	id := s.publish(target, Target, "", s.say(target, "post"))
	for range 3 + s.rnd.IntN(4) {
		s.pause(8 * time.Second)
		s.comment(leader, Bully, s.scene.kind, s.say(leader, "pile"), id)
		if next, ok := s.classmate(leader, func(a *Account) bool { return a.minor() && a.Years >= 9 }); ok && next != target {
			leader = next
		}
	}
}

// exclude is a group agreeing to leave somebody out.
func exclude(s *stage) {
	a, ok := s.pick(is(Bully))
	if !ok {
		return
	}
	g, ok := s.groupOf(a)
	if !ok {
		return
	}
	for i, text := range s.world.speech[g.language].talk(s.rnd, "exclude") {
		from, role, kind := a, Bully, s.scene.kind
		if i%2 == 1 {
			if other, ok := s.among(g.members, writes); ok && other != a {
				from, role, kind = other, Friend, ""
			}
		}
		s.happen(from, role, kind, event.Event{
			Type: event.MessageSend, Surface: event.SurfaceDM, Private: true, Conversation: g.id,
			Audience: s.to(from, event.Group, g.members...), Content: s.content(from, text),
		})
		s.pause(15 * time.Second)
	}
}

// stranger picks an adult who looks for children, and a child that is not
// connected with them.
func (s *stage) stranger() (adult, child int, ok bool) {
	adult, ok = s.pick(is(Stranger))
	if !ok {
		return 0, 0, false
	}
	child, ok = s.pick(childLike(s.people[adult].Language))
	return adult, child, ok
}

// groom begins with a contact request, and half the time goes on.
func groom(s *stage) {
	adult, child, ok := s.stranger()
	if !ok {
		return
	}
	s.ask(adult, child, Stranger, "contact.unsolicited_adult", s.say(adult, "request.stranger"))
	if s.rnd.IntN(2) == 0 {
		return
	}
	s.pause(2 * time.Minute)
	s.dialogue("stranger", adult, child, Stranger, Target)
}

// pressure is a threat to share a picture, and sometimes the child pays.
func pressure(s *stage) {
	adult, child, ok := s.stranger()
	if !ok {
		return
	}
	s.dialogue("pressure", adult, child, Stranger, Target)
	if s.rnd.IntN(3) == 0 {
		s.pause(5 * time.Minute)
		s.transfer(child, adult, Target, s.scene.kind, 50+s.rnd.IntN(150), event.Content{})
	}
}

func control(s *stage) {
	a, ok := s.pick(is(Controller))
	if !ok {
		return
	}
	partner := func(b *Account) bool { return b.bent == "" && b.Years >= 14 && b.Years < 30 }
	if b, ok := s.friend(a, partner); ok {
		s.dialogue("control", a, b, Controller, Target)
	}
}

// confide is somebody who is not well telling a friend, who answers well.
func confide(s *stage) {
	a, ok := s.pick(func(a *Account) bool { return a.bent == "" && a.Years >= 11 })
	if !ok {
		return
	}
	if b, ok := s.friend(a, writes); ok {
		s.dialogue("sad", a, b, Seeker, Friend)
	}
}

// oneOff is a single public post.
func oneOff(section string, role Role) func(*stage) {
	return func(s *stage) {
		if a, ok := s.pick(func(a *Account) bool { return peaceful(a) && a.Years >= 12 }); ok {
			s.publish(a, role, s.scene.kind, s.say(a, section))
		}
	}
}

// aloneWith is a search that somebody makes when they are not well.
func aloneWith(section string, role Role) func(*stage) {
	return func(s *stage) {
		if a, ok := s.pick(func(a *Account) bool { return a.bent == "" && a.Years >= 10 }); ok {
			s.alone(a, role, event.SearchQuery, event.SurfaceSearch, s.say(a, section))
		}
	}
}

// remark is an unkind comment on somebody's looks under a picture.
func remark(s *stage) {
	a, ok := s.pick(writes)
	if !ok {
		return
	}
	b, ok := s.pick(is(Bully))
	if !ok || a == b {
		return
	}
	c := s.say(a, "caption")
	c.Media = []event.Media{{Kind: event.Image, Data: s.album.pick(s.rnd), MIME: "image/png"}}
	id := s.publish(a, Target, "", c)
	s.pause(time.Minute)
	s.comment(b, Bully, s.scene.kind, s.say(b, "body"), id)
}

// spam goes to several people at once, or into comments.
func spam(s *stage) {
	a, ok := s.pick(is(Spammer))
	if !ok {
		return
	}
	c := s.say(a, "spam")
	for range 1 + s.rnd.IntN(4) {
		if b, ok := s.pick(writes); ok {
			s.message(a, b, Spammer, s.scene.kind, c, "")
			s.pause(2 * time.Second)
		}
	}
}

func sell(s *stage) {
	if a, ok := s.pick(is(Spammer)); ok {
		s.publish(a, Spammer, s.scene.kind, s.say(a, "bet"))
	}
}
