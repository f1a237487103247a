package sanction

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/decide"
)

// Quota is how many accounts a rule may sanction in a day (UTC) before its
// sanctions wait for a person: Factor times as many as on a usual day of the
// two weeks before, and no fewer than Least. All rules together have PerDay in
// place of Least. Content that is labelled is counted apart, with Labels.
type Quota struct {
	Least, Factor, PerDay, Labels int
}

func (q *Quota) complete() {
	for n, otherwise := range map[*int]int{&q.Least: 50, &q.Factor: 5, &q.PerDay: 5000, &q.Labels: 10_000} {
		if *n <= 0 {
			*n = otherwise
		}
	}
}

const (
	// fresh bounds how long what another instance counted may go unseen.
	fresh = 5 * time.Second
	// overlap is how far back a reading looks again: a count may become
	// visible later than its time says.
	overlap = time.Minute
	// usualDays are how many days before today a usual day is taken from.
	usualDays = 14
)

// class is what is counted together.
type class string

const (
	sanctions class = "sanction" // strikes, restrictions, demonetisation, reports, labels on accounts
	labels    class = "label"    // labels on content
)

// classOf is the class of an effect; "" is not bounded.
func classOf(e *decision.Effect) class {
	switch e.Kind {
	case decision.Strike, decision.Restrict, decision.Demonetise, decision.Report:
		return sanctions
	case decision.Label:
		if e.Target == "actor" {
			return sanctions
		}
		return labels
	default: // reviews, notices, evidence and urgent pages protect
		return ""
	}
}

// allRules stands for all rules together. No rule has this name.
const allRules = "*"

type key struct {
	rule  string
	class class
}

// restraint counts whom each rule sanctioned today.
type restraint struct {
	mu    sync.Mutex
	day   int64 // days since 1970
	rules map[key]*today
	total int // accounts by all rules, an account once for each

	reading sync.Mutex
	due     time.Time // when to read what others counted
	newest  int64     // microseconds: the youngest count that was read
	usual   int64     // the day for which usual days are known
}

// today is one rule's day.
type today struct {
	marks map[int64]*mark
	usual float64 // accounts on a usual day
	base  int     // how many do not count against the quota: a person had the rule go on since
	holds *hold   // nil: it goes on
}

// mark stands for an account, or for a piece of content.
type mark struct {
	inFlight int  // decisions that are being made
	made     bool // a decision was made
}

// hold says why a rule's sanctions wait.
type hold struct {
	since  time.Time
	why    string
	person string // empty: it holds by itself
}

func newRestraint(now time.Time) restraint {
	return restraint{day: dayOf(now), rules: map[key]*today{}}
}

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

func (r *restraint) of(k key) *today {
	t, ok := r.rules[k]
	if !ok {
		t = &today{marks: map[int64]*mark{}}
		r.rules[k] = t
	}
	return t
}

// roll begins a new day. A clock that is set back changes nothing.
func (r *restraint) roll(now time.Time) {
	day := dayOf(now)
	if day <= r.day {
		return
	}
	r.day, r.total, r.due = day, 0, time.Time{}
	for _, t := range r.rules {
		t.marks, t.base = map[int64]*mark{}, 0
	}
}

// limit is how many accounts a rule may sanction in a day.
func (q *Quota) limit(k key, usual float64) int {
	least := q.Least
	switch {
	case k.rule == allRules:
		least = q.PerDay
	case k.class == labels:
		least = q.Labels
	}
	return max(least, int(math.Ceil(float64(q.Factor)*usual)))
}

// spent is how many accounts count against a rule's quota.
func (r *restraint) spent(k key, t *today) int {
	if k.rule == allRules {
		return r.total - t.base
	}
	return len(t.marks) - t.base
}

func (s *Sanctions) exhausted(k key) bool {
	t := s.restraint.of(k)
	return s.restraint.spent(k, t) >= s.opt.Quota.limit(k, t.usual)
}

// bounds are the quotas that an effect counts against.
func bounds(k key) []key {
	if k.class == sanctions {
		return []key{k, {allRules, sanctions}}
	}
	return []key{k}
}

// The reasons for which an effect waits by what it is.
const waitsChild = "the account is a child's: a person decides whether anything is reported"

