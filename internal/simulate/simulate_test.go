package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

func world(t *testing.T, opts Options) *World {
	t.Helper()
	w, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// lines are the events and truths of a world as they are written.
func lines(t *testing.T, opts Options) (events, truths [][]byte) {
	t.Helper()
	var e, tr bytes.Buffer
	if err := world(t, opts).Write(t.Context(), &e, &tr); err != nil {
		t.Fatal(err)
	}
	split := func(b *bytes.Buffer) [][]byte { return bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n")) }
	return split(&e), split(&tr)
}

func TestSameSeedSameBytes(t *testing.T) {
	opts := Options{Seed: 7, Accounts: 80, Days: 1}
	var events, truths [2]bytes.Buffer
	for i := range events {
		if err := world(t, opts).Write(t.Context(), &events[i], &truths[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(events[0].Bytes(), events[1].Bytes()) || !bytes.Equal(truths[0].Bytes(), truths[1].Bytes()) {
		t.Fatal("the same options gave other bytes")
	}
	var other, otherTruth bytes.Buffer
	opts.Seed = 8
	if err := world(t, opts).Write(t.Context(), &other, &otherTruth); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(events[0].Bytes(), other.Bytes()) {
		t.Fatal("another seed gave the same bytes")
	}
}

func TestEventsTellTheSameStoryTwice(t *testing.T) {
	w := world(t, Options{Seed: 1, Accounts: 60, Days: 1})
	var first, second []Truth
	for _, tr := range w.Events(t.Context()) {
		first = append(first, tr)
	}
	for _, tr := range w.Events(t.Context()) {
		second = append(second, tr)
	}
	if diff := cmp.Diff(first, second); diff != "" || len(first) == 0 {
		t.Fatalf("%d events, then (-first +second):\n%s", len(first), diff)
	}
}

func TestEveryEventIsValid(t *testing.T) {
	opts := Options{Seed: 3, Accounts: 200, Days: 2}
	now := DefaultStart.AddDate(0, 0, 60)
	events, truths := lines(t, opts)
	if len(events) != len(truths) {
		t.Fatalf("%d events, %d truths", len(events), len(truths))
	}
	seen := map[string]bool{}
	var last time.Time
	for i, line := range events {
		ev, err := event.Decode(line, now)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		var tr Truth
		if err := json.Unmarshal(truths[i], &tr); err != nil {
			t.Fatal(err)
		}
		switch {
		case tr.Event != ev.ID || tr.Type != ev.Type:
			t.Fatalf("line %d: the truth is about %s %s, the event is %s %s", i+1, tr.Type, tr.Event, ev.Type, ev.ID)
		case seen[ev.ID]:
			t.Fatalf("id %s twice", ev.ID)
		case ev.Time.Before(last):
			t.Fatalf("line %d goes back in time", i+1)
		case tr.Kind != "" && !tr.Kind.Known():
			t.Fatalf("unknown kind %q", tr.Kind)
		}
		seen[ev.ID], last = true, ev.Time
		for _, m := range ev.Audience.Members {
			if m.ID == ev.Actor.ID {
				t.Fatalf("line %d: %s writes to themselves", i+1, ev.Actor.ID)
			}
		}
		for _, m := range ev.Content.Media {
			if _, err := png.Decode(bytes.NewReader(m.Data)); err != nil || len(m.Data) > 8<<10 {
				t.Fatalf("picture of %d bytes: %v", len(m.Data), err)
			}
		}
	}
}

func TestMix(t *testing.T) {
	w := world(t, Options{Seed: 1, Accounts: 300, Days: 4})
	types, bands, scopes, roles := map[event.Type]int{}, map[event.Band]int{}, map[event.Scope]int{}, map[Role]int{}
	kinds, languages_, countries, texts := map[decision.Kind]int{}, map[string]int{}, map[string]int{}, map[string]bool{}
	total, loud, pictures, longest := 0, 0, 0, 0
	for ev, tr := range w.Events(t.Context()) {
		total++
		types[ev.Type]++
		scopes[ev.Audience.Scope]++
		roles[tr.Role]++
		countries[ev.Actor.Country]++
		languages_[ev.Content.Language]++
		texts[ev.Content.Text] = true
		pictures += len(ev.Content.Media)
		longest = max(longest, tr.Turn)
		band := event.BandUnknown
		if ev.Actor.Age != nil {
			band = ev.Actor.Age.Band
		}
		bands[band]++
		if tr.Kind != "" {
			kinds[tr.Kind]++
			loud++
		}
	}
	t.Logf("%d events, %d%% of them loud, %d texts, %d pictures", total, 100*loud/total, len(texts), pictures)
	t.Log(types, bands, kinds, languages_, countries, roles)
	for _, typ := range event.Types() {
		if types[typ] == 0 {
			t.Errorf("no %s", typ)
		}
	}
	for band := event.BandUnknown; band <= event.Band18Plus; band++ {
		if bands[band] == 0 {
			t.Errorf("nobody of band %s does anything", band)
		}
	}
	for _, sc := range loudScenes() {
		if kinds[sc.kind] == 0 {
			t.Errorf("no %s", sc.kind)
		}
	}
	for _, language := range languages {
		if languages_[language] == 0 {
			t.Errorf("nobody writes %s", language)
		}
	}
	for _, country := range []string{"GB", "US", "DE", "FR", "ES", "IT", "BR", "AU", "IN", "PL", "TR", "AE", ""} {
		if countries[country] == 0 {
			t.Errorf("nobody is in %q", country)
		}
	}
	for _, role := range []Role{Person, Friend, Target, Seeker, Assistant, Bully, Stranger, Controller, Spammer, Promoter} {
		if roles[role] == 0 {
			t.Errorf("nobody is a %s", role)
		}
	}
	if percent := 100 * loud / total; percent < 8 || percent > 30 {
		t.Errorf("%d%% of events are loud: the quiet majority must be one", percent)
	}
	if len(texts) < 1500 || pictures < 100 || longest < 6 {
		t.Errorf("%d distinct texts, %d pictures, longest scene %d", len(texts), pictures, longest)
	}
}

// A child that a stranger writes to must look like one that has not accepted
// them, or no rule could tell the two apart.
func TestStrangersAreNotConnected(t *testing.T) {
	w := world(t, Options{Seed: 2, Accounts: 150, Days: 2})
	found := 0
	for ev, tr := range w.Events(t.Context()) {
		if tr.Role != Stranger {
			continue
		}
		found++
		for _, m := range ev.Audience.Members {
			if m.Connected {
				t.Fatalf("%s accepted a stranger", m.ID)
			}
		}
		if tr.Years < 18 {
			t.Fatalf("a stranger of %d", tr.Years)
		}
	}
	if found == 0 {
		t.Fatal("no strangers")
	}
}

func TestSmallWorlds(t *testing.T) {
	for _, accounts := range []int{1, 2, 3, 5, 8, 9, 11, 20} {
		w := world(t, Options{Seed: uint64(accounts), Accounts: accounts, Days: 1})
		for ev := range w.Events(t.Context()) {
			if err := ev.Validate(DefaultStart.AddDate(0, 0, 60)); err != nil {
				t.Fatalf("%d accounts: %v", accounts, err)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, opts := range []Options{{Accounts: -1}, {Accounts: MaxAccounts + 1}, {Days: -1}} {
		if _, err := New(opts); err == nil {
			t.Errorf("New(%+v) accepted", opts)
		}
	}
}

func TestWriteNeedsAnEnd(t *testing.T) {
	var b bytes.Buffer
	if err := world(t, Options{Accounts: 5}).Write(t.Context(), &b, &b); err == nil {
		t.Fatal("an endless world was written")
	}
}

func TestEventsStopWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range world(t, Options{Accounts: 50}).Events(ctx) {
		if n++; n == 5 {
			cancel()
		}
	}
	if n != 5 {
		t.Fatalf("%d events after the end", n-5)
	}
}

func TestGrammars(t *testing.T) {
	grammars, err := loadGrammars()
	if err != nil {
		t.Fatal(err)
	}
	for section := range grammars["en"].sections {
		for _, language := range languages {
			if len(grammars[language].sections[section]) == 0 && section != "song" {
				t.Errorf("%s has no [%s]", language, section)
			}
		}
	}
	for language, g := range grammars {
		for section, lines := range g.sections {
			dialogue := strings.HasPrefix(section, "ai") || strings.HasPrefix(section, "chat.")
			for _, line := range lines {
				if dialogue && !strings.Contains(line, turn) {
					t.Errorf("%s [%s] %q: nobody answers", language, section, line)
				}
			}
		}
	}
}

func TestParseGrammarRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"text before a section": "hello",
		"section twice":         "[a]\nx\n[a]\ny",
		"unknown slot":          "[a]\nhello {nobody}",
		"open slot":             "[a]\nhello {a",
		"numbers reversed":      "[a]\n{9-2}",
	} {
		if _, err := parseGrammar("xx", text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParseGrammar(f *testing.F) {
	f.Add("[a]\nhello {b} {2-9}\n[b]\nworld")
	f.Add("[a]\n{a}")
	f.Add("[]\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseGrammar("xx", text)
		if err != nil {
			return
		}
		for section, lines := range g.sections {
			for range lines {
				if _, err := g.expand(g.sections[section][0], func(n int) int { return n / 2 }); err != nil {
					t.Fatalf("[%s] was accepted and can't be said: %v", section, err)
				}
			}
		}
	})
}
