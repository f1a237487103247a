package policytest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// run runs t against b and notes what it shows of which rules.
func (t *test) run(ctx context.Context, b *policy.Bundle, cover *coverage) []Failure {
	c := &check{test: t}
	for _, id := range slices.Concat(t.Want.Rules, t.Want.NotRules, t.Want.Shadow, t.Want.Doubt, names(t.Rule)) {
		if !b.Has(id) {
			c.fail("there is no rule %q", id)
		}
	}
	if len(c.failures) > 0 {
		return c.failures
	}
	var applied []string
	if t.Account != nil {
		applied = c.account(b)
	} else {
		applied = c.event(ctx, b)
	}
	if len(c.failures) > 0 {
		return c.failures
	}
	for _, id := range applied {
		cover.applied[id] = true
	}
	for _, id := range slices.Concat(t.Want.NotRules, names(t.Rule)) {
		if !slices.Contains(applied, id) {
			cover.spared[id] = true
		}
	}
	return nil
}

func names(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

// check gathers how a result differs from what its test wants.
type check struct {
	test     *test
	failures []Failure
}

func (c *check) fail(format string, args ...any) {
	c.failures = append(c.failures, Failure{
		File: c.test.file, Line: c.test.line, Test: c.test.Name, Message: fmt.Sprintf(format, args...),
	})
}

func (c *check) equal(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		c.fail("%s is %v, want %v", what, got, want)
	}
}

// event evaluates the test's event and returns the rules that applied.
func (c *check) event(ctx context.Context, b *policy.Bundle) []string {
	t, w := c.test, &c.test.Want
	if c.counters(b); len(c.failures) > 0 {
		return nil
	}
	in := t.input(b.Needs(t.event.Type).Counts)
	c.counted(b.Counted(&in))
	if t.Rule != "" {
		b = b.Only(t.Rule)
	}
	r := b.Eval(ctx, &in)
	rules, doubts := ruleIDs(r.Reasons, false), ruleIDs(r.Reasons, true)
	if w.Outcome != "" {
		c.equal("outcome", r.Outcome, w.Outcome)
	}
	if w.Apparent != "" {
		apparent := r.Outcome
		if r.Apparent != nil {
			apparent = *r.Apparent
		}
		c.equal("apparent outcome", apparent, w.Apparent)
	}
	bands := map[string]string{}
	for _, band := range r.Bands {
		bands[band.Band.String()] = band.Outcome.String()
	}
	c.outcomes("band", bands, w.Bands)
	members := map[string]string{}
	for _, m := range r.Members {
		members[m.ID] = m.Outcome.String()
	}
	c.outcomes("member", members, w.Members)
	c.includes("rules", rules, w.Rules)
	c.excludes("rules", rules, w.NotRules)
	c.includes("shadow", ruleIDs(r.Shadow, false), w.Shadow)
	c.includes("rules in doubt", doubts, w.Doubt)
	c.effects(r.Effects)
	c.notice(r.Notice)
	var degraded []string
	for _, d := range r.Degraded {
		degraded = append(degraded, d.Input)
	}
	c.includes("degraded", degraded, w.Degraded)
	c.includes("jurisdictions", r.Jurisdictions, w.Jurisdictions)
	return rules
}

// counters finds counts that no rule for the event reads, which would be given
// in vain, and counters that are not kept.
func (c *check) counters(b *policy.Bundle) {
	var read, kept []string
	for _, count := range b.Needs(c.test.event.Type).Counts {
		read = append(read, count.Key())
	}
	for _, counter := range b.Counters() {
		kept = append(kept, counter.Name)
	}
	given := sortedKeys(c.test.Counts)
	for _, id := range sortedKeys(c.test.Members) {
		given = append(given, sortedKeys(c.test.Members[id].Counts)...)
	}
	for _, key := range given {
		if !slices.Contains(read, key) {
			c.fail("no rule for %s reads the count %s, they read [%s]", c.test.event.Type, key, strings.Join(read, " "))
		}
	}
	for _, name := range slices.Concat(c.test.Want.Counted, c.test.Want.NotCounted) {
		if !slices.Contains(kept, name) {
			c.fail("no rule reads a counter %s, they read [%s]", name, strings.Join(kept, " "))
		}
	}
}

func (c *check) counted(got []policy.Counted) {
	var names []string
	for _, counted := range got {
		names = append(names, counted.Counter)
	}
	c.includes("counted", names, c.test.Want.Counted)
	c.excludes("counted", names, c.test.Want.NotCounted)
}

func (c *check) outcomes(what string, got, want map[string]string) {
	for _, key := range sortedKeys(want) {
		outcome, ok := got[key]
		if !ok {
			c.fail("there is no %s %s", what, key)
			continue
		}
		c.equal(what+" "+key, outcome, want[key])
	}
}

func (c *check) includes(what string, got, want []string) {
	for _, item := range want {
		if !slices.Contains(got, item) {
			c.fail("%s has no %s, it has [%s]", what, item, strings.Join(got, " "))
		}
	}
}

func (c *check) excludes(what string, got, unwanted []string) {
	for _, item := range unwanted {
		if slices.Contains(got, item) {
			c.fail("%s has %s", what, item)
		}
	}
}

