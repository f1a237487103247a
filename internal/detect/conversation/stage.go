package conversation

// A stage is one thing that is done in a conversation. Nearly each is done every day in
// good faith; it is the sum, the order and who is who that tells.
type stage uint8

const (
	ageProbe stage = iota
	affection
	isolation
	secrecy
	gift
	move
	imageRequest
	sexual
	meeting
	approach // what grooming sounds like, in general
	shareThreat
	threat
	demand
	deadline
	monitoring
	locationDemand
	control // what coercive control sounds like, in general
	insult
	harassment
	exclusion
	doxxing
	recruitment
	image   // an image or video was sent
	payment // money was sent
	stageCount
)

// stageOf is which stage a detector's signal is a mark of. Of several for one stage the
// strongest counts.
var stageOf = map[string]stage{
	"text.age_probe": ageProbe, "text.affection": affection, "text.isolation": isolation,
	"text.secrecy": secrecy, "text.gift": gift, "text.contact_move": move,
	"text.image_request": imageRequest, "text.sexual": sexual, "text.sexual_minors": sexual,
	"text.solicitation": sexual, "text.meeting": meeting, "text.grooming": approach,
	"text.share_threat": shareThreat, "text.sextortion": shareThreat, "text.threat": threat,
	"text.payment_demand": demand, "text.deadline": deadline, "text.monitoring": monitoring,
	"text.location_demand": locationDemand, "text.coercive_control": control,
	"text.insult": insult, "text.harassment": harassment, "text.hate": harassment,
	"text.misogyny": harassment, "text.self_harm_encouragement": harassment,
	"text.exclusion": exclusion, "text.doxxing": doxxing, "text.recruitment": recruitment,
}

// said is what a stage is called in evidence, after "The sender".
var said = [stageCount]string{
	ageProbe: "asked the other's age", affection: "flattered or declared affection", isolation: "set the other apart from family or friends",
	secrecy: "asked to keep it secret", gift: "offered gifts or money", move: "asked to move to another app",
	imageRequest: "asked for a picture or the camera", sexual: "turned to something sexual", meeting: "asked to meet or where the other lives",
	approach: "spoke as adults do who win a child's trust", shareThreat: "threatened to show something to others", threat: "threatened",
	demand: "demanded money", deadline: "set a deadline", monitoring: "checked up on whom the other talks to or what they do",
	locationDemand: "demanded to know where the other is", control: "gave orders or claimed the other as their own", insult: "insulted",
	harassment: "wrote to hurt", exclusion: "shut the other out", doxxing: "gave away personal details",
	recruitment: "offered easy money, a job or a cause", image: "sent a picture", payment: "sent money",
}

// ordinary is how far ordinary talk has a stage: what the contrast of a line is taken
// against. Set by hand from how often the banks find it in everyday chats.
var ordinary = [stageCount]float64{
	ageProbe: 0.4, affection: 0.4, isolation: 0.15, secrecy: 0.25, gift: 0.4, move: 0.5, imageRequest: 0.4,
	sexual: 0.15, meeting: 0.6, approach: 0.15, shareThreat: 0.1, threat: 0.15, demand: 0.25, deadline: 0.6,
	monitoring: 0.35, locationDemand: 0.6, control: 0.2, insult: 0.5, harassment: 0.2, exclusion: 0.3,
	doxxing: 0.1, recruitment: 0.3, image: 1, payment: 1,
}

// least is the lowest score of a detector that makes a mark.
const least = 0.4

// stages are a score for each stage.
type stages [stageCount]float64

// has is the sum of what there is of some stages.
func (s *stages) has(of ...stage) (n int) {
	for _, k := range of {
		if s[k] > 0 {
			n++
		}
	}
	return n
}
