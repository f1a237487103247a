package decision

import "slices"

// Kind is a kind of harm. The codes are used in rules, cases and reports; the
// group before the dot follows the OSA's and DSA's own classes.
type Kind string

// Kinds lists every kind of harm in the contract's order.
func Kinds() []Kind {
	return []Kind{
		"csam.image", "csam.video", "csam.url", "csam.ai", "csam.text_fiction",
		"csea.grooming", "csea.sextortion_sexual", "csea.sextortion_financial", "csea.solicitation",
		"csea.trafficking", "csea.livestream",
		"iia.ncii", "iia.deepfake", "iia.threat", "iia.cyberflash", "iia.monetised",
		"ccb.coercive_control",
		"abuse.harassment", "abuse.stalking", "abuse.doxxing", "abuse.tfgbv_misogyny", "abuse.hate",
		"bully.direct", "bully.pile_on", "bully.exclusion",
		"ppc.porn", "ppc.suicide", "ppc.selfharm", "ppc.eating_disorder",
		"pc.violence_instr", "pc.violence_graphic", "pc.animal", "pc.stunts", "pc.substances",
		"ndc.depression", "ndc.body_stigma",
		"wellbeing.excessive_use", "commerce.gambling_like", "contact.unsolicited_adult",
		"underage.account", "support.seeking_help", "spam.other",
	}
}

// Known reports whether k is one of Kinds.
func (k Kind) Known() bool { return slices.Contains(Kinds(), k) }
