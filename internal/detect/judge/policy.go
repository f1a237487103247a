package judge

import (
	"embed"
	"fmt"

	"github.com/breakwater-project/breakwater/decision"
)

//go:embed policy/*.md
var policyFiles embed.FS

//go:embed instructions.md
var instructions string

// Policy says what a kind of harm is, to a model.
type Policy struct {
	Kind    decision.Kind
	Signals []string // of detectors whose doubt makes it worth asking
	Text    string   // Markdown
}

// Signal is the name by which rules read the verdict: "judge.csea.grooming".
func (p *Policy) Signal() string { return "judge." + string(p.Kind) }

// neverSent is the signal of texts that may sexualise a child: they go to
// nobody.
const neverSent = "text.sexual_minors"

// Policies lists the policies, by kind.
func Policies() []Policy {
	all := []Policy{
		{Kind: "abuse.doxxing", Signals: []string{"text.doxxing"}},
		{Kind: "abuse.harassment", Signals: []string{"text.harassment", "text.insult", "text.severe_toxic", "text.threat"}},
		{Kind: "abuse.hate", Signals: []string{"text.hate", "text.identity_attack"}},
		{Kind: "abuse.tfgbv_misogyny", Signals: []string{"text.misogyny"}},
		{Kind: "ccb.coercive_control", Signals: []string{"text.coercive_control"}},
		{Kind: "csea.grooming", Signals: []string{"text.age_probe", "text.contact_move", "text.grooming", "text.meeting", "text.secrecy"}},
		{Kind: "csea.sextortion_sexual", Signals: []string{"text.sextortion"}},
		{Kind: "csea.solicitation", Signals: []string{"text.solicitation"}},
		{Kind: "pc.violence_graphic", Signals: []string{"text.violence", "text.violence_graphic"}},
		{Kind: "ppc.eating_disorder", Signals: []string{"text.eating_disorder_promotion"}},
		{Kind: "ppc.porn", Signals: []string{"text.sexual"}},
		{Kind: "ppc.selfharm", Signals: []string{"text.self_harm_encouragement"}},
		{Kind: "ppc.suicide", Signals: []string{"text.suicide"}},
	}
	for i := range all {
		text, err := policyFiles.ReadFile("policy/" + string(all[i].Kind) + ".md")
		if err != nil {
			panic(fmt.Sprintf("judge: %v", err)) // it is embedded: cannot be
		}
		all[i].Text = string(text)
	}
	return all
}

// Signals lists the signals that rules may read, whether a judge is there or
// not, sorted.
func Signals() []string {
	var names []string
	for _, p := range Policies() {
		names = append(names, p.Signal())
	}
	return names
}

// unsure is the policies worth asking about, given what detectors saw: those of
// which some signal is in the grey zone and none is above it. The error is
// ErrWithheld for a text that is sent to nobody.
func (j *Judge) unsure(seen []decision.Signal, private bool) ([]*Policy, error) {
	scores := map[string]float64{}
	for _, s := range seen {
		scores[s.Name] = max(scores[s.Name], s.Score)
	}
	var worth []*Policy
	for i := range j.policies {
		p, highest := &j.policies[i], 0.0
		for _, name := range p.Signals {
			highest = max(highest, scores[name])
		}
		if highest >= j.options.From && highest < j.options.To {
			worth = append(worth, p)
		}
	}
	if worth != nil && !j.sendable(scores[neverSent], private) {
		return nil, ErrWithheld
	}
	return worth, nil
}

// sendable is whether a text may be sent at all.
func (j *Judge) sendable(sexualMinors float64, private bool) bool {
	return sexualMinors < j.options.From && (!private || j.options.Private)
}
