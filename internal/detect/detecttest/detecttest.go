// Package detecttest holds detectors to the contract of detect.Detector:
//
//	func TestContract(t *testing.T) { detecttest.Run(t, detector, sample) }
package detecttest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
)

// Run checks d on inputs of every awkward kind, and on samples: events in which d sees
// something. Samples let it check more than that nothing is seen in nothing.
func Run(t *testing.T, d detect.Detector, samples ...*event.Event) {
	t.Helper()
	events := append(awkward(), samples...)
	t.Run("declares itself", func(t *testing.T) { declares(t, d) })
	t.Run("gives only what it owns", func(t *testing.T) {
		for i, ev := range events {
			signals, err := d.Detect(t.Context(), ev)
			if err != nil {
				t.Errorf("event %d: %v", i, err)
			}
			checkSignals(t, d, signals)
			if s, ok := d.(detect.Selective); ok && !s.Concerns(ev) && len(signals) > 0 {
				t.Errorf("event %d does not concern it, and it gives %v", i, signals)
			}
		}
	})
	t.Run("sees something in each sample", func(t *testing.T) {
		for i, ev := range samples {
			if signals, err := d.Detect(t.Context(), ev); err != nil || len(signals) == 0 {
				t.Errorf("sample %d: %v signals, error %v", i, len(signals), err)
			}
		}
	})
	t.Run("answers the same again, also side by side", func(t *testing.T) { repeats(t, d, events) })
	t.Run("leaves the event alone", func(t *testing.T) { leavesAlone(t, d, events) })
	t.Run("does not keep the event", func(t *testing.T) { keepsNothing(t, d, events) })
	t.Run("honours its context", func(t *testing.T) { honours(t, d, events) })
}

func declares(t *testing.T, d detect.Detector) {
	if d.Name() == "" || strings.ContainsAny(d.Name(), " @:") {
		t.Errorf("name %q is empty or has a blank, @ or colon", d.Name())
	}
	if d.Version() == "" {
		t.Error("no version")
	}
	names := d.Signals()
	if len(names) == 0 || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("signals %v are none, not sorted, or not distinct", names)
	}
	if len(names) > 0 {
		d.Signals()[0] = "changed by the caller"
		if diff := cmp.Diff(names, d.Signals()); names[0] == "changed by the caller" || diff != "" {
			t.Error("the caller can change the list of signals")
		}
	}
}

func checkSignals(t *testing.T, d detect.Detector, signals []decision.Signal) {
	t.Helper()
	seen := make(map[string]bool)
	for _, s := range signals {
		if !slices.Contains(d.Signals(), s.Name) {
			t.Errorf("signal %q is not declared", s.Name)
		}
		if seen[s.Name] {
			t.Errorf("signal %q is given twice", s.Name)
		}
		seen[s.Name] = true
		if math.IsNaN(s.Score) || s.Score < 0 || s.Score > 1 {
			t.Errorf("signal %q has score %v", s.Name, s.Score)
		}
	}
}

// repeats asks many times at once; run with -race it also finds shared state.
func repeats(t *testing.T, d detect.Detector, events []*event.Event) {
	want := make([][]decision.Signal, len(events))
	for i, ev := range events {
		want[i], _ = d.Detect(t.Context(), ev)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for k := range events {
				i := (k + worker) % len(events)
				got, _ := d.Detect(t.Context(), events[i])
				if diff := cmp.Diff(want[i], got); diff != "" {
					t.Errorf("event %d answered differently (-first +again):\n%s", i, diff)
				}
			}
		})
	}
	wg.Wait()
}

func leavesAlone(t *testing.T, d detect.Detector, events []*event.Event) {
	for i, ev := range events {
		before := copyOf(ev)
		if _, err := d.Detect(t.Context(), ev); err != nil {
			t.Errorf("event %d: %v", i, err)
		}
		if diff := cmp.Diff(before, copyOf(ev)); diff != "" {
			t.Errorf("event %d was changed (-before +after):\n%s", i, diff)
		}
	}
}

// keepsNothing overwrites an event after use and sees whether the answer to its
// original follows.
func keepsNothing(t *testing.T, d detect.Detector, events []*event.Event) {
	for i, ev := range events {
		want, _ := d.Detect(t.Context(), ev)
		used := copyOf(ev)
		signals, _ := d.Detect(t.Context(), used)
		*used = event.Event{Content: event.Content{Text: "overwritten"}}
		if diff := cmp.Diff(want, signals); diff != "" {
			t.Errorf("event %d: the answer changed with the event (-want +got):\n%s", i, diff)
		}
		again, _ := d.Detect(t.Context(), ev)
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("event %d: the next answer depends on the last (-want +got):\n%s", i, diff)
		}
	}
}

// honours expects a canceled call to end soon, with the context's error or an answer.
func honours(t *testing.T, d detect.Detector, events []*event.Event) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i, ev := range events {
		done := make(chan error, 1)
		go func() {
			_, err := d.Detect(ctx, ev)
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("event %d: canceled call fails with %v, which is not the context's error", i, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("event %d: canceled call does not end", i)
		}
	}
}

func copyOf(ev *event.Event) *event.Event {
	c := *ev
	c.Audience.Members = slices.Clone(ev.Audience.Members)
	c.Content.Links = slices.Clone(ev.Content.Links)
	c.Content.Media = slices.Clone(ev.Content.Media)
	for i := range c.Content.Media {
		c.Content.Media[i].Data = slices.Clone(ev.Content.Media[i].Data)
	}
	return &c
}

// awkward gives events that break careless detectors: empty, huge, not UTF-8, disguised.
func awkward() []*event.Event {
	const large = event.MaxText / 16 // enough to show a cost that is not linear, at a fraction of the time
	texts := []string{
		"", " ", "\x00", "\xff\xfe\xfd", "a", "ok", "\u200b\u200d\ufeff",
		strings.Repeat("a", event.MaxText),
		strings.Repeat("a ", event.MaxText/2),
		strings.Repeat("a* ", large/3),
		strings.Repeat("f***** ", large/7),
		strings.Repeat("you are ", large/8),
		"a" + strings.Repeat("\u0301", large/2),
		strings.Repeat("ﷺ", large/3),
		strings.Repeat("👩‍💻", large/11),
		strings.Repeat("((((", large/4),
		strings.Repeat("http://", large/7),
		strings.Repeat("a.b", large/3),
		"\u202eabc\u202c مرحبا नमस्ते 你好 Привет",
	}
	var events []*event.Event
	for _, text := range texts {
		events = append(events, &event.Event{Type: event.MessageSend, Content: event.Content{Text: text}})
	}
	links := &event.Event{Content: event.Content{Media: []event.Media{{Kind: event.Image}, {Kind: event.Image, Data: []byte("not an image")}}}}
	links.Content.Links = []string{
		"", ":", "//", "http://", "http://[::1", "http://%zz/", "javascript:x", "\xff", "http://" + strings.Repeat("a.", 2000),
	}
	for i := range event.MaxLinks {
		links.Content.Links = append(links.Content.Links, fmt.Sprintf("https://host-%d.example.org/", i))
	}
	return append(events, links, &event.Event{})
}
