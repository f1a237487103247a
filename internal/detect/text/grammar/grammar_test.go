package grammar

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/detect/text/labelled"
)

// words stand for those of the data folder.
var words = map[string][]string{"slur": {"xx"}, "sexual": {"yy"}}

func TestSentencesRepeat(t *testing.T) {
	for name, generate := range map[string]func() ([]labelled.Row, error){
		"learn": func() ([]labelled.Row, error) { return Learn(words) }, "held": Held,
	} {
		first, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		second, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%s is not the same twice", name)
		}
		for _, r := range first {
			if strings.ContainsAny(r.Text, "{}") {
				t.Errorf("%s: %s says %q", name, r.Function, r.Text)
			}
		}
	}
}

var notWords = regexp.MustCompile(`[^a-z' ]+`)

// runs gives all runs of four words of a template, with slots as breaks.
func runs(template string) []string {
	var all []string
	for _, part := range regexp.MustCompile(`\{[^}]*\}`).Split(strings.ToLower(template), -1) {
		fields := strings.Fields(notWords.ReplaceAllString(part, " "))
		for i := 0; i+4 <= len(fields); i++ {
			all = append(all, strings.Join(fields[i:i+4], " "))
		}
	}
	return all
}

// TestHeldIsApart holds the grammars for testing to share no four words in a row with
// those for learning.
func TestHeldIsApart(t *testing.T) {
	learned := map[string]bool{}
	learn, err := readGrammars(files, "learn", words)
	if err != nil {
		t.Fatal(err)
	}
	for i := range learn {
		for _, r := range learn[i].rules {
			for _, say := range r.Say {
				for _, run := range runs(say) {
					learned[run] = true
				}
			}
		}
	}
	held, err := readGrammars(files, "held", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range held {
		for _, r := range held[i].rules {
			for _, say := range r.Say {
				for _, run := range runs(say) {
					if learned[run] {
						t.Errorf("%s: %q is learned", r.Function, run)
					}
				}
			}
		}
	}
}

func TestGenerate(t *testing.T) {
	fsys := fstest.MapFS{
		"x/common.yaml": {Data: []byte("lists: {who: [ann, bob]}\n")},
		"x/a.yaml": {Data: []byte(`
lists: {groups: [cats, dogs], deep: ["{who} and {who}"]}
rules:
  - {function: f, is: [threat], may: [violence], count: 2, say: ["hi {deep} {?who}"]}
  - {function: g, each: groups, say: ["{each} sing", "we like {each}"]}
`)},
	}
	all, err := readGrammars(fsys, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := all[0].sentences()
	var each []string
	for _, r := range rows {
		switch r.Function {
		case "f":
			if _, known := r.Labels["violence"]; known || r.Labels["threat"] != 1 || len(r.Labels) != 22 {
				t.Errorf("labels %v", r.Labels)
			}
		case "g":
			each = append(each, r.Group+": "+r.Text)
		}
	}
	slices.Sort(each)
	want := []string{"cats: cats sing", "cats: we like cats", "dogs: dogs sing", "dogs: we like dogs"}
	if diff := cmp.Diff(want, each); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFaultsAreReported(t *testing.T) {
	for name, file := range map[string]string{
		"a list that is not there": "rules: [{function: f, say: ['{nobody}']}]",
		"no such label":            "rules: [{function: f, is: [bad], say: [x]}]",
		"nothing to say":           "rules: [{function: f}]",
		"an unknown field":         "rules: [{function: f, says: [x]}]",
		"each of nothing":          "rules: [{function: f, each: nobody, say: [x]}]",
	} {
		fsys := fstest.MapFS{"x/common.yaml": {Data: []byte("lists: {}\n")}, "x/a.yaml": {Data: []byte(file)}}
		if _, err := readGrammars(fsys, "x", nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