func (c *check) effects(got []decision.Effect) {
	for _, pattern := range c.test.Want.Effects {
		if !slices.ContainsFunc(got, pattern.matches) {
			c.fail("no effect is %s, they are %s", compact(pattern), compact(got))
		}
	}
	for _, kind := range c.test.Want.NotEffects {
		if slices.ContainsFunc(got, func(e decision.Effect) bool { return string(e.Kind) == kind }) {
			c.fail("effects have %s", kind)
		}
	}
}

func (c *check) notice(got *decision.Notice) {
	var title string
	var resources []string
	if got != nil {
		title = got.Title
		for _, r := range got.Resources {
			resources = append(resources, r.Name)
		}
	}
	if want := c.test.Want.Notice; want != nil {
		c.equal("notice", title, *want)
	}
	c.includes("resources", resources, c.test.Want.Resources)
}

// account asks for the account's safeguards and returns those that hold.
func (c *check) account(b *policy.Bundle) []string {
	t, w := c.test, &c.test.Want
	s, err := t.Account.subject(t.youth)
	if err != nil {
		c.fail("account: %v", err)
		return nil
	}
	got := b.Safeguards(s, t.time, t.Markets)
	for _, name := range sortedKeys(w.Settings) {
		value, ok := got.Effects[name]
		if !ok {
			c.fail("there is no setting %s", name)
			continue
		}
		c.equal("setting "+name, compact(value), compact(w.Settings[name]))
	}
	c.includes("locked", got.Locked, w.Locked)
	c.excludes("locked", got.Locked, w.NotLocked)
	c.includes("safeguards", got.Applied, w.Rules)
	c.excludes("safeguards", got.Applied, w.NotRules)
	if w.ValidUntil != "" {
		until, err := parseTime(w.ValidUntil)
		if err != nil || !until.Equal(got.ValidUntil) {
			c.fail("valid_until is %v, want %s", got.ValidUntil, w.ValidUntil)
		}
	}
	return got.Applied
}

// input is what Eval sees of the test's event. Counts that the test does not
// give are 0.
func (t *test) input(counts []policy.Count) policy.Input {
	in := policy.InputOf(&t.event)
	in.Conversation, in.Thread = t.event.Conversation, cmp.Or(t.event.Parent, t.event.Content.ID)
	in.Protective, in.Markets, in.Language = t.youth, t.Markets, t.Language
	resolve(&in.Actor, t.event.Actor.Age, t.youth)
	in.Actor.LocalHour = t.localHour(t.event.Actor.ID)
	for i := range in.Members {
		resolve(&in.Members[i].Subject, t.event.Audience.Members[i].Age, t.youth)
		in.Members[i].LocalHour = t.localHour(in.Members[i].ID)
	}
	for _, name := range sortedKeys(t.Signals) {
		in.Signals = append(in.Signals, decision.Signal{Name: name, Score: t.Signals[name], Detector: "test"})
	}
	t.count(&in, counts)
	in.Labels = slices.Sorted(slices.Values(t.Labels))
	for _, input := range t.Missing {
		in.Missing = append(in.Missing, policy.Missing{Input: input, Why: "test"})
	}
	return in
}

func (t *test) count(in *policy.Input, counts []policy.Count) {
	in.Counts = map[string]float64{}
	for _, c := range counts {
		if !c.PerViewer() {
			in.Counts[c.Key()] = t.Counts[c.Key()]
		}
	}
	for i := range in.Members {
		m := &in.Members[i]
		given := t.Members[m.ID]
		m.Blocked, m.Muted, m.Counts = given.Blocked, given.Muted, map[string]float64{}
		for _, c := range counts {
			if c.PerViewer() {
				n, own := given.Counts[c.Key()]
				if !own {
					n = t.Counts[c.Key()]
				}
				m.Counts[c.Key()] = n
			}
		}
	}
}

func (t *test) localHour(id string) *int {
	if hour, ok := t.LocalHours[id]; ok {
		return &hour
	}
	return nil
}

// resolve takes an age for what it says: its band's interval, and proof where
// it is an adult's by verification or estimation.
func resolve(s *policy.Subject, age *event.Age, youngest event.Band) {
	if age != nil {
		s.Band, s.Basis = age.Band, age.Basis
	}
	s.From, s.To = s.Band.Interval()
	if s.Band == event.BandUnknown {
		s.From, _ = youngest.Interval()
	}
	s.Proven = s.Band == event.Band18Plus && s.Basis >= event.BasisEstimated
}

func (a *account) subject(youngest event.Band) (policy.Subject, error) {
	age := event.Age{}
	if a.Band != "" {
		if err := age.Band.UnmarshalText([]byte(a.Band)); err != nil {
			return policy.Subject{}, err
		}
	}
	if a.Basis != "" {
		if err := age.Basis.UnmarshalText([]byte(a.Basis)); err != nil {
			return policy.Subject{}, err
		}
	}
	s := policy.Subject{Country: a.Country, Region: a.Region}
	resolve(&s, &age, youngest)
	return s, nil
}

func ruleIDs(reasons []decision.Reason, onlyDoubt bool) []string {
	var ids []string
	for _, r := range reasons {
		if r.Doubt || !onlyDoubt {
			ids = append(ids, r.Rule)
		}
	}
	return ids
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// compact is v as one line of JSON.
func compact(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}
