package model

import "strings"

// A Label is one thing that a text is scored for.
type Label uint8

// The labels, in the order of Scores.
const (
	Toxic Label = iota
	SevereToxic
	Insult
	Harassment
	Hate
	IdentityAttack
	Misogyny
	Threat
	Violence
	ViolenceGraphic
	Sexual
	SexualMinors
	Solicitation
	Grooming
	Sextortion
	CoerciveControl
	SelfHarmEncouragement
	SelfHarmDisclosure // a person in need: answered with help, never punished
	Suicide
	EatingDisorderPromotion
	Doxxing
	Profanity
	Spam

	LabelCount = iota
)

var labelNames = [LabelCount]string{
	"toxic", "severe_toxic", "insult", "harassment", "hate", "identity_attack", "misogyny", "threat",
	"violence", "violence_graphic", "sexual", "sexual_minors", "solicitation", "grooming", "sextortion",
	"coercive_control", "self_harm_encouragement", "self_harm_disclosure", "suicide",
	"eating_disorder_promotion", "doxxing", "profanity", "spam",
}

// Labels lists every label in order.
func Labels() []Label {
	all := make([]Label, LabelCount)
	for i := range all {
		all[i] = Label(i)
	}
	return all
}

// ParseLabel finds a label by its name, with or without "text." before it.
func ParseLabel(name string) (Label, bool) {
	name = strings.TrimPrefix(name, "text.")
	for i, n := range labelNames {
		if n == name {
			return Label(i), true
		}
	}
	return 0, false
}

// String is the label's name: "self_harm_disclosure".
func (l Label) String() string {
	if int(l) >= LabelCount {
		return "unknown"
	}
	return labelNames[l]
}

// Signal is the name by which rules read the label: "text.self_harm_disclosure".
func (l Label) Signal() string { return "text." + l.String() }
