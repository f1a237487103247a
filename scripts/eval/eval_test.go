package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// TestPlainTalk holds the whole engine, from text to outcome, to everyday words in
// many languages and to people who say that they are not well.
func TestPlainTalk(t *testing.T) {
	rows, err := read("testdata/plain.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows { // each message is a group of its own
		if rows[i].Source == "help" {
			rows[i].Labels = map[string]int{fmt.Sprint("help ", i): 1}
		}
		rows[i].Source = fmt.Sprint(i)
	}
	got, err := evaluate(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		t.Run(r.Text, func(t *testing.T) {
			group, help := r.groups()[0], true
			if group == benign {
				group, help = fmt.Sprint(benign, " ", i), false
			}
			for _, scene := range []string{public, peer + " to " + connected, adult + " to " + connected} {
				for _, band := range event.Bands() {
					o := got.cells[cell{scene, group, band}]
					switch {
					case o == nil:
					case !help && band >= event.Band10to12 && o.from(decision.Demote) > 0:
						t.Errorf("%s, %s: %v", scene, band, *o)
					case o.from(withheld) > 0:
						t.Errorf("%s, %s: withheld: %v", scene, band, *o)
					}
				}
			}
			if help && got.helped[group] != 1 {
				t.Error("no help was offered")
			}
			for _, k := range []decision.EffectKind{decision.Strike, decision.Restrict, decision.Report, decision.Preserve} {
				if got.effects[group][k] > 0 {
					t.Errorf("effect %s", k)
				}
			}
		})
	}
}

func TestReport(t *testing.T) {
	rows := []row{
		{Text: "hello", Labels: map[string]int{"toxic": 0}, Source: "a"},
		{Text: "you are such an idiot", Labels: map[string]int{"toxic": 1}, Source: "a"},
		{Text: "unlabelled", Source: "a"},
	}
	got, err := evaluate(context.Background(), rows)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{benign: 1, benign + " a": 1, "toxic": 1, "any label": 1}, got.rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var out bytes.Buffer
	got.write(&out)
	for _, want := range []string{
		"| benign | all | 13-15 | 100.0 | · | · | · | · | · | · | · |",
		"| benign | connected | 18+ | 100.0 | · | · | · | · | · | · | · |",
		"| benign | strangers | 13-15 | · | · | · | · | 100.0 | · | · | · |",
		"| a | 1 | · + · | · + · | · + · | · + · | · + · | · + · |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %s", want)
		}
	}
	for _, r := range rows {
		if strings.Contains(out.String(), r.Text) {
			t.Errorf("the report has the text %q", r.Text)
		}
	}
}

func TestGroups(t *testing.T) {
	for _, tc := range []struct {
		name string
		row  row
		want []string
	}{
		{"benign", row{Labels: map[string]int{"toxic": 0, "hate": 0}, Source: "a"}, []string{benign}},
		{"harmful", row{Labels: map[string]int{"toxic": 1, "hate": 0}, Source: "a"}, []string{"toxic", "any label"}},
		{"nothing known", row{Source: "a"}, nil},
		{"known for one kind of harm only", row{Labels: map[string]int{"hate": 0}, Source: "edos"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.row.groups()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
