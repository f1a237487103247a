package conversation

import (
	"math"

	"github.com/breakwater-project/breakwater/event"
)

// A view is two people as they stand at a line: what its actor (the sender) did to the
// other, what came back, and who they are.
type view struct {
	sender  Person
	to      Member
	one     bool // to is one person who receives the line
	group   bool // to stands for all of a group
	private bool
	at      uint32

	did, theirs past
	course      course
	crowd       int     // senders of hostile lines to the other within a day
	back        float64 // how much of that the other gave back
}

// Whether somebody may be, or surely is, a child or an adult. An age that is not known
// may be both.
func (p Person) mayBeMinor() bool { return p.From < 18 }
func (p Person) mayBeAdult() bool { return p.To > 18 }
func (p Person) minor() bool      { return p.To <= 18 }
func (p Person) adult() bool      { return p.From >= 18 }

func (v *view) stranger() bool { return !v.to.Connected }

// close is whether the two are connected and others know both.
func (v *view) close() bool { return v.to.Connected && v.to.Mutuals >= 2 }

func (v *view) peers() bool { return v.sender.minor() && v.to.minor() }

// Scores are points through a logistic curve: middle is the points at which the score
// is one half, and steep is how few more make it likely.
func logistic(points, middle, steep float64) float64 {
	return 1 / (1 + math.Exp(-(points-middle)/steep))
}

// saturate is for signals that grow with each further mark.
func saturate(points float64) float64 { return 1 - math.Exp(-max(0, points)) }

// judge looks at the view for each signal.
func (s *sighting) judge(v *view) {
	if s.any || v.did.events > 0 {
		s.grooming(v)
		s.sextortion(v)
		s.coercion(v)
		s.threatToShare(v)
		s.recruitment(v)
		s.doxxing(v)
		if !v.group { // whom a rough word in a group is for, aimed finds out
			s.bullying(v)
			s.exclusion(v)
		}
	}
	s.stalking(v)
}

// alone lowers what stands on one event only to at most most.
func (d *past) alone(score, most float64) float64 {
	if d.events < 2 {
		return min(score, most)
	}
	return score
}

// The stages of grooming. Soft ones are common among people who know each other; hard
// ones are not good talk between an adult and a child whoever they are.
var (
	softGrooming = [...]weighted{
		{ageProbe, 1}, {affection, 0.8}, {gift, 0.9}, {move, 1}, {imageRequest, 1}, {meeting, 1.1}, {locationDemand, 0.5},
	}
	hardGrooming = [...]weighted{{isolation, 1.2}, {secrecy, 1.5}, {sexual, 2.2}}
	groomingPath = []stage{ageProbe, affection, isolation, secrecy, gift, move, imageRequest, locationDemand, sexual, meeting, approach}
)

type weighted struct {
	stage
	points float64
}

func (d *past) points(of []weighted) (sum float64, kinds int) {
	for _, w := range of {
		if d.s[w.stage] > 0 {
			sum += w.points * d.s[w.stage]
			kinds++
		}
	}
	return sum, kinds
}

func (s *sighting) grooming(v *view) {
	if !v.to.mayBeMinor() {
		return
	}
	d := &v.did
	soft, softKinds := d.points(softGrooming[:])
	hard, hardKinds := d.points(hardGrooming[:])
	if d.s[approach] > 0 { // sounds like it; where that is secrecy or isolation, it counts already
		if hardKinds == 0 {
			hard += 1.1 * d.s[approach]
		} else {
			hard += 0.5 * d.s[approach]
		}
		hardKinds++
	}
	switch {
	case v.close():
		soft, hard = 0.4*soft, 0.85*hard
	case v.to.Connected:
		soft *= 0.8
	}
	score := logistic((soft+hard)*v.reach(), 2.4, 0.5)
	if hardKinds == 0 {
		score = min(score, v.softest(softKinds))
	}
	score += (1 - score) * 0.3 * v.course.stand() * min(1, score/0.2)
	s.give(Grooming, d.alone(score, 0.45), func() []string { return v.story(groomingPath, true) })
}

// reach is how much it weighs who the two are.
func (v *view) reach() float64 {
	var f float64
	switch {
	case v.sender.adult() && v.to.minor():
		f = 1.2
	case v.sender.adult() || v.to.minor() && v.sender.mayBeAdult():
		f = 1.05
	case v.peers() && v.sender.From >= v.to.From+3:
		f = 0.85
	case v.peers():
		f = 0.7
	case v.sender.minor(): // to somebody who may be a minor
		f = 0.7
	default:
		f = 0.95
	}
	switch {
	case v.close():
		return min(f, 1)
	case v.stranger() && v.course.began:
		return 1.1 * f
	default:
		return f
	}
}

