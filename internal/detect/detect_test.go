package detect_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
)

// fake is a detector that does what the test says.
type fake struct {
	name    string
	signals []string
	detect  func(context.Context, *event.Event) ([]decision.Signal, error)
}

func (f *fake) Name() string      { return f.name }
func (f *fake) Version() string   { return "1" }
func (f *fake) Signals() []string { return f.signals }
func (f *fake) Detect(ctx context.Context, ev *event.Event) ([]decision.Signal, error) {
	return f.detect(ctx, ev)
}

func gives(name string, signals ...decision.Signal) *fake {
	f := &fake{name: name}
	for _, s := range signals {
		f.signals = append(f.signals, s.Name)
	}
	f.detect = func(context.Context, *event.Event) ([]decision.Signal, error) {
		return append([]decision.Signal(nil), signals...), nil
	}
	return f
}

func newSet(t testing.TB, o detect.Options, detectors ...detect.Detector) *detect.Set {
	t.Helper()
	s, err := detect.New(detectors, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRun(t *testing.T) {
	unasked := gives("unasked", decision.Signal{Name: "c", Score: 1})
	unasked.detect = func(context.Context, *event.Event) ([]decision.Signal, error) {
		t.Error("a detector ran whose signals nobody wanted")
		return nil, nil
	}
	s := newSet(t, detect.Options{},
		gives("two", decision.Signal{Name: "a", Score: 0.5}),
		gives("one", decision.Signal{Name: "a", Score: 0.25}, decision.Signal{Name: "b", Score: 1}),
		unasked,
	)
	got := s.Run(t.Context(), &event.Event{}, []string{"a", "z"})
	want := detect.Result{
		Signals: []decision.Signal{{Name: "a", Score: 0.25, Detector: "one@1"}, {Name: "a", Score: 0.5, Detector: "two@1"}, {Name: "b", Score: 1, Detector: "one@1"}},
		Missing: []detect.Missing{{Signal: "z", Why: "no detector gives it"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Run (-want +got):\n%s", diff)
	}
}

func TestFaultsAreDegradedNotSilent(t *testing.T) {
	for _, tc := range []struct {
		name, why string
		detect    func(context.Context, *event.Event) ([]decision.Signal, error)
	}{
		{"error", "error (*errors.errorString)", func(context.Context, *event.Event) ([]decision.Signal, error) {
			return []decision.Signal{{Name: "a", Score: 1}}, errors.New("secret content")
		}},
		{"panic", "panic (string)", func(context.Context, *event.Event) ([]decision.Signal, error) { panic("secret content") }},
		{"timeout honoured", "timeout", func(ctx context.Context, _ *event.Event) ([]decision.Signal, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("looking: %w", ctx.Err())
		}},
		{"not a number", "score of a is not from 0 to 1", func(context.Context, *event.Event) ([]decision.Signal, error) {
			return []decision.Signal{{Name: "a", Score: math.NaN()}}, nil
		}},
		{"above 1", "score of a is not from 0 to 1", func(context.Context, *event.Event) ([]decision.Signal, error) {
			return []decision.Signal{{Name: "a", Score: 1.01}}, nil
		}},
		{"below 0", "score of a is not from 0 to 1", func(context.Context, *event.Event) ([]decision.Signal, error) {
			return []decision.Signal{{Name: "a", Score: -1}}, nil
		}},
		{"unknown name", "gave a signal it does not own", func(context.Context, *event.Event) ([]decision.Signal, error) {
			return []decision.Signal{{Name: "b", Score: 1}}, nil
		}},
		{"twice", "gave a twice", func(context.Context, *event.Event) ([]decision.Signal, error) {
			return []decision.Signal{{Name: "a", Score: 1}, {Name: "a", Score: 1}}, nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := &fake{"bad", []string{"a"}, tc.detect}
			s := newSet(t, detect.Options{Deadlines: map[string]time.Duration{"bad": time.Millisecond}}, bad,
				gives("good", decision.Signal{Name: "g", Score: 1}))
			got := s.Run(t.Context(), &event.Event{}, []string{"a", "g"})
			want := detect.Result{
				Signals:  []decision.Signal{{Name: "g", Score: 1, Detector: "good@1"}},
				Missing:  []detect.Missing{{Signal: "a", Why: "detector:bad: " + tc.why}},
				Degraded: []string{"detector:bad: " + tc.why},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Run (-want +got):\n%s", diff)
			}
		})
	}
}

// A hanging detector ignores its context until the test lets it go.
func hanging(release <-chan struct{}) *fake {
	return &fake{"hangs", []string{"a"}, func(context.Context, *event.Event) ([]decision.Signal, error) {
		<-release
		return nil, nil
	}}
}

func TestHangingDetectorRestsAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newSet(t, detect.Options{Retry: time.Minute}, hanging(release))
		run := func() string {
			r := s.Run(t.Context(), &event.Event{}, []string{"a"})
			if len(r.Missing) != 1 {
				return ""
			}
			return strings.TrimPrefix(r.Missing[0].Why, "detector:hangs: ")
		}
		whys := map[string]int{}
		for range 100 {
			whys[run()]++
		}
		if diff := cmp.Diff(map[string]int{"timeout": 8, "resting after timeouts": 92}, whys); diff != "" {
			t.Errorf("hanging (-want +got):\n%s", diff)
		}
		for _, step := range []struct {
			pass time.Duration
			want string
		}{{time.Minute, "timeout"}, {0, "resting after timeouts"}} {
			time.Sleep(step.pass)
			if got := run(); got != step.want {
				t.Errorf("after %v: %q, want %q", step.pass, got, step.want)
			}
		}
		close(release)
		time.Sleep(time.Minute)
		for range 2 {
			if why := run(); why != "" {
				t.Errorf("after recovery: %q, want an answer", why)
			}
		}
	})
}

func TestCallsRunningAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		s := newSet(t, detect.Options{Running: 2}, hanging(release))
		whys := map[string]int{}
		for range 5 {
			whys[s.Run(t.Context(), &event.Event{}, []string{"a"}).Missing[0].Why]++
		}
		want := map[string]int{"detector:hangs: timeout": 2, "detector:hangs: too many calls running": 3}
		if diff := cmp.Diff(want, whys); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestCallerGoneIsNotTheDetectorsFault(t *testing.T) {
	release := make(chan struct{})
	s := newSet(t, detect.Options{Deadline: time.Hour}, hanging(release))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		r := s.Run(gone, &event.Event{}, []string{"a"})
		if diff := cmp.Diff([]string{"detector:hangs: canceled"}, r.Degraded); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	close(release)
	if r := s.Run(t.Context(), &event.Event{}, []string{"a"}); len(r.Missing) > 0 {
		t.Errorf("after canceled calls the detector rests: %v", r.Missing)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, detectors := range map[string][]detect.Detector{
		"two of one name":  {gives("x"), gives("x")},
		"unsorted signals": {gives("x", decision.Signal{Name: "b"}, decision.Signal{Name: "a"})},
	} {
		if _, err := detect.New(detectors, detect.Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestObserve(t *testing.T) {
	type call struct{ Detector, Why string }
	calls := make(chan call, 2)
	s := newSet(t, detect.Options{Observe: func(d string, _ time.Duration, why string) { calls <- call{d, why} }},
		gives("x", decision.Signal{Name: "a", Score: 2}))
	s.Run(t.Context(), &event.Event{}, []string{"a"})
	if diff := cmp.Diff(call{"x", "score of a is not from 0 to 1"}, <-calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunAllocatesLittle(t *testing.T) {
	s := newSet(t, detect.Options{}, &fake{"fast", []string{"a"}, func(context.Context, *event.Event) ([]decision.Signal, error) { return nil, nil }})
	ev, want := &event.Event{}, []string{"a"}
	if got := testing.AllocsPerRun(100, func() { s.Run(t.Context(), ev, want) }); got > 12 {
		t.Errorf("%v allocations a run, want 12 at most", got)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, n := range []int{1, 4} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var detectors []detect.Detector
			var want []string
			for i := range n {
				name := fmt.Sprint("s", i)
				detectors = append(detectors, &fake{name, []string{name}, func(context.Context, *event.Event) ([]decision.Signal, error) { return nil, nil }})
				want = append(want, name)
			}
			s := newSet(b, detect.Options{}, detectors...)
			ev := &event.Event{}
			b.ReportAllocs()
			for b.Loop() {
				s.Run(b.Context(), ev, want)
			}
		})
	}
}
