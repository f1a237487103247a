package text

import (
	"os"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/detecttest"
	"github.com/breakwater-project/breakwater/internal/detect/text/term"
)

// shipped is the detector with the banks that the project ships.
func shipped(t testing.TB) *Detector {
	t.Helper()
	banks, err := term.Load(os.DirFS("../../../policies/terms"))
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

// sample gives n bytes of ordinary English.
func sample(n int) string {
	const s = "Hey, are you coming to the match on Saturday? We can meet at the station, my brother brings the ball. "
	return strings.Repeat(s, n/len(s)+1)[:n]
}

func TestContract(t *testing.T) {
	detecttest.Run(t, shipped(t), eventOf("you are such an idiot"), eventOf("how old are you?"))
}
