package event_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/event"
)

func TestDecodeBatchKeepsFaultsInPlace(t *testing.T) {
	got, err := event.DecodeBatch([]byte(`{"events":[`+minimal("")+`,`+minimal(`,"colour":1`)+`,[],`+minimal(`,"surface":"moon"`)+`,`+minimal("")+`]}`), now)
	if err != nil {
		t.Fatal(err)
	}
	var locations []string
	for _, d := range got {
		var fault *event.Error
		switch {
		case d.Err == nil:
			locations = append(locations, "ok "+d.Event.ID)
		case errors.As(d.Err, &fault):
			locations = append(locations, fault.Fields[0].Location)
		}
	}
	if want := []string{"ok e", "colour", "", "surface", "ok e"}; !cmp.Equal(want, locations) {
		t.Error(cmp.Diff(want, locations))
	}
}

func TestDecodeBatchRefusesTheWhole(t *testing.T) {
	many := strings.Repeat(minimal("")+",", event.MaxBatch) + minimal("")
	tests := []struct {
		name, body, location, message string
		malformed                     bool
	}{
		{"not an object", `[]`, "", "must be an object", false},
		{"no events", `{}`, "events", "required", false},
		{"events of another kind", `{"events":{}}`, "events", "must be an array", false},
		{"unknown field", `{"events":[],"mode":"x"}`, "mode", "unknown field", false},
		{"syntax inside an event", `{"events":[{"id":}]}`, "id", "unexpected character", true},
		{"trailing data", `{"events":[]} x`, "", "unexpected data", true},
		{"too many", `{"events":[` + many + `]}`, "events[1000]", "more than 1000", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := event.DecodeBatch([]byte(tt.body), now)
			var fault *event.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want an *event.Error", err)
			}
			f := fault.Fields[0]
			if fault.Malformed != tt.malformed || f.Location != tt.location || !strings.Contains(f.Message, tt.message) {
				t.Errorf("got malformed=%v %q: %q", fault.Malformed, f.Location, f.Message)
			}
		})
	}
}

func TestDecodeBatchOfNothing(t *testing.T) {
	if got, err := event.DecodeBatch([]byte(`{"events":[]}`), now); err != nil || len(got) != 0 {
		t.Errorf("got %d events, %v", len(got), err)
	}
}

// FuzzDecodeBatch holds a batch of one against the same event alone.
func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte(contractEvent))
	f.Add([]byte(minimal(`,"surface":"moon"`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		alone, aloneErr := event.Decode(data, now)
		batch, err := event.DecodeBatch([]byte(`{"events":[`+string(data)+`]}`), now)
		if err != nil || len(batch) != 1 {
			return // the bytes close the array, or are no JSON at all
		}
		if (aloneErr == nil) != (batch[0].Err == nil) {
			t.Fatalf("alone %v, in a batch %v", aloneErr, batch[0].Err)
		}
		if aloneErr == nil && alone.Digest() != batch[0].Event.Digest() {
			t.Fatal("a batch changed the event")
		}
	})
}
