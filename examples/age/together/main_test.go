package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `The check is passed: the person's device has a grant for 5 tokens.
The device has 5 tokens. The server has signed them and not seen them.
The platform redeems the first token: 200 over 18, enhanced
The platform redeems the first token: 409 The token was spent before. Ask the device for another one.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
