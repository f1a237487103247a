package compat

import "github.com/breakwater-project/breakwater/internal/detect/text"

// perCategory is a value for each of OpenAI's categories, in the order of
// categories.
type perCategory[T any] struct {
	Harassment            T `json:"harassment"`
	HarassmentThreatening T `json:"harassment/threatening"`
	Hate                  T `json:"hate"`
	HateThreatening       T `json:"hate/threatening"`
	Illicit               T `json:"illicit"`
	IllicitViolent        T `json:"illicit/violent"`
	SelfHarm              T `json:"self-harm"`
	SelfHarmInstructions  T `json:"self-harm/instructions"`
	SelfHarmIntent        T `json:"self-harm/intent"`
	Sexual                T `json:"sexual"`
	SexualMinors          T `json:"sexual/minors"`
	Violence              T `json:"violence"`
	ViolenceGraphic       T `json:"violence/graphic"`
}

// Places among the categories.
const (
	sexual        = 9
	sexualMinors  = 10
	violence      = 11
	categoryCount = 13
)

// each is the fields in order, to be set.
func (c *perCategory[T]) each() [categoryCount]*T {
	return [...]*T{
		&c.Harassment, &c.HarassmentThreatening, &c.Hate, &c.HateThreatening, &c.Illicit, &c.IllicitViolent,
		&c.SelfHarm, &c.SelfHarmInstructions, &c.SelfHarmIntent, &c.Sexual, &c.SexualMinors, &c.Violence, &c.ViolenceGraphic,
	}
}

// categories says which labels each of OpenAI's categories is made of, by their
// definitions of them. The two illicit ones are made of none: nothing here looks
// for advice on crime, so they are null and not false.
//
// Profanity, spam and toxicity as such are in no category of OpenAI's, and flag
// nothing there.
func categories() [categoryCount]blend {
	threats := []text.Label{text.Threat, text.Violence, text.ViolenceGraphic}
	hate := []text.Label{text.Hate, text.IdentityAttack, text.Misogyny}
	return [...]blend{
		{labels: []text.Label{text.Harassment, text.Insult, text.SevereToxic, text.Threat, text.Sextortion, text.CoerciveControl, text.Doxxing}},
		{labels: []text.Label{text.Threat, text.Sextortion}},
		{labels: hate},
		{labels: hate, and: threats},
		{},
		{},
		{labels: []text.Label{text.SelfHarmEncouragement, text.SelfHarmDisclosure, text.Suicide, text.EatingDisorderPromotion}},
		{labels: []text.Label{text.SelfHarmEncouragement, text.EatingDisorderPromotion}},
		{labels: []text.Label{text.SelfHarmDisclosure}},
		{labels: []text.Label{text.Sexual, text.SexualMinors, text.Solicitation}},
		{labels: []text.Label{text.SexualMinors, text.Grooming}},
		{labels: threats},
		{labels: []text.Label{text.ViolenceGraphic}},
	}
}