// softest is the most that soft stages alone can give.
func (v *view) softest(kinds int) float64 {
	switch {
	case v.peers() || v.sender.minor():
		return 0.3
	case v.to.Connected:
		return 0.4
	case kinds < 3:
		return 0.45
	case v.sender.adult() && v.to.minor():
		return 0.8
	default:
		return 0.6
	}
}

var (
	sextortionPoints = [...]weighted{
		{imageRequest, 0.8}, {sexual, 0.7}, {shareThreat, 1.9}, {threat, 0.8}, {demand, 1.3}, {move, 0.2}, {secrecy, 0.3}, {affection, 0.3},
	}
	sextortionPath = []stage{affection, move, secrecy, imageRequest, sexual, threat, shareThreat, deadline, demand}
)

func (s *sighting) sextortion(v *view) {
	d := &v.did
	points, _ := d.points(sextortionPoints[:])
	pressed := d.s.has(shareThreat, threat, demand) > 0
	if pressed { // a deadline alone is a teacher's
		points += 0.6 * d.s[deadline]
	}
	received := v.received()
	points += 0.5*received + 0.4*v.theirs.s[payment]*min(1, 2*d.s[demand])
	if v.close() {
		points *= 0.85
	}
	score := logistic(points, 2.3, 0.45)
	if d.s[shareThreat] == 0 && (d.s[demand] == 0 || d.s[threat] == 0 && received == 0) {
		score = min(score, 0.4)
	}
	score += (1 - score) * 0.3 * v.course.stand() * min(1, score/0.2)
	s.give(Sextortion, d.alone(score, 0.6), func() []string {
		e := v.story(sextortionPath, false)
		if received > 0 {
			e = append(e, "The other had sent a picture after being asked for one.")
		}
		return e
	})
}

// received is 1 if a picture came privately once one was asked for.
func (v *view) received() float64 {
	asked := v.did.first[imageRequest]
	if asked == 0 {
		asked = v.did.first[sexual]
	}
	if v.private && asked != 0 && v.theirs.last[image] >= asked {
		return v.theirs.s[image]
	}
	return 0
}

func (s *sighting) threatToShare(v *view) {
	d := &v.did
	if d.s[shareThreat] == 0 {
		return
	}
	points := d.s[shareThreat] + 0.5*v.received() + 0.5*d.s[demand] + 0.4*d.s[deadline] + 0.3*d.s[imageRequest] + 0.3*d.s[sexual] + 0.3*d.s[threat]
	if v.close() && v.theirs.s[shareThreat]+v.theirs.s[insult] > 0 {
		points *= 0.6 // friends who tease each other
	}
	s.give(ThreatToShare, d.alone(saturate(0.9*points), 0.6), func() []string {
		return v.story([]stage{imageRequest, sexual, shareThreat, threat, deadline, demand}, false)
	})
}

var (
	coercionPoints = [...]weighted{
		{monitoring, 0.8}, {locationDemand, 0.6}, {isolation, 0.9}, {control, 1.2}, {threat, 1}, {shareThreat, 0.8}, {harassment, 0.5}, {insult, 0.3}, {secrecy, 0.2},
	}
	parentalPoints = [...]weighted{ // who looks after a child asks where they are and forbids things
		{isolation, 0.7}, {control, 0.4}, {threat, 1}, {shareThreat, 0.8}, {harassment, 0.5}, {insult, 0.3}, {secrecy, 0.5},
	}
	coercionPath = []stage{monitoring, locationDemand, isolation, control, insult, harassment, threat, shareThreat}
)

func (s *sighting) coercion(v *view) {
	d := &v.did
	of := coercionPoints[:]
	if v.sender.adult() && v.to.minor() && v.to.Connected {
		of = parentalPoints[:]
	}
	points, kinds := d.points(of)
	days := d.span(coercionPath)
	switch {
	case days < 1:
		points *= 0.75
	case days < 7:
		points *= 0.95
	case days < 21:
		points *= 1.1
	default:
		points *= 1.25
	}
	score := logistic(points, 2.2, 0.45)
	if kinds < 2 {
		score = min(score, 0.4)
	}
	s.give(Coercion, d.alone(score, 0.35), func() []string { return v.story(coercionPath, false) })
}

// span is over how many days stages were seen.
func (d *past) span(of []stage) int {
	var first, last uint32
	for _, k := range of {
		if d.first[k] != 0 && (first == 0 || d.first[k] < first) {
			first = d.first[k]
		}
		last = max(last, d.last[k])
	}
	return int((last - first) / (24 * 3600))
}

// force is how much of all that was done was meant to hurt.
func (d *past) force() float64 {
	return 0.6*d.sum[insult] + d.sum[harassment] + 0.9*d.sum[exclusion] + 0.9*d.sum[threat] + 0.8*d.sum[doxxing]
}

