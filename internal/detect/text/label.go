package text

import "github.com/breakwater-project/breakwater/internal/detect/text/model"

// A Label is one thing that a text is scored for.
type Label = model.Label

// The labels, in the order of Scores.
const (
	Toxic                   = model.Toxic
	SevereToxic             = model.SevereToxic
	Insult                  = model.Insult
	Harassment              = model.Harassment
	Hate                    = model.Hate
	IdentityAttack          = model.IdentityAttack
	Misogyny                = model.Misogyny
	Threat                  = model.Threat
	Violence                = model.Violence
	ViolenceGraphic         = model.ViolenceGraphic
	Sexual                  = model.Sexual
	SexualMinors            = model.SexualMinors
	Solicitation            = model.Solicitation
	Grooming                = model.Grooming
	Sextortion              = model.Sextortion
	CoerciveControl         = model.CoerciveControl
	SelfHarmEncouragement   = model.SelfHarmEncouragement
	SelfHarmDisclosure      = model.SelfHarmDisclosure // a person in need: answered with help, never punished
	Suicide                 = model.Suicide
	EatingDisorderPromotion = model.EatingDisorderPromotion
	Doxxing                 = model.Doxxing
	Profanity               = model.Profanity
	Spam                    = model.Spam

	LabelCount = model.LabelCount
)

// Labels lists every label in order.
func Labels() []Label { return model.Labels() }

// ParseLabel finds a label by its name, with or without "text." before it.
func ParseLabel(name string) (Label, bool) { return model.ParseLabel(name) }
