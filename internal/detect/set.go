package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// Options say how patient a Set is.
type Options struct {
	// Deadline is how long a detector may take; 0 means DefaultDeadline.
	Deadline time.Duration
	// Deadlines overrides Deadline for detectors by name.
	Deadlines map[string]time.Duration
	// Running bounds the calls of one detector at one time, abandoned ones included;
	// 0 means DefaultRunning.
	Running int
	// Retry is how long a detector that keeps timing out is left alone before it is
	// tried again; 0 means DefaultRetry.
	Retry time.Duration
	// Now is the time; nil means time.Now.
	Now func() time.Time
	// Observe, if set, hears of every call: how long it took, and why it failed ("" if
	// it did not). It must not block.
	Observe func(detector string, took time.Duration, why string)
}

// Defaults of Options.
const (
	DefaultDeadline = 250 * time.Millisecond
	DefaultRunning  = 1024
	DefaultRetry    = 5 * time.Second
)

// A Set runs detectors. It is safe for concurrent use.
type Set struct {
	members []*member // by deadline, shortest first
	owners  map[string][]int
	now     func() time.Time
	observe func(detector string, took time.Duration, why string)
}

// member is one detector of a Set.
type member struct {
	detector Detector
	name     string
	tag      string // "name@version", recorded with each signal
	owns     map[string]bool
	deadline time.Duration
	breaker  breaker
}

// New makes a Set. Two detectors of one name, or signals that are not sorted, are an
// error.
func New(detectors []Detector, o Options) (*Set, error) {
	s := &Set{owners: make(map[string][]int), now: o.Now, observe: o.Observe}
	if s.now == nil {
		s.now = time.Now
	}
	for _, d := range detectors {
		m := &member{
			detector: d,
			name:     d.Name(),
			tag:      d.Name() + "@" + d.Version(),
			owns:     make(map[string]bool),
			deadline: cmp.Or(o.Deadlines[d.Name()], o.Deadline, DefaultDeadline),
			breaker:  breaker{limit: int64(cmp.Or(o.Running, DefaultRunning)), retry: cmp.Or(o.Retry, DefaultRetry)},
		}
		if slices.ContainsFunc(s.members, func(other *member) bool { return other.name == m.name }) {
			return nil, fmt.Errorf("detect: two detectors are named %q", m.name)
		}
		names := d.Signals()
		if !slices.IsSorted(names) {
			return nil, fmt.Errorf("detect: the signals of detector %q are not sorted", m.name)
		}
		for _, name := range names {
			m.owns[name] = true
		}
		s.members = append(s.members, m)
	}
	slices.SortStableFunc(s.members, func(a, b *member) int { return cmp.Compare(a.deadline, b.deadline) })
	for i, m := range s.members {
		for name := range m.owns {
			s.owners[name] = append(s.owners[name], i)
		}
	}
	return s, nil
}

