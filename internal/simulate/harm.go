package simulate

import (
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// harms are the harmful stories. Their days are what they take at most.
func harms() []story {
	return []story{
		{"grooming-fast", "csea.grooming", "", 1, groomFast},
		{"grooming-slow", "csea.grooming", "", 21, groomSlow},
		{"grooming-game", "csea.grooming", "", 3, groomGame},
		{"grooming-group", "csea.grooming", "", 3, groomGroup},
		{"grooming-move", "csea.grooming", "", 2, groomMove},
		{"fan-out", "csea.grooming", "", 2, fanOut},
		{"sextortion-financial", "csea.sextortion_financial", "", 2, extortMoney},
		{"sextortion-peers", "csea.sextortion_sexual", "", 3, extortPeer},
		{"coercive-control", "ccb.coercive_control", "", 21, controlPartner},
		{"pile-on-many", "bully.pile_on", "", 1, mob},
		{"bullying", "bully.direct", "", 6, bully},
		{"exclusion-group", "bully.exclusion", "", 3, shutOut},
		{"stalking", "abuse.stalking", "", 6, stalk},
		{"doxxing-address", "abuse.doxxing", "", 1, doxx},
		{"recruitment", "csea.trafficking", "", 3, recruit},
		{"cyberflashing", "iia.cyberflash", "", 1, flash},
	}
}

// offender is an adult who says that they are of age, or a child. Most are
// new; some have been there for long, or have won a friend of the child before.
func (t *telling) offender() int {
	days := 1 + t.rnd.IntN(25)
	if t.rnd.IntN(10) < 3 {
		days = 60 + t.rnd.IntN(400)
	}
	i := t.newcomer(22+t.rnd.IntN(30), event.BasisDeclared, days)
	if friends := t.people[t.target].friends; len(friends) > 0 && t.rnd.IntN(10) < 2 {
		friend := friends[t.rnd.IntN(len(friends))]
		t.accept(i, friend)
		t.people[i].friends = append(t.people[i].friends, friend)
	}
	if t.rnd.IntN(2) == 0 {
		t.people[i].Age.Band = event.Band13to15
	}
	return i
}

// accepted is half of the times a request that the child accepts: what comes
// then is no stranger's message any more.
func (t *telling) accepted(actor int) {
	t.ask(actor, t.target, Offender, "", event.Content{})
	t.pause(3 * time.Minute)
	if t.rnd.IntN(2) == 0 {
		t.accept(actor, t.target)
	}
}

func groomFast(t *telling) {
	a := t.offender()
	t.accepted(a)
	t.follow(t.arc(
		"open trust age alone secret sexual meet",
		"open age chat trust alone move secret sexual",
		"open age secret gift sexual move",
		"open trust chat age move sexual meet",
		"open alone age trust secret sexual move",
		"open gift age chat secret move sexual",
		"trust age isolate secret sexual",
		"open chat age alone move sexual meet",
	), a, Offender)
}

// groomOpenly is by an adult's account whose contact a child has accepted: sign
// after sign, so that one sees what is done about each.
func groomOpenly(t *telling) {
	a := t.offender()
	t.people[a].Age.Band = event.Band18Plus
	t.accept(a, t.target)
	t.follow("open age chat gift secret isolate alone move secret meet sexual", a, Offender)
}

func groomSlow(t *telling) {
	a := t.offender()
	t.accepted(a)
	t.follow(t.arc(
		"open chat day chat age days chat trust days chat isolate day chat alone days secret chat day move hours sexual meet",
		"open age chat days chat chat gift day chat days trust chat secret days chat meet day sexual",
		"open chat days age chat day chat trust days chat secret day chat isolate days chat move sexual",
		"open chat chat day trust days chat age days chat gift chat days alone day chat isolate secret days sexual",
		"open trust day chat days chat age chat days chat secret chat days gift chat day meet sexual",
		"open day chat chat isolate days trust age chat days chat alone day chat move days chat sexual meet",
	), a, Offender)
}

func groomGame(t *telling) {
	t.surface = event.SurfaceGame
	a := t.offender()
	t.accepted(a)
	t.follow(t.arc(
		"open.game chat age gift hours chat trust secret sexual",
		"open.game gift chat day age alone move sexual",
		"open.game age chat trust day gift secret sexual",
		"open.game chat gift trust age hours move secret sexual",
		"open.game age gift day chat alone secret sexual meet",
		"open.game trust chat age day isolate move sexual",
	), a, Offender)
}

// groomGroup begins in a group that the adult is in too.
func groomGroup(t *telling) {
	a := t.offender()
	members := append(t.circle(4, 11, 16), t.target, a)
	for range 2 {
		t.groupSay("g-"+t.id, members, t.other(members, a), Friend, "fan")
	}
	t.stageNow = ""
	if t.rnd.IntN(2) == 0 {
		t.accept(a, t.target)
	}
	t.follow(t.arc(
		"open.group age chat trust secret move sexual",
		"open.group trust chat day age isolate secret sexual",
		"open.group chat age alone hours secret sexual",
		"open.group age trust gift day move sexual",
		"open.group chat isolate age secret hours sexual meet",
		"open.group trust age alone day chat move secret sexual",
	), a, Offender)
}

// groomMove wants to be elsewhere soon.
func groomMove(t *telling) {
	a := t.offender()
	t.accepted(a)
	t.follow(t.arc(
		"open move chat age move sexual",
		"open trust move hours age secret sexual",
		"open age move chat trust sexual",
		"open chat move age hours move sexual",
		"trust move age secret sexual",
		"open chat age move day move sexual",
	), a, Offender)
}

// fanOut is an adult who tries one child after another; few answer.
func fanOut(t *telling) {
	a := t.offender()
	for _, t.target = range t.strangers(8+t.rnd.IntN(5), 9, 16) {
		if t.rnd.IntN(3) == 0 {
			t.ask(a, t.target, Offender, t.story.kind, event.Content{})
		}
		t.say(a, t.target, Offender, "open")
		if t.rnd.IntN(3) == 0 {
			t.say(a, t.target, Offender, "age")
		}
		t.pause(time.Duration(5+t.rnd.IntN(90)) * time.Minute)
	}
}

func extortMoney(t *telling) {
	t.target = t.settled(13, 17)
	a := t.newcomer(20+t.rnd.IntN(20), event.BasisDeclared, t.rnd.IntN(12))
	t.people[a].Age.Band = []event.Band{event.Band16to17, event.Band18Plus}[t.rnd.IntN(2)]
	t.accepted(a)
	t.follow(t.arc(
		"open flirt flirt move image threat pay deadline",
		"flirt chat flirt image hours threat threat pay deadline",
		"threat pay deadline threat pay",
		"open flirt move hours threat deadline pay",
		"open flirt age flirt move image threat pay",
		"threat deadline pay threat deadline",
		"flirt flirt chat move image day threat pay deadline",
		"open flirt threat pay deadline",
	), a, Offender)
}

// extortPeer is somebody of the same school, whom the child knows.
func extortPeer(t *telling) {
	t.target = t.settled(12, 16)
	a := t.newcomer(13+t.rnd.IntN(4), event.BasisDeclared, 100+t.rnd.IntN(500))
	t.accept(a, t.target)
	t.follow(t.arc(
		"chat day peer.threat peer.demand hours threat image",
		"chat flirt day chat peer.threat day peer.demand image",
		"chat days peer.threat chat peer.demand peer.threat image",
		"flirt chat hours peer.threat peer.demand image",
	), a, Offender)
}

func controlPartner(t *telling) {
	t.target = t.settled(15, 24)
	a := t.newcomer(17+t.rnd.IntN(9), event.BasisDeclared, 100+t.rnd.IntN(500))
	t.accept(a, t.target)
	t.follow(t.arc(
		"chat days ctl.where chat days ctl.who day ctl.where ctl.password days chat ctl.isolate days ctl.threat",
		"couple day ctl.who days ctl.where chat days ctl.isolate ctl.where days ctl.password day ctl.threat",
		"chat day ctl.where days ctl.where ctl.who days couple ctl.password days ctl.isolate ctl.threat",
		"couple days ctl.isolate chat day ctl.where days ctl.who ctl.where days ctl.password ctl.threat",
	), a, Offender)
}

// mob is many who go at one within minutes, under a post or by message.
func mob(t *telling) {
	crowd := t.circle(12+t.rnd.IntN(5), 11, 17)
	t.stageNow = "post"
	post := t.publish(t.target, Target, "", t.say1(t.target, "post"))
	t.stageNow = "pile"
	inPrivate := t.rnd.IntN(2) == 0
	for i, from := range crowd {
		t.pause(15 * time.Second)
		text := t.script.turns(t.rnd, "pile")[0]
		role := Crowd
		if i == 0 {
			role = Offender
		}
		if inPrivate {
			t.send(from, t.target, role, t.story.kind, text)
			continue
		}
		t.thread(from, role, text, post)
	}
	t.stageNow = ""
}

// say1 is a post's text in the phrases of an account.
func (t *telling) say1(i int, section string) event.Content {
	return t.content(i, t.world.speech[t.language].say(t.rnd, section))
}

// thread is a comment on the target's post; the thread is its conversation,
// and whose post it is stands among its readers.
func (t *telling) thread(from int, role Role, text, post string) {
	kind := t.story.kind
	t.happen(from, role, kind, event.Event{
		Type: event.ContentCreate, Surface: event.SurfaceComments, Parent: post, Conversation: "p-" + post,
		Audience: event.Audience{Scope: event.Public, Members: []event.Member{t.member(from, t.target)}},
		Content:  t.content(from, text),
	})
}

func bully(t *telling) {
	a := t.newcomer(11+t.rnd.IntN(6), event.BasisDeclared, 60+t.rnd.IntN(500))
	if t.rnd.IntN(2) == 0 {
		t.accept(a, t.target)
	}
	t.follow(t.arc(
		"bully hours bully day bully bully day bully",
		"chat bully day bully bully hours bully",
		"bully bully day bully days bully bully",
		"chat day bully bully bully day bully",
	), a, Offender)
}

// shutOut is a group that agrees to leave somebody out, who may read along.
func shutOut(t *telling) {
	members := t.circle(5, 11, 16)
	a := members[0]
	for i := range 3 + t.rnd.IntN(2) {
		readers := members
		if i%2 == 1 {
			readers = append(members[:len(members):len(members)], t.target)
		}
		t.groupSay("g-"+t.id, readers, a, Offender, "exclude")
		t.pause(2 * time.Hour)
	}
}

// stalk goes on after a block: from the same account, then from new ones.
func stalk(t *telling) {
	t.target = t.settled(13, 24)
	a := t.newcomer(18+t.rnd.IntN(12), event.BasisDeclared, 200)
	t.accept(a, t.target)
	t.chat(a, t.target, Offender)
	t.later(1)
	t.block(t.target, a)
	for i := range 5 + t.rnd.IntN(3) {
		if i > 1 {
			a = t.newcomer(18+t.rnd.IntN(12), event.BasisDeclared, 0)
		}
		t.alone1(a, "stalk")
		t.pause(6 * time.Hour)
	}
}

// alone1 is a message that gets no answer.
func (t *telling) alone1(from int, section string) {
	t.stageNow = stageOf(section)
	t.send(from, t.target, Offender, t.story.kind, t.script.turns(t.rnd, section)[0])
	t.stageNow = ""
}

// Block is the event type that says that an account blocked another. Platforms
// tell the server by its own route; the feed and the score do that.
const Block event.Type = "x.block"

// block ends a connection: the blocked one is not to be heard again.
func (t *telling) block(by, whom int) {
	delete(t.ties, [2]int{min(by, whom), max(by, whom)})
	t.stageNow = "block"
	t.happen(by, Target, "", event.Event{
		Type: Block, Surface: event.SurfaceOther, Private: true, Audience: t.to(by, event.Direct, whom),
	})
	t.pause(time.Hour)
}

func doxx(t *telling) {
	crowd := t.circle(6, 12, 17)
	a := crowd[0]
	t.stageNow = "doxx"
	for i := range 2 {
		text := t.script.turns(t.rnd, "doxx")[0]
		if i == 0 {
			t.happen(a, Offender, t.story.kind, event.Event{
				Type: event.MessageSend, Surface: event.SurfaceDM, Private: true, Conversation: "g-" + t.id,
				Audience: t.to(a, event.Group, crowd...), Content: t.content(a, text),
			})
		} else {
			t.publish(a, Offender, t.story.kind, t.content(a, text))
		}
		t.pause(10 * time.Minute)
	}
	t.stageNow = ""
}

func recruit(t *telling) {
	t.target = t.settled(12, 17)
	a := t.newcomer(19+t.rnd.IntN(10), event.BasisDeclared, 3+t.rnd.IntN(40))
	t.accepted(a)
	t.follow(t.arc(
		"open recruit secret hours recruit move recruit",
		"open chat gift recruit day recruit secret",
		"open recruit move day recruit recruit",
		"open gift chat recruit secret day recruit",
	), a, Offender)
}

// flash is a picture that nobody asked for, to several people.
func flash(t *telling) {
	a := t.newcomer(19+t.rnd.IntN(30), event.BasisDeclared, t.rnd.IntN(30))
	for range 3 {
		t.target = t.settled(12, 25)
		t.picture(a, t.target, Offender, "flash")
		t.pause(5 * time.Minute)
	}
	t.stageNow = ""
}
