package policytest

import (
	"embed"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

//go:embed workload/*.yaml
var workloadFS embed.FS

// Workload is what benchmarks evaluate: a bundle of 22 rules, and n inputs as
// a platform would send them, always the same. Half are public posts, three in
// ten are direct messages to one to three people, the rest are searches and
// contact requests; a fifth of what is said is noticed by a detector.
func Workload(n int) (*policy.Bundle, []policy.Input, error) {
	dir, err := fs.Sub(workloadFS, "workload")
	if err != nil {
		return nil, nil, err
	}
	b, err := policy.Load(dir, policy.Options{})
	if err != nil {
		return nil, nil, err
	}
	r := crowd{rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same every time is the point
	inputs := make([]policy.Input, n)
	for i := range inputs {
		inputs[i] = r.input(i)
	}
	return b, inputs, nil
}

// crowd makes up people and what they do.
type crowd struct{ *rand.Rand }

func (c crowd) input(i int) policy.Input {
	in := policy.Input{
		Time: defaultTime.Add(time.Duration(i) * time.Second), Actor: c.subject(), Protective: event.Band10to12,
		Content:  policy.Content{ID: "c" + strconv.Itoa(i), Length: 10 + c.IntN(200), Language: c.pick("en", "de", "fr", "es")},
		Counts:   map[string]float64{"dm.to_new_minors/actor/24h": float64(c.IntN(3)), "content.flagged/actor/168h": 0},
		Language: c.pick("en", "de"),
	}
	if c.IntN(4) == 0 {
		in.Content.Links = 1 + c.IntN(2)
	}
	if c.IntN(5) == 0 {
		in.Signals = c.signals()
	}
	switch k := c.IntN(10); {
	case k < 5:
		in.Type, in.Scope, in.Surface = event.ContentCreate, event.Public, event.SurfaceFeed
	case k < 8:
		in.Type, in.Scope, in.Surface, in.Private = event.MessageSend, event.Direct, event.SurfaceDM, true
		in.Members = c.members(1 + c.IntN(3))
	case k < 9:
		in.Type, in.Surface = event.SearchQuery, event.SurfaceSearch
	default:
		in.Type, in.Scope = event.ContactRequest, event.Direct
		in.Members = c.members(1)
	}
	return in
}

func (c crowd) signals() []decision.Signal {
	names := []string{
		"text.insult", "text.toxic", "text.profanity", "text.harassment", "text.spam",
		"text.sexual", "text.hate", "text.suicide", "text.contact_move", "text.grooming",
	}
	var signals []decision.Signal
	for range 1 + c.IntN(4) {
		signals = append(signals, decision.Signal{Name: names[c.IntN(len(names))], Score: c.Float64(), Detector: "text@1"})
	}
	return signals
}

func (c crowd) members(n int) []policy.Member {
	members := make([]policy.Member, n)
	for i := range members {
		members[i] = policy.Member{
			ID: "u" + strconv.Itoa(c.IntN(1000)), Subject: c.subject(), Connected: c.IntN(4) > 0, Mutuals: c.IntN(5),
		}
	}
	return members
}

func (c crowd) subject() policy.Subject {
	band := event.Band(1 + c.IntN(6))
	if c.IntN(2) == 0 {
		band = event.Band18Plus
	}
	from, to := band.Interval()
	days := c.IntN(1000)
	return policy.Subject{
		Band: band, From: from, To: to, Basis: event.BasisEstimated, Proven: band == event.Band18Plus && c.IntN(2) == 0,
		Country: c.pick("GB", "GB", "GB", "DE", "FR", "US", "AU"), AccountDays: &days,
	}
}

func (c crowd) pick(options ...string) string { return options[c.IntN(len(options))] }