// Signals lists every signal that the Set's detectors can give, sorted.
func (s *Set) Signals() []string {
	names := make([]string, 0, len(s.owners))
	for name := range s.owners {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A call is one detector looking at one event. The goroutine that runs it writes answer
// and why, then closes done; nobody reads them before.
type call struct {
	member  *member
	ctx     context.Context //nolint:containedctx // of one call of Run, and gone with it
	done    chan struct{}
	answer  []decision.Signal
	why     string // why it failed; "" if it did not
	started bool
}

// Run asks the detectors that own a wanted signal, side by side, and returns when each
// has answered or run out of time. A detector that hangs may still read ev after Run has
// returned: the event must not be changed.
func (s *Set) Run(ctx context.Context, ev *event.Event, want []string) Result {
	var result Result
	calls := s.calls(want, &result)
	var cancels []context.CancelFunc
	for i := range calls {
		c := &calls[i]
		if i > 0 && c.member.deadline == calls[i-1].member.deadline {
			c.ctx = calls[i-1].ctx
		} else {
			limited, cancel := context.WithTimeout(ctx, c.member.deadline)
			c.ctx, cancels = limited, append(cancels, cancel)
		}
		s.start(c, ev)
	}
	for i := range calls {
		why := s.wait(&calls[i])
		if why != "" {
			result.fail(calls[i].member, why, want)
			continue
		}
		result.Signals = append(result.Signals, calls[i].answer...)
	}
	for _, cancel := range cancels {
		cancel()
	}
	result.sort()
	return result
}

// calls gives one call for each detector that owns a wanted signal, in the order of
// their deadlines; signals that nobody owns are missing.
func (s *Set) calls(want []string, result *Result) []call {
	wanted := make([]bool, len(s.members))
	n := 0
	for _, name := range want {
		owners := s.owners[name]
		if len(owners) == 0 {
			result.Missing = append(result.Missing, Missing{name, "no detector gives it"})
		}
		for _, i := range owners {
			if !wanted[i] {
				wanted[i] = true
				n++
			}
		}
	}
	calls := make([]call, 0, n)
	for i, m := range s.members {
		if wanted[i] {
			calls = append(calls, call{member: m})
		}
	}
	return calls
}

func (s *Set) start(c *call, ev *event.Event) {
	if d, ok := c.member.detector.(Selective); ok && !d.Concerns(ev) {
		return
	}
	if c.why = c.member.breaker.enter(s.now()); c.why != "" {
		return
	}
	c.started = true
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		defer c.member.breaker.leave()
		began := s.now()
		c.answer, c.why = c.member.ask(c.ctx, ev)
		if s.observe != nil {
			s.observe(c.member.name, s.now().Sub(began), c.why)
		}
	}()
}

// wait waits for a call until its context ends, and says why it failed.
func (s *Set) wait(c *call) (why string) {
	if !c.started {
		return c.why
	}
	select {
	case <-c.done:
	case <-c.ctx.Done():
		select {
		case <-c.done: // both at once: the answer is there
		default:
			return c.member.breaker.gaveUp(c.ctx, s.now())
		}
	}
	if c.why == whyTimeout {
		return c.member.breaker.gaveUp(c.ctx, s.now())
	}
	c.member.breaker.answered()
	return c.why
}

const whyTimeout = "timeout"

// ask calls the detector, whatever it does, and checks its answer.
func (m *member) ask(ctx context.Context, ev *event.Event) (signals []decision.Signal, why string) {
	defer func() {
		if p := recover(); p != nil {
			// What was thrown may hold content: its type is enough to find it.
			signals, why = nil, fmt.Sprintf("panic (%T)", p)
		}
	}()
	signals, err := m.detector.Detect(ctx, ev)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, whyTimeout
	case err != nil:
		return nil, fmt.Sprintf("error (%T)", err) // not its text, for the same reason
	}
	return m.check(signals)
}

// check gives the signals with their detector's name, or why they are nonsense.
func (m *member) check(signals []decision.Signal) ([]decision.Signal, string) {
	for i := range signals {
		sig := &signals[i]
		switch {
		case !m.owns[sig.Name]:
			return nil, "gave a signal it does not own"
		case math.IsNaN(sig.Score) || sig.Score < 0 || sig.Score > 1:
			return nil, "score of " + sig.Name + " is not from 0 to 1"
		case slices.ContainsFunc(signals[:i], func(other decision.Signal) bool { return other.Name == sig.Name }):
			return nil, "gave " + sig.Name + " twice"
		}
		sig.Detector = m.tag
	}
	return signals, ""
}

// fail makes all wanted signals of m missing.
func (r *Result) fail(m *member, why string, want []string) {
	why = "detector:" + m.name + ": " + why
	r.Degraded = append(r.Degraded, why)
	for _, name := range want {
		if m.owns[name] {
			r.Missing = append(r.Missing, Missing{name, why})
		}
	}
}

func (r *Result) sort() {
	byName := func(a, b decision.Signal) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Detector, b.Detector)
	}
	if !slices.IsSortedFunc(r.Signals, byName) {
		slices.SortFunc(r.Signals, byName)
	}
	slices.SortFunc(r.Missing, func(a, b Missing) int {
		return cmp.Or(strings.Compare(a.Signal, b.Signal), strings.Compare(a.Why, b.Why))
	})
	r.Missing = slices.Compact(r.Missing)
	slices.Sort(r.Degraded)
}
