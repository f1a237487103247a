package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// platform makes up events for a bundle: everything that its rules read is
// given, at random.
type platform struct {
	*rand.Rand
	needs map[event.Type]policy.Needs
}

func newPlatform(b *policy.Bundle, seed uint64) *platform {
	p := &platform{rand.New(rand.NewPCG(seed, 1)), map[event.Type]policy.Needs{}}
	for _, t := range event.Types() {
		p.needs[t] = b.Needs(t)
	}
	return p
}

func choose[T any](p *platform, options ...T) T { return options[p.IntN(len(options))] }

func (p *platform) event() policy.Input {
	in := policy.Input{
		Type: choose(p, event.Types()...), Time: time.Date(2024+p.IntN(5), time.Month(1+p.IntN(12)), 1+p.IntN(28), p.IntN(24), 0, 0, 0, time.UTC),
		Scope: choose(p, "", event.Direct, event.Group, event.Followers, event.Public), Private: p.IntN(2) == 0, Reply: p.IntN(2) == 0,
		Surface: choose(p, event.SurfaceDM, event.SurfaceFeed, event.SurfaceComments, event.SurfaceLive, event.SurfaceAI, event.SurfaceGame),
		Actor:   p.person(), Protective: event.Band0to5, Counts: map[string]float64{}, Attributes: map[string]any{},
		Content: policy.Content{Length: p.IntN(2) * 20, Images: p.IntN(2), Videos: p.IntN(2), Links: p.IntN(4), Language: "en"},
	}
	if in.Scope == event.Direct || p.IntN(3) == 0 {
		for i := range 1 + p.IntN(3) {
			in.Members = append(in.Members, policy.Member{
				ID: fmt.Sprint("m", i), Subject: p.person(), Connected: p.IntN(2) == 0, Mutuals: p.IntN(5),
				Blocked: p.IntN(4) == 0, Counts: map[string]float64{},
			})
		}
	}
	needs := p.needs[in.Type]
	for _, name := range needs.Signals {
		if p.IntN(3) == 0 {
			in.Signals = append(in.Signals, decision.Signal{Name: name, Score: choose(p, 0.1, 0.5, 0.79, 0.8, 0.95, 1, p.Float64())})
		}
	}
	for _, c := range needs.Counts {
		if !c.PerViewer() {
			in.Counts[c.Key()] = float64(p.IntN(30))
			continue
		}
		for i := range in.Members {
			in.Members[i].Counts[c.Key()] = float64(p.IntN(30))
		}
	}
	for _, label := range needs.Labels {
		if p.IntN(4) == 0 {
			in.Labels = append(in.Labels, label)
		}
	}
	for _, name := range needs.Attributes {
		if p.IntN(2) == 0 {
			in.Attributes[name] = choose[any](p, "romantic", "undress", 10.0, 90.0, true, false)
		}
	}
	if p.IntN(2) == 0 {
		in.Attributes["time_critical"] = p.IntN(2) == 0
	}
	return in
}

func (p *platform) person() policy.Subject {
	band := choose(p, event.Bands()...)
	from, to := band.Interval()
	basis := choose(p, event.BasisDeclared, event.BasisInferred, event.BasisGuardian, event.BasisEstimated, event.BasisVerified)
	days, hour := p.IntN(400), p.IntN(24)
	return policy.Subject{
		Band: band, From: from, To: to, Basis: basis, Proven: band == event.Band18Plus && basis >= event.BasisEstimated,
		Country: choose(p, "GB", "DE", "US", "AU", "NZ", "BR"), AccountDays: &days, LocalHour: &hour,
	}
}

