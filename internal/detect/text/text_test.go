package text

import (
	"os"
	"testing"

	"github.com/breakwater-project/breakwater/event"
)

// shipped is the detector with the banks that the project ships.
func shipped(t testing.TB) *Detector {
	t.Helper()
	banks, err := Load(os.DirFS("../../../policies/terms"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(banks)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func eventOf(text string) *event.Event {
	return &event.Event{Type: event.MessageSend, Content: event.Content{Text: text}}
}