func (s *sighting) bullying(v *view) {
	mine, theirs := v.did.force(), v.theirs.force()
	if mine == 0 {
		return
	}
	balance := max(min(mine, theirs)/max(mine, theirs), v.back)
	if mine < theirs {
		balance = 1
	}
	if theirs > 0.3 {
		s.give(Banter, balance*saturate((mine+theirs)/1.5), func() []string {
			return []string{"Both say rough things to each other in about equal measure."}
		})
	}
	points := mine * (1 - 0.85*balance) * v.power()
	most := 0.35
	if v.crowd >= 3 {
		most = 0.9
	}
	s.give(Bullying, v.did.alone(saturate((points-0.4)/1.6), most), func() []string { return v.hurt(balance) })
}

// power is how unequal the two are.
func (v *view) power() float64 {
	f := 1.0
	if v.older() {
		f += 0.25
	}
	if c := &v.course; v.one && c.mine >= 4 && c.theirs*3 <= c.mine {
		f += 0.25
	}
	if v.crowd > 1 {
		f += min(0.5*float64(v.crowd-1)*(1-v.back), 3)
	}
	return f
}

func (v *view) older() bool {
	return v.to.mayBeMinor() && (v.sender.adult() && v.to.minor() || v.sender.From >= v.to.To)
}

func (s *sighting) exclusion(v *view) {
	d := &v.did
	if d.s[exclusion] == 0 {
		return
	}
	points := d.sum[exclusion] + 0.4*d.sum[harassment] + 0.2*d.sum[insult]
	if v.crowd > 1 {
		points += 0.4 * float64(v.crowd-1)
	}
	most := 0.35
	if v.crowd >= 3 {
		most = 0.9
	}
	s.give(Exclusion, d.alone(saturate((points-0.4)/1.5), most), func() []string {
		return v.many(v.story([]stage{insult, harassment, exclusion}, false))
	})
}

var recruitmentPoints = [...]weighted{
	{recruitment, 1.2}, {gift, 0.3}, {secrecy, 0.8}, {meeting, 0.5}, {move, 0.6}, {isolation, 0.5}, {imageRequest, 0.4}, {ageProbe, 0.3},
}

func (s *sighting) recruitment(v *view) {
	d := &v.did
	if d.s[recruitment] == 0 || !v.to.mayBeMinor() {
		return
	}
	points, kinds := d.points(recruitmentPoints[:])
	switch {
	case v.close():
		points *= 0.6
	case v.to.Connected:
		points *= 0.8
	default:
		points *= 1.1
	}
	score := logistic(points, 1.9, 0.4)
	if kinds < 2 {
		score = min(score, 0.35)
	}
	s.give(Recruitment, d.alone(score, 0.35), func() []string {
		return v.story([]stage{ageProbe, recruitment, gift, imageRequest, isolation, secrecy, move, meeting}, true)
	})
}

func (s *sighting) doxxing(v *view) {
	d := &v.did
	if d.s[doxxing] == 0 {
		return
	}
	points := d.s[doxxing] + 0.5*d.s[threat] + 0.3*d.s[harassment] + 0.3*d.s[shareThreat]
	s.give(Doxxing, d.alone(saturate(points), 0.6), func() []string {
		return v.story([]stage{insult, harassment, threat, shareThreat, doxxing}, false)
	})
}

// stalking is to go on without an answer: much of it, for days, in many places, after
// being blocked. Fans do the first; only what is unwelcome besides makes it likely.
func (s *sighting) stalking(v *view) {
	c := &v.course
	if !v.one || c.unanswered < 4 && c.stopped == 0 {
		return
	}
	d := &v.did
	points := 0.25*math.Log2(float64(1+c.unanswered)) + min(0.04*float64(c.days), 0.6) + 0.25*float64(max(0, c.surfaces-1))
	unwelcome := min(0.6*d.sum[threat]+0.5*d.sum[harassment]+0.3*d.sum[insult]+0.4*d.sum[monitoring]+0.4*d.sum[locationDemand]+0.3*d.sum[control], 2)
	if c.stopped > 0 {
		unwelcome += 0.9 + 0.25*math.Log2(float64(c.stopped))
	}
	score := logistic(points+unwelcome, 2.4, 0.5)
	if unwelcome == 0 {
		score = min(score, 0.4)
	}
	if c.unanswered < 2 && c.stopped < 2 {
		score = min(score, 0.35)
	}
	s.give(Stalking, score, func() []string { return v.persistence() })
}

// known is whether an age is known at all.
func (p Person) known() bool { return p.From > 0 || p.To < event.MaxAge }