// doubts are the ways in which less may be known of an event.
func (p *platform) doubts(in policy.Input) map[string]policy.Input {
	less := map[string]policy.Input{}
	forget := func(s policy.Subject) policy.Subject {
		return policy.Subject{Band: event.BandUnknown, From: 0, To: event.MaxAge, Country: s.Country, AccountDays: s.AccountDays, LocalHour: s.LocalHour}
	}
	with := func(name string, change func(*policy.Input)) {
		c := in
		c.Members = slices.Clone(in.Members)
		c.Signals = slices.Clone(in.Signals)
		change(&c)
		less[name] = c
	}
	with("the actor's age", func(c *policy.Input) { c.Actor = forget(c.Actor) })
	with("the actor's country", func(c *policy.Input) { c.Actor.Country = "" })
	with("the actor's account", func(c *policy.Input) { c.Actor.AccountDays, c.Actor.LocalHour = nil, nil })
	for i := range in.Members {
		with(fmt.Sprint("the age of member ", i), func(c *policy.Input) { c.Members[i].Subject = forget(c.Members[i].Subject) })
		with(fmt.Sprint("the country of member ", i), func(c *policy.Input) { c.Members[i].Country = "" })
	}
	for _, name := range p.needs[in.Type].Signals {
		with("signal "+name, func(c *policy.Input) {
			c.Signals = slices.DeleteFunc(c.Signals, func(s decision.Signal) bool { return s.Name == name })
			*c = lacking(*c, "signal:"+name)
		})
	}
	with("all counts", func(c *policy.Input) { c.Counts = nil })
	for i := range in.Members {
		with(fmt.Sprint("the counts of member ", i), func(c *policy.Input) { c.Members[i].Counts = nil })
	}
	for _, c := range p.needs[in.Type].Counts {
		with("count "+c.Key(), func(less *policy.Input) { *less = lacking(*less, "count:"+c.Key()) })
	}
	with("who blocked whom", func(c *policy.Input) {
		for i := range c.Members {
			c.Members[i].Blocked = false
		}
		*c = lacking(*c, "blocks:viewer")
	})
	with("labels", func(c *policy.Input) { c.Labels = nil; *c = lacking(*c, "label:actor", "label:content") })
	return less
}

// protection is how much an outcome protects: allow and inform both deliver.
func protection(o decision.Outcome) decision.Outcome {
	if o == decision.Inform {
		return decision.Allow
	}
	return o
}

// looser says where b protects less than a.
func looser(a, b policy.Result) string {
	if protection(b.Outcome) < protection(a.Outcome) {
		return fmt.Sprintf("outcome %v → %v", a.Outcome, b.Outcome)
	}
	for i := range a.Members {
		if protection(b.Members[i].Outcome) < protection(a.Members[i].Outcome) {
			return fmt.Sprintf("member %s %v → %v", a.Members[i].ID, a.Members[i].Outcome, b.Members[i].Outcome)
		}
	}
	for i := range a.Bands {
		if protection(b.Bands[i].Outcome) < protection(a.Bands[i].Outcome) {
			return fmt.Sprintf("band %v %v → %v", a.Bands[i].Band, a.Bands[i].Outcome, b.Bands[i].Outcome)
		}
	}
	return ""
}

func TestDoubtNeverLoosens(t *testing.T) {
	t.Run("shipped", func(t *testing.T) { doubtNeverLoosens(t, shipped(t), 800) })
	t.Run("counting", func(t *testing.T) { doubtNeverLoosens(t, load(t, counting+blocking), 2000) })
}

func doubtNeverLoosens(t *testing.T, b *policy.Bundle, events int) {
	p := newPlatform(b, 1)
	stricter := 0
	for range events {
		in := p.event()
		known := eval(b, in)
		for what, less := range p.doubts(in) {
			doubtful := eval(b, less)
			if where := looser(known, doubtful); where != "" {
				t.Fatalf("not knowing %s loosens: %s\n%s\nbefore: %v\nafter:  %v", what, where, toJSON(t, in), reasonIDs(known.Reasons), reasonIDs(doubtful.Reasons))
			}
			if looser(doubtful, known) != "" {
				stricter++
			}
			for _, e := range doubtful.Effects {
				if !e.Kind.InDoubt() && strings.HasPrefix(what, "signal") && !hasSanction(known, e) {
					t.Fatalf("not knowing %s sanctions somebody: %+v", what, e)
				}
			}
		}
	}
	if stricter == 0 {
		t.Error("no doubt made any answer stricter: the test shows nothing")
	}
}

func hasSanction(r policy.Result, e decision.Effect) bool {
	return slices.ContainsFunc(r.Effects, func(old decision.Effect) bool {
		return old.Kind == e.Kind && old.Target == e.Target && old.Label == e.Label && old.Feature == e.Feature && old.To == e.To
	})
}

