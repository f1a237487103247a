package fault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/fault"
)

func TestKinds(t *testing.T) {
	want := map[fault.Kind]int{
		fault.Malformed: 400, fault.Unauthorized: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.NotAllowed: 405, fault.Conflict: 409, fault.TooLarge: 413, fault.Unsupported: 415,
		fault.Invalid: 422, fault.TooMany: 429, fault.Internal: 500, fault.Unavailable: 503,
	}
	types := map[string]bool{}
	last := 0
	for _, k := range fault.Kinds() {
		if k.Status() != want[k] {
			t.Errorf("%v: status %d, want %d", k, k.Status(), want[k])
		}
		if k.Status() <= last {
			t.Errorf("%v is not in the order of status", k)
		}
		last = k.Status()
		if back := fault.OfStatus(k.Status()); back != k {
			t.Errorf("OfStatus(%d) = %v, want %v", k.Status(), back, k)
		}
		if k.Title() == "" || types[k.Type()] {
			t.Errorf("%v: title %q, type %q is taken: %v", k, k.Title(), k.Type(), types[k.Type()])
		}
		types[k.Type()] = true
		delete(want, k)
	}
	if len(want) > 0 {
		t.Errorf("Kinds() misses %v", want)
	}
	if k := fault.Kind(200); k.Status() != http.StatusInternalServerError {
		t.Errorf("an unknown kind has status %d", k.Status())
	}
	if got := []fault.Kind{fault.OfStatus(408), fault.OfStatus(502), fault.OfStatus(0)}; !cmp.Equal(got,
		[]fault.Kind{fault.Malformed, fault.Internal, fault.Internal}) {
		t.Errorf("statuses of no kind: %v", got)
	}
}

func TestFrom(t *testing.T) {
	known := fault.New(fault.Conflict, "taken")
	for name, tc := range map[string]struct {
		err  error
		kind fault.Kind
	}{
		"itself":    {known, fault.Conflict},
		"wrapped":   {fmt.Errorf("store: %w", known), fault.Conflict},
		"stranger":  {errors.New("disk"), fault.Internal},
		"deadline":  {fmt.Errorf("query: %w", context.DeadlineExceeded), fault.Unavailable},
		"cancelled": {context.Canceled, fault.Unavailable},
	} {
		e := fault.From(tc.err)
		if e.Kind != tc.kind || !errors.Is(e, tc.kind) || errors.Is(e, fault.NotFound) {
			t.Errorf("%s: kind %v, want %v", name, e.Kind, tc.kind)
		}
		if !errors.Is(e, tc.err) && !errors.Is(tc.err, e) {
			t.Errorf("%s: the cause is lost", name)
		}
	}
	if fault.From(nil) != nil {
		t.Error("no error became one")
	}
}

func TestProblemHidesTheCause(t *testing.T) {
	cause := errors.New("pq: password authentication failed for user canary")
	err := fault.Wrap(fault.Unavailable, cause, "The journal cannot be written.")
	b, _ := json.Marshal(err.Problem())
	if strings.Contains(string(b), "canary") {
		t.Errorf("the client sees the cause: %s", b)
	}
	if !strings.Contains(err.Error(), "canary") {
		t.Errorf("the log does not see the cause: %s", err)
	}
	want := `{"type":"/docs#problem-unavailable","title":"It cannot be done right now","status":503,"detail":"The journal cannot be written.","errors":[]}`
	if string(b) != want {
		t.Errorf("problem:\n got %s\nwant %s", b, want)
	}
}

func TestProblemFields(t *testing.T) {
	b, _ := json.Marshal(fault.Fieldwise(fault.Field{Location: "actor.id", Message: "required"}).Problem())
	want := `{"type":"/docs#problem-invalid","title":"The request is not valid","status":422,` +
		`"detail":"The request does not say what it must.","errors":[{"location":"actor.id","message":"required"}]}`
	if string(b) != want {
		t.Errorf("problem:\n got %s\nwant %s", b, want)
	}
}

func TestRetryHeader(t *testing.T) {
	for _, tc := range []struct {
		err  *fault.Error
		want string
	}{
		{fault.New(fault.TooMany, ""), "1"},
		{fault.Busy(nil, 1500*time.Millisecond, ""), "2"},
		{fault.Busy(nil, 3*time.Second, ""), "3"},
		{&fault.Error{Kind: fault.Conflict, RetryAfter: time.Hour}, ""},
	} {
		if got := tc.err.RetryHeader(); got != tc.want {
			t.Errorf("%v: Retry-After %q, want %q", tc.err, got, tc.want)
		}
	}
}

func Example() {
	find := func() error { return fault.Newf(fault.NotFound, "There is no decision %s.", "d_1") }

	err := fmt.Errorf("decide: %w", find())
	fmt.Println(errors.Is(err, fault.NotFound), fault.From(err).Problem().Status)
	// Output: true 404
}
