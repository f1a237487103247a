package policy_test

import (
	"context"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// One post, one answer for each age.
func ExampleBundle_Eval() {
	bundle, err := policy.Load(fstest.MapFS{
		"bundle.yaml": {Data: []byte("bundle: example\n")},
		"rules.yaml": {Data: []byte(`
rules:
  - id: spiders
    events: [content.create]
    when: viewer.age_from < 10 && has_attr("topic") && attr("topic") == "spiders"
    viewer: blur
    text: "Spiders take a click for children under 10."
`)},
	}, policy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	result := bundle.Eval(context.Background(), &policy.Input{
		Type: event.ContentCreate, Scope: event.Public, Time: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
		Attributes: map[string]any{"topic": "spiders"},
	})
	for _, b := range result.Bands {
		fmt.Println(b.Band, b.Outcome)
	}
	// Output:
	// 0-5 blur
	// 6-9 blur
	// 10-12 allow
	// 13-15 allow
	// 16-17 allow
	// 18+ allow
}

// Every fault comes with its place.
func ExampleLoad() {
	_, err := policy.Load(fstest.MapFS{
		"bundle.yaml": {Data: []byte("bundle: example\n")},
		"rules.yaml": {Data: []byte(`
rules:
  - id: quiet
    events: [session.start]
    when: viewer.minr && viewer.local_hour >= 22
    viewer: remind
    text: "It is late."
`)},
	}, policy.Options{})
	fmt.Println(err)
	// Output:
	// rules.yaml:5:17: when: undeclared reference to 'viewer.minr' (did you mean 'viewer.minor'?)
	// rules.yaml:6:13: "remind" must be one of allow, inform, demote, blur, confirm, gate, hold, block
}