// Hold implements decide.Restraint. It looks into memory only, but for a short
// reading of the database every few seconds.
func (s *Sanctions) Hold(ctx context.Context, p *decide.Proposed) []decision.Effect {
	if !slices.ContainsFunc(p.Effects, func(e decision.Effect) bool { return classOf(&e) != "" }) {
		return p.Effects
	}
	s.refresh(ctx)
	effects := slices.Clone(p.Effects)
	if seeksHelp(p.Reasons) {
		effects = slices.DeleteFunc(effects, func(e decision.Effect) bool { return e.Kind == decision.Strike })
	}
	s.restraint.mu.Lock()
	defer s.restraint.mu.Unlock()
	s.restraint.roll(p.At)
	for i := range effects {
		e := &effects[i]
		switch c := classOf(e); {
		case c == "":
		case e.Kind == decision.Report && p.Actor.To > 0 && p.Actor.To <= 18:
			e.Waits = waitsChild
		default:
			e.Waits = s.admit(key{e.Rule, c}, s.markOf(c, p.Account, p.Content))
		}
	}
	return effects
}

// seeksHelp reports whether somebody was seen to ask for help: that is never
// held against anybody.
func seeksHelp(reasons []decision.Reason) bool {
	return slices.ContainsFunc(reasons, func(r decision.Reason) bool {
		return r.Kind == "support.seeking_help" && !r.Doubt
	})
}

// markOf is what stands for whom an effect is about.
func (s *Sanctions) markOf(c class, account, content string) int64 {
	about := "account " + account
	if c == labels {
		about = "content " + content
	}
	mac := hmac.New(sha256.New, s.opt.Key[:])
	mac.Write([]byte(about))
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)) >> 1)
}

// admit counts a mark against its quotas, or says why it waits. An account
// counts once a day for each rule: one that goes on and on stops nobody else's.
func (s *Sanctions) admit(k key, m int64) (waits string) {
	r := &s.restraint
	for _, b := range bounds(k) {
		if h := r.of(b).holds; h != nil {
			return h.why
		}
	}
	t := r.of(k)
	if known, ok := t.marks[m]; ok {
		known.inFlight++
		return ""
	}
	for _, b := range bounds(k) {
		if s.exhausted(b) {
			return s.why(b)
		}
	}
	t.marks[m] = &mark{inFlight: 1}
	if k.class == sanctions {
		r.total++
	}
	return ""
}

// why says it of a quota that is exhausted.
func (s *Sanctions) why(k key) string {
	t := s.restraint.of(k)
	who, whom := "the rule", "accounts"
	if k.rule == allRules {
		who = "all rules together"
	}
	if k.class == labels {
		whom = "pieces of content"
	}
	return fmt.Sprintf("%s reached %d %s today, on a usual day %.0f: a person looks before more follows",
		who, s.restraint.spent(k, t), whom, t.usual)
}

// Settle implements decide.Restraint.
func (s *Sanctions) Settle(p *decide.Proposed, made bool) {
	r := &s.restraint
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range p.Effects {
		e := &p.Effects[i]
		c := classOf(e)
		if c == "" || e.Waits == waitsChild {
			continue
		}
		if made {
			s.opt.Metrics.followed(e)
		}
		k := key{e.Rule, c}
		switch {
		case e.Waits == "" && dayOf(p.At) == r.day:
			s.settle(k, s.markOf(c, p.Account, p.Content), made)
		case e.Waits != "" && made:
			s.trip(k, p.At)
		}
	}
}

func (s *Sanctions) settle(k key, m int64, made bool) {
	t := s.restraint.of(k)
	known, ok := t.marks[m]
	if !ok {
		return
	}
	known.inFlight--
	known.made = known.made || made
	if !known.made && known.inFlight <= 0 {
		delete(t.marks, m)
		if k.class == sanctions {
			s.restraint.total--
		}
	}
}

// trip holds what a decision that waits, and is durable, has found exhausted.
func (s *Sanctions) trip(k key, at time.Time) {
	for _, b := range bounds(k) {
		t := s.restraint.of(b)
		if t.holds != nil || !s.exhausted(b) {
			continue
		}
		t.holds = &hold{since: at, why: s.why(b)}
		s.opt.Log.Warn("a rule's sanctions wait for a person", slog.String("rule", b.rule), slog.String("class", string(b.class)),
			slog.Int("today", len(t.marks)), slog.Float64("usual", t.usual), slog.String("see", "GET /v1/restraint"))
	}
}

// tripped are the quotas of k that are exhausted and do not hold yet.
func (s *Sanctions) tripped(k key) map[key]string {
	r := &s.restraint
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[key]string{}
	for _, b := range bounds(k) {
		if r.of(b).holds == nil && s.exhausted(b) {
			found[b] = s.why(b)
		}
	}
	return found
}
