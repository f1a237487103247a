package simulate

import (
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// twins are the innocent stories, each beside the harmful one that it looks
// like to a machine.
func twins() []story {
	return []story{
		{"teacher", "", "fan-out", 3, teach},
		{"coach", "", "fan-out", 3, coach},
		{"siblings", "", "grooming-fast", 3, relative(13, 21, "sib chat hours sib", "chat sib day sib", "sib day chat sib", "sib sib hours chat")},
		{"aunt-uncle", "", "grooming-slow", 8, relative(30, 60, "aunt days aunt", "chat days aunt aunt", "aunt chat days aunt", "aunt aunt days chat")},
		{"cousin", "", "grooming-game", 3, giftFromCousin},
		{"school-move", "", "grooming-move", 2, relative(11, 16, "chat classapp", "classapp chat day classapp", "classapp day chat", "chat classapp hours classapp")},
		{"fan-mail", "", "pile-on-many", 1, fans},
		{"birthday", "", "pile-on-many", 1, birthday},
		{"jokes", "", "bullying", 4, relative(11, 17, "joke day joke hours joke", "joke chat day joke joke", "joke joke day joke", "chat joke day joke joke")},
		{"parent", "", "coercive-control", 10, relative(32, 50, "parent days parent day parent", "parent day parent chat parent", "parent days chat parent", "parent parent days parent")},
		{"couple", "", "coercive-control", 10, loving},
		{"study-group", "", "sextortion-financial", 1, study},
		{"marketplace", "", "sextortion-financial", 2, deal},
		{"surprise-party", "", "exclusion-group", 3, surprise},
		{"making-up", "", "stalking", 2, relative(13, 19, "sorry chat", "chat day sorry", "sorry hours chat", "day sorry chat")},
		{"party-address", "", "doxxing-address", 1, inviteAll},
		{"helper", "", "recruitment", 3, relative(30, 60, "helper chat", "chat day helper", "helper day helper", "helper hours chat")},
		{"holiday-pictures", "", "cyberflashing", 1, holiday},
	}
}

// known is somebody whom the target has accepted, of an age; half of the
// adults have proven theirs, and some have only just joined.
func (t *telling) known(from, to int) int {
	basis := event.BasisDeclared
	if from >= 18 && t.rnd.IntN(2) == 0 {
		basis = event.BasisVerified
	}
	days := 60 + t.rnd.IntN(900)
	if t.rnd.IntN(10) < 2 {
		days = 1 + t.rnd.IntN(30)
	}
	i := t.newcomer(from+t.rnd.IntN(to-from+1), basis, days)
	t.accept(i, t.target)
	return i
}

// relative is a story between the target and somebody of an age who is known.
func relative(from, to int, arcs ...string) func(*telling) {
	return func(t *telling) { t.follow(t.arc(arcs...), t.known(from, to), Twin) }
}

// class makes an adult the acquaintance of a number of children.
func (t *telling) class(adult, n int) []int {
	var pupils []int
	first := t.target
	for len(pupils) < n {
		pupil := t.settled(10, 16)
		t.accept(adult, pupil)
		t.people[adult].friends = append(t.people[adult].friends, pupil)
		pupils = append(pupils, pupil)
	}
	t.target = first
	return pupils
}

func teach(t *telling) {
	a := t.known(26, 60)
	for _, pupil := range t.class(a, 8+t.rnd.IntN(4)) {
		t.target = pupil
		t.say(a, pupil, Twin, "teach")
		t.pause(3 * time.Minute)
	}
}

// coach writes to the team, and to some of it.
func coach(t *telling) {
	a := t.known(24, 60)
	team := t.class(a, 8)
	t.groupSay("g-"+t.id, append([]int{a}, team...), a, Twin, "coach")
	for _, player := range team[:5] {
		t.target = player
		t.say(a, player, Twin, "coach")
		t.pause(time.Hour)
	}
}

func giftFromCousin(t *telling) {
	a := t.known(15, 24)
	t.follow(t.arc("cousin chat cousin", "chat cousin day cousin", "cousin day chat cousin", "cousin cousin chat"), a, Twin)
	t.transfer(a, t.target, Twin, "", 10+t.rnd.IntN(11), event.Content{})
}

// fans are many strangers who write kind words under somebody's post.
func fans(t *telling) {
	t.target = t.settled(13, 24)
	post := t.publish(t.target, Target, "", t.say1(t.target, "caption"))
	for range 12 + t.rnd.IntN(6) {
		t.pause(15 * time.Second)
		fan := t.settled(10, 40)
		if fan == t.target {
			continue
		}
		t.thread(fan, Twin, t.script.turns(t.rnd, "fan")[0], post)
	}
}

// birthday is everybody writing to one within an hour.
func birthday(t *telling) {
	for _, friend := range t.circle(12, 11, 17) {
		t.send(friend, t.target, Twin, "", t.script.turns(t.rnd, "birthday")[0])
		t.pause(2 * time.Minute)
	}
}

func loving(t *telling) {
	t.target = t.settled(16, 24)
	t.follow(t.arc("couple day couple days couple", "chat couple days couple chat", "couple days chat couple", "couple couple day couple"), t.known(17, 25), Twin)
}

func study(t *telling) {
	members := append(t.circle(4, 12, 17), t.target)
	for range 3 {
		t.groupSay("g-"+t.id, members, t.other(members, -1), Twin, "study")
		t.pause(30 * time.Minute)
	}
}

// deal is between two adults who don't know each other.
func deal(t *telling) {
	t.target = t.newcomer(20+t.rnd.IntN(40), event.BasisVerified, 100+t.rnd.IntN(900))
	a := t.newcomer(20+t.rnd.IntN(40), event.BasisVerified, 5+t.rnd.IntN(900))
	t.follow(t.arc("deal day deal", "deal hours deal", "deal deal", "deal day deal deal"), a, Twin)
	t.transfer(a, t.target, Twin, "", 30+t.rnd.IntN(60), event.Content{})
}

func surprise(t *telling) {
	members := t.circle(5, 11, 16)
	for range 3 {
		t.groupSay("g-"+t.id, members, members[0], Twin, "surprise")
		t.pause(2 * time.Hour)
	}
}

func inviteAll(t *telling) {
	members := t.circle(6, 12, 17)
	t.groupSay("g-"+t.id, append(members, t.target), members[0], Twin, "address")
}

func holiday(t *telling) {
	a := t.known(12, 17)
	for range 2 {
		t.picture(a, t.target, Twin, "holiday")
	}
	t.stageNow = ""
}
