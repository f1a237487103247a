package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// messageTo is one message of an adult to a child, plain and not graphic.
func messageTo(i int, text string) string {
	at := inNovember().Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
	return fmt.Sprintf(`{"id":"m-%d","type":"message.send","time":%q,"private":true,"surface":"dm","conversation":"c",
		"actor":{"id":"the-adult","age":{"band":"18+","basis":"verified"},"country":"GB"},
		"audience":{"scope":"direct","members":[{"id":"the-child","age":{"band":"10-12","basis":"declared"},"country":"GB","connected":true}]},
		"content":{"id":"m-%d","text":%q,"language":"en"}}`, i, at, i, text)
}

// How a conversation went is known after an orderly end, by its snapshot, and
// after its snapshot is lost or damaged, by the journal. An erasure takes it out
// of memory and disk.
func TestConversationsOutliveTheProgram(t *testing.T) {
	course := []string{
		"hi, how old are you?", "you are so mature for your age, nobody understands you like me",
		"don't tell your parents that we talk, it is our secret",
	}
	clock := newClock(inNovember().Add(time.Hour))
	in := newInstallation(t)
	in.now = clock.now
	s, stop := in.run(t)
	say := func(i int, text string) float64 {
		t.Helper()
		a := s.call(t, request{method: "POST", path: "/v1/decisions", key: in.admin, body: messageTo(i, text)})
		var d struct {
			Signals []struct {
				Name     string
				Score    float64
				Evidence []string
			}
		}
		if err := json.Unmarshal(a.body, &d); err != nil || a.status != 200 {
			t.Fatalf("%d %s: %v", a.status, a.body, err)
		}
		for _, signal := range d.Signals {
			if signal.Name == "conversation.grooming" && len(signal.Evidence) > 0 {
				return signal.Score
			}
		}
		return 0
	}
	for i, text := range course {
		say(i, text)
	}
	again := func(i int, how string) {
		t.Helper()
		if score := say(i, "shall we go to another app?"); score < 0.6 {
			t.Errorf("after %s: %.2f", how, score)
		}
	}
	path := filepath.Join(in.dir, "conversations")
	restart := func(meanwhile func() error) {
		t.Helper()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if err := meanwhile(); err != nil {
			t.Fatal(err)
		}
		s, stop = in.run(t)
	}
	restart(func() error { return nil })
	again(10, "an orderly end")
	restart(func() error { return os.Remove(path) })
	again(11, "the loss of the snapshot")
	restart(func() error { return os.WriteFile(path, []byte("not a snapshot"), 0o600) })
	again(12, "damage to the snapshot")

	restart(func() error {
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("the-adult")) || bytes.Contains(data, []byte("the-child")) {
			t.Error("the snapshot names somebody")
		}
		return err
	})
	if a := s.call(t, request{method: "DELETE", path: "/v1/accounts/the-adult", key: in.admin}); a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the snapshot is there after an erasure: %v", err)
	}
	if score := say(20, "shall we go to another app?"); score > 0.5 {
		t.Errorf("after an erasure: %.2f", score)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