// For the same content a younger band never gets a looser outcome than an
// older one, nor does a younger member in an older one's place.
func TestYoungerIsNeverLooser(t *testing.T) {
	b := shipped(t)
	p := newPlatform(b, 2)
	for range 800 {
		in := p.event()
		result := eval(b, in)
		for i := 1; i < len(result.Bands); i++ {
			if result.Bands[i-1].Outcome < result.Bands[i].Outcome {
				t.Fatalf("band %v gets %v, the older %v", result.Bands[i-1].Band, result.Bands[i-1].Outcome, result.Bands[i].Outcome)
			}
		}
		if len(in.Members) == 0 {
			continue
		}
		var older *policy.Result
		for _, band := range slices.Backward(event.Bands()) {
			m := in.Members[0]
			m.Band, m.Proven = band, m.Proven && band == event.Band18Plus
			m.From, m.To = band.Interval()
			in.Members = append([]policy.Member{m}, in.Members[1:]...)
			result := eval(b, in)
			if older != nil && protection(result.Members[0].Outcome) < protection(older.Members[0].Outcome) {
				t.Fatalf("as %v: %v by %v, when older: %v by %v\n%s", band, result.Members[0].Outcome, result.Members[0].Rules,
					older.Members[0].Outcome, older.Members[0].Rules, toJSON(t, in))
			}
			older = &result
		}
	}
}

// What is counted of one member, and whom they blocked, changes nothing for
// another.
func TestMembersAreJudgedApart(t *testing.T) {
	b := load(t, counting+blocking)
	p := newPlatform(b, 4)
	differ := 0
	for range 2000 {
		in := p.event()
		together := eval(b, in)
		for i := range in.Members {
			alone := in
			alone.Members = in.Members[i : i+1]
			got, want := together.Members[i], eval(b, alone).Members[0]
			if got.Outcome != want.Outcome && together.Outcome < decision.Hold {
				t.Fatalf("member %d is %v among others, %v alone\n%s", i, got.Outcome, want.Outcome, toJSON(t, in))
			}
			if got.Outcome != together.Members[0].Outcome {
				differ++
			}
		}
	}
	if differ == 0 {
		t.Error("no two members ever differ: the test shows nothing")
	}
}

// Whom a member has blocked changes nothing that the actor may be shown: not
// the apparent outcome, not the notice, nor any effect but what reviewers see.
func TestBlocksDoNotShow(t *testing.T) {
	for name, b := range map[string]*policy.Bundle{"shipped": shipped(t), "counting": load(t, counting+covert)} {
		t.Run(name, func(t *testing.T) { blocksDoNotShow(t, b) })
	}
}

func blocksDoNotShow(t *testing.T, b *policy.Bundle) {
	p := newPlatform(b, 5)
	stopped := 0
	for range 1500 {
		in := p.event()
		for i := range in.Members {
			in.Members[i].Blocked = false
		}
		open := eval(b, in)
		in.Members = slices.Clone(in.Members)
		for i := range in.Members {
			in.Members[i].Blocked, in.Members[i].Muted = p.IntN(2) == 0, p.IntN(2) == 0
		}
		blocked := eval(b, in)
		if got, want := apparent(blocked), apparent(open); got != want {
			t.Fatalf("the actor is shown %v, and %v when not blocked\n%s", got, want, toJSON(t, in))
		}
		if d := cmp.Diff(open.Notice, blocked.Notice) + cmp.Diff(shown(open.Effects), shown(blocked.Effects)) + cmp.Diff(open.Bands, blocked.Bands); d != "" {
			t.Fatalf("what the actor meets differs (-open +blocked):\n%s\n%s", d, toJSON(t, in))
		}
		if where := looser(open, blocked); where != "" {
			t.Fatalf("a block loosens %s\n%s", where, toJSON(t, in))
		}
		if looser(blocked, open) != "" {
			stopped++
		}
	}
	if stopped == 0 {
		t.Error("no block ever stops anything: the test shows nothing")
	}
}

// shown are the effects that somebody besides reviewers may notice.
func shown(effects []decision.Effect) []decision.Effect {
	return slices.DeleteFunc(slices.Clone(effects), func(e decision.Effect) bool { return e.Kind == decision.Review })
}

func apparent(r policy.Result) decision.Outcome {
	if r.Apparent != nil {
		return *r.Apparent
	}
	return r.Outcome
}

