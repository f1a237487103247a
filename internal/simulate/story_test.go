package simulate

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/event"
)

// told is the events of one story.
type told struct {
	events []event.Event
	truths []Truth
}

func tellAll(t *testing.T, opts Options) map[string]*told {
	t.Helper()
	all := map[string]*told{}
	for ev, tr := range world(t, opts).Events(t.Context()) {
		if tr.Story == "" {
			continue
		}
		if all[tr.Story] == nil {
			all[tr.Story] = &told{}
		}
		one := all[tr.Story]
		one.events, one.truths = append(one.events, ev), append(one.truths, tr)
	}
	return all
}

func TestEveryStoryIsToldInEveryLanguage(t *testing.T) {
	count := map[string]int{}
	for id, one := range tellAll(t, Options{Seed: 4, Accounts: 140, Days: 10, Stories: 2}) {
		first := one.truths[0]
		count[first.Scene+" "+first.Language]++
		for i, tr := range one.truths {
			if tr.Scene != first.Scene || tr.Turn != i+1 || tr.Target == "" || tr.Language != first.Language {
				t.Fatalf("%s: event %d is %+v, the first is %+v", id, i+1, tr, first)
			}
		}
	}
	for _, st := range stories() {
		for _, language := range storyLanguages {
			if got := count[st.name+" "+language]; got != 2 {
				t.Errorf("%s in %s: told %d times, want 2", st.name, language, got)
			}
		}
	}
}

// What a story is about must stand in its truth, or nothing could be scored.
func TestTruthOfStories(t *testing.T) {
	byName := map[string]story{}
	for _, st := range stories() {
		byName[st.name] = st
		if _, known := byName[st.twin]; st.twin != "" && !known {
			t.Errorf("%s is a twin of %q", st.name, st.twin)
		}
	}
	for id, one := range tellAll(t, Options{Seed: 5, Accounts: 140, Days: 24, Stories: 1}) {
		st := byName[one.truths[0].Scene]
		points, harmful := 0, 0
		for _, tr := range one.truths {
			if tr.Point {
				points++
			}
			if tr.Kind != "" {
				harmful++
			}
			if tr.Kind != "" && tr.Kind != st.kind {
				t.Errorf("%s %s: kind %s", st.name, id, tr.Kind)
			}
			if (tr.Role == Offender || tr.Role == Crowd) && st.twin != "" || tr.Role == Twin && st.twin == "" {
				t.Errorf("%s %s: role %s", st.name, id, tr.Role)
			}
		}
		switch pointed := strings.HasPrefix(st.name, "grooming") || strings.HasPrefix(st.name, "sextortion"); {
		case (harmful > 0) == (st.twin != ""):
			t.Errorf("%s %s: %d harmful events", st.name, id, harmful)
		case pointed && points != 1, !pointed && points != 0:
			t.Errorf("%s %s: %d points", st.name, id, points)
		}
	}
}

// A fan-out reaches many children and a pile-on has many senders, or there
// would be nothing to find.
func TestSizesOfStories(t *testing.T) {
	span := map[string]time.Duration{}
	for id, one := range tellAll(t, Options{Seed: 6, Accounts: 140, Days: 24, Stories: 1}) {
		targets, actors := map[string]bool{}, map[string]bool{}
		for _, tr := range one.truths {
			targets[tr.Target] = true
		}
		for _, ev := range one.events {
			actors[ev.Actor.ID] = true
		}
		switch name := one.truths[0].Scene; {
		case name == "fan-out" && len(targets) < 6:
			t.Errorf("%s %s reaches %d", name, id, len(targets))
		case name == "pile-on-many" && len(actors) < 12, name == "birthday" && len(actors) < 12:
			t.Errorf("%s %s: %d senders", name, id, len(actors))
		}
		span[one.truths[0].Scene] = max(span[one.truths[0].Scene], one.events[len(one.events)-1].Time.Sub(one.events[0].Time))
	}
	if span["grooming-slow"] < 7*24*time.Hour || span["coercive-control"] < 5*24*time.Hour {
		t.Errorf("slow stories take %s and %s", span["grooming-slow"], span["coercive-control"])
	}
}

// What is held out must be held out: no line stands in both halves.
func TestHalvesShareNoLine(t *testing.T) {
	speech, err := loadGrammars()
	if err != nil {
		t.Fatal(err)
	}
	open, err1 := loadScripts(Open, speech)
	held, err2 := loadScripts(HeldOut, speech)
	both, err3 := loadScripts(Both, speech)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	ways := 0
	for _, language := range storyLanguages {
		for _, section := range sectionsOf(t, language) {
			a, b, all := open[language].sections[section], held[language].sections[section], both[language].sections[section]
			if len(a) == 0 || len(b) == 0 || len(a)+len(b) != len(all) {
				t.Errorf("%s [%s]: %d open and %d held out of %d", language, section, len(a), len(b), len(all))
			}
			for _, line := range a {
				if slices.Contains(b, line) {
					t.Errorf("%s [%s] %q stands in both halves", language, section, line)
				}
			}
			for _, line := range all {
				if strings.Count(line, "<") != strings.Count(line, ">") {
					t.Errorf("%s [%s] %q is not closed", language, section, line)
				}
				ways += 1 + strings.Count(line, "|")
			}
		}
	}
	if ways < 2500 {
		t.Errorf("%d ways of saying things: too few", ways)
	}
}

var heading = regexp.MustCompile(`(?m)^\[([a-z.]+)\]$`)

func sectionsOf(t *testing.T, language string) []string {
	t.Helper()
	text, err := storyTexts.ReadFile("stories/" + language + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, match := range heading.FindAllStringSubmatch(string(text), -1) {
		sections = append(sections, match[1])
	}
	return sections
}

func TestChoose(t *testing.T) {
	w := world(t, Options{Accounts: 5, Days: 1})
	s := &stage{world: w, rnd: newPace(1, 1).rnd}
	seen := map[string]bool{}
	for range 50 {
		seen[choose(s.rnd, "<a|b> and <c|d>!")] = true
	}
	if len(seen) != 4 || !seen["a and d!"] {
		t.Errorf("said %v", seen)
	}
	if got := choose(s.rnd, "2 < 3"); got != "2 < 3" {
		t.Errorf("said %q", got)
	}
}

func TestTheOpeningComesFirst(t *testing.T) {
	seen := map[string]int{}
	n := 0
	for _, tr := range world(t, Options{Seed: 1, Opening: true}).Events(t.Context()) {
		if n++; n > 150 {
			break
		}
		seen[tr.Scene]++
	}
	if seen["grooming-fast"] < 8 || seen["siblings"] < 2 {
		t.Errorf("among the first events: %v", seen)
	}
}

func TestStoriesNeedDays(t *testing.T) {
	if _, err := New(Options{Stories: 1}); err == nil {
		t.Error("stories in a world without end were accepted")
	}
}
