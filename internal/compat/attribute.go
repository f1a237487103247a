package compat

import (
	"regexp"
	"strings"

	"github.com/breakwater-project/breakwater/internal/detect/text"
)

// attribute is a name that Perspective's clients ask a score for, and what the
// score is made of.
type attribute struct {
	name string // without alias and version
	blend
}

// ownPrefix begins the attributes that Perspective does not have: BW_GROOMING
// is the label grooming, and so with every label.
const ownPrefix = "BW_"

// attributeName is a name that an attribute may have, and what may be said back
// of one that is unknown.
var attributeName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}(@[0-9]{1,9})?$`)

// attributeOf finds an attribute by the name that a client asks for. Clients
// name versions (TOXICITY@6), and experimental models that have become regular
// ones (INSULT_EXPERIMENTAL); they get what there is.
func attributeOf(asked string) (attribute, bool) {
	if !attributeName.MatchString(asked) {
		return attribute{}, false
	}
	name, _, _ := strings.Cut(asked, "@")
	if own, ok := strings.CutPrefix(name, ownPrefix); ok {
		label, known := text.ParseLabel(strings.ToLower(own))
		if !known {
			return attribute{}, false
		}
		return attribute{name, blend{labels: []text.Label{label}}}, true
	}
	name = strings.TrimSuffix(name, "_EXPERIMENTAL")
	switch name {
	case "TOXICITY_FAST":
		name = "TOXICITY"
	case "OBSCENE":
		name = "PROFANITY"
	}
	b, ok := perspective(name)
	return attribute{name, b}, ok
}

// perspective says which labels each attribute of Perspective's is made of, by
// its definition of them.
func perspective(name string) (blend, bool) {
	identity := []text.Label{text.IdentityAttack, text.Hate, text.Misogyny}
	switch name {
	case "TOXICITY":
		return blend{labels: append(identity, text.Toxic, text.SevereToxic, text.Insult, text.Threat)}, true
	case "SEVERE_TOXICITY":
		return blend{labels: []text.Label{text.SevereToxic}}, true
	case "IDENTITY_ATTACK":
		return blend{labels: identity}, true
	case "INSULT":
		return blend{labels: []text.Label{text.Insult}}, true
	case "PROFANITY":
		return blend{labels: []text.Label{text.Profanity}}, true
	case "THREAT":
		return blend{labels: []text.Label{text.Threat}}, true
	case "SEXUALLY_EXPLICIT":
		return blend{labels: []text.Label{text.Sexual, text.SexualMinors}}, true
	case "SPAM":
		return blend{labels: []text.Label{text.Spam}}, true
	}
	return blend{}, false
}