// Each dated rule begins and ends in the moment that its dates say.
func TestTimeTravel(t *testing.T) {
	b := shipped(t)
	dated, shown := 0, 0
	for _, r := range b.Rules() {
		if r.From.IsZero() && r.To.IsZero() || !r.CanHold() {
			continue
		}
		dated++
		only := b.Only(r.ID)
		in := ignorance(r, only)
		middle := r.From.Add(time.Hour)
		if r.From.IsZero() {
			middle = r.To.Add(-time.Hour)
		}
		in.Time = middle
		if len(eval(only, in).Reasons) == 0 {
			continue // needs something seen
		}
		shown++
		for _, test := range []struct {
			at   time.Time
			edge time.Time
			on   bool
		}{
			{r.From.Add(-time.Microsecond), r.From, false}, {r.From, r.From, true},
			{r.To.Add(-time.Microsecond), r.To, true}, {r.To, r.To, false},
		} {
			in.Time = test.at
			if on := len(eval(only, in).Reasons) > 0; !test.edge.IsZero() && on != test.on {
				t.Errorf("%s at %v is on: %v", r.ID, test.at, on)
			}
		}
	}
	if shown*2 < dated {
		t.Errorf("only %d of %d dated rules could be shown", shown, dated)
	}
	t.Logf("%d of %d dated rules flip on their dates", shown, dated)
}

// What is announced, proposed or enjoined never applies.
func TestStatusesAreOff(t *testing.T) {
	b := shipped(t)
	for _, r := range b.Rules() {
		if r.CanHold() {
			continue
		}
		in := ignorance(r, b)
		for year := 2000; year < 2100; year++ {
			in.Time = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
			if slices.Contains(reasonIDs(eval(b, in).Reasons), r.ID) {
				t.Errorf("%s, which is %s, applies in %d", r.ID, r.Status, year)
			}
		}
	}
}

// ignorance is an event of r's type of which nothing is known: whatever r
// reads is missing, so that it applies unless something must be seen.
func ignorance(r policy.Rule, b *policy.Bundle) policy.Input {
	in := policy.Input{Type: r.Events[0], Surface: event.SurfaceFeed, Scope: event.Public}
	if r.Events[0] == "*" {
		in.Type = event.ContentCreate
	}
	if in.Type == event.AccountCreate || strings.HasPrefix(string(in.Type), "session.") {
		in.Surface, in.Scope = "", ""
	}
	needs := b.Needs(in.Type)
	for _, name := range needs.Signals {
		in = lacking(in, "signal:"+name)
	}
	in = lacking(in, "label:actor", "label:content")
	in.Attributes = map[string]any{}
	for _, name := range needs.Attributes {
		in.Attributes[name] = []any{}
	}
	return in
}

// Eval never panics and always answers in full, whatever it is given.
func FuzzEval(f *testing.F) {
	b, err := policy.Load(nil, options())
	if err != nil {
		f.Fatal(err)
	}
	p := newPlatform(b, 3)
	for range 20 {
		in := p.event()
		f.Add(string(in.Type), string(in.Scope), in.Actor.Country, in.Actor.From, in.Actor.To, in.Time.Unix(), "text.insult", 0.9, "label:actor", "x", uint8(len(in.Members)))
	}
	f.Fuzz(func(t *testing.T, kind, scope, country string, from, to int, at int64, signal string, score float64, missing, attribute string, members uint8) {
		subject := policy.Subject{Country: country, Region: missing, From: from, To: to, Band: event.Band(members), Basis: event.Basis(members)}
		in := policy.Input{
			Type: event.Type(kind), Scope: event.Scope(scope), Time: time.Unix(at, 0), Actor: subject, Protective: event.Band(from),
			Signals: []decision.Signal{{Name: signal, Score: score}}, Missing: []policy.Missing{{Input: missing}},
			Counts: map[string]float64{missing: score}, Labels: []string{missing, attribute}, Markets: []string{attribute}, Language: attribute,
			Attributes: map[string]any{"ai_mode": attribute, "session_minutes": score, attribute: []any{nil, score}},
		}
		for i := range members {
			in.Members = append(in.Members, policy.Member{
				ID: fmt.Sprint(i), Subject: subject, Mutuals: int(i) * to, Blocked: i%2 == 0,
				Counts: map[string]float64{missing: score, "bully.again/pair/168h": score * float64(i)},
			})
		}
		r := b.Eval(t.Context(), &in)
		if len(r.Members) != len(in.Members) || len(r.Bands) != 0 && len(r.Bands) != 6 || r.Outcome > decision.Block {
			t.Errorf("%d members, %d bands, outcome %d", len(r.Members), len(r.Bands), r.Outcome)
		}
	})
}
