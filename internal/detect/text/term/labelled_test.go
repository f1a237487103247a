package term

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// row is one labelled text. A label that is absent is unknown.
type row struct {
	Text   string         `json:"text"`
	Labels map[string]int `json:"labels"`
	Lang   string         `json:"lang"`
	Source string         `json:"source"`
}

// benign is true if nothing harmful is known of the row.
func (r row) benign() bool {
	for _, v := range r.Labels {
		if v != 0 {
			return false
		}
	}
	return true
}

// rows reads labelled texts that are not part of the project, or skips the test.
func rows(t testing.TB, name string) []row {
	dir := os.Getenv("BREAKWATER_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "text", name))
	if err != nil {
		t.Skipf("no labelled texts to measure with (set BREAKWATER_DATA): %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	for dec := json.NewDecoder(z); ; {
		var r row
		if err := dec.Decode(&r); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

// TestShippedBanksOnLabelledTexts prints how well terms alone find each label, and holds
// the shipped banks to the precision that rules rely on.
func TestShippedBanksOnLabelledTexts(t *testing.T) {
	d := shipped(t)
	data := rows(t, "dev_ship.jsonl.gz")
	all := make([]map[string]float64, len(data))
	for i, r := range data {
		all[i] = scores(t, d, r.Text)
	}
	t.Logf("%-12s %6s %6s | %9s %6s | %9s %6s", "label", "yes", "no", "prec@.5", "recall", "prec@.8", "recall")
	for _, label := range []string{"toxic", "harassment", "hate", "misogyny", "threat", "violence", "sexual"} {
		line := fmt.Sprintf("%-12s", label)
		low, high := measure(data, all, label, 0.5), measure(data, all, label, 0.8)
		t.Logf("%s %6d %6d | %9.3f %6.3f | %9.3f %6.3f", line, low.yes, low.no, low.precision(), low.recall(), high.precision(), high.recall())
		if label == "toxic" && (high.precision() < 0.8 || high.recall() < 0.4) {
			t.Errorf("toxic at 0.8: precision %.3f, recall %.3f", high.precision(), high.recall())
		}
	}
	names := d.Signals()
	// Of EDOS and HatemojiBuild only sexism and hate are known; their other rows come from
	// forums of abuse and are full of it, so they say nothing about false alarms.
	unknown := []string{"edos", "hatemoji_build"}
	for _, source := range []string{"", "goemotions", "jigsaw_sample", "convabuse", "davidson", "edos", "hatemoji_build"} {
		n, over := 0, make(map[string]int)
		for i, r := range data {
			if !r.benign() || source != "" && r.Source != source || source == "" && slices.Contains(unknown, r.Source) {
				continue
			}
			n++
			for name, s := range all[i] {
				if s >= 0.8 {
					over[name]++
				}
			}
		}
		line := ""
		for _, name := range names {
			if over[name] > 0 {
				line += fmt.Sprintf(" %s %.2f%%", name[len("text."):], 100*float64(over[name])/float64(n))
			}
		}
		t.Logf("benign %s (%d rows) at 0.8:%s", source, n, line)
		if rate := float64(over["text.toxic"]) / float64(n); source == "" && rate > 0.01 {
			t.Errorf("%.2f%% of benign rows are toxic at 0.8, want under 1%%", 100*rate)
		}
	}
}

type counts struct{ yes, no, hit, miss, wrong int }

func (c counts) precision() float64 { return float64(c.hit) / float64(max(1, c.hit+c.wrong)) }
func (c counts) recall() float64    { return float64(c.hit) / float64(max(1, c.yes)) }

func measure(data []row, all []map[string]float64, label string, threshold float64) counts {
	var c counts
	for i, r := range data {
		v, known := r.Labels[label]
		if !known {
			continue
		}
		over := all[i]["text."+label] >= threshold
		switch {
		case v == 1 && over:
			c.yes, c.hit = c.yes+1, c.hit+1
		case v == 1:
			c.yes, c.miss = c.yes+1, c.miss+1
		case over:
			c.no, c.wrong = c.no+1, c.wrong+1
		default:
			c.no++
		}
	}
	return c
}

// TestEntriesOnLabelledTexts prints, with BREAKWATER_TUNE=signal:label, how often each
// entry of a signal's banks is right; by line number, without any text.
func TestEntriesOnLabelledTexts(t *testing.T) {
	tune := os.Getenv("BREAKWATER_TUNE")
	if tune == "" {
		t.Skip("set BREAKWATER_TUNE=text.toxic:toxic to see each entry's precision")
	}
	signal, label, _ := strings.Cut(tune, ":")
	d := shipped(t)
	index := slices.Index(d.automaton.signals, signal)
	right, wrong, benign := map[int32]int{}, map[int32]int{}, map[int32]int{}
	for _, r := range rows(t, "train_ship.jsonl.gz") {
		v, known := r.Labels[label]
		if !known && !r.benign() {
			continue
		}
		d.search(t, r.Text)
		seen := map[int32]bool{}
		for _, h := range d.found.hits {
			if h.score == 0 || seen[h.entry] {
				continue
			}
			seen[h.entry] = true
			switch {
			case v == 1:
				right[h.entry]++
			case known:
				wrong[h.entry]++
			default:
				benign[h.entry]++
			}
		}
	}
	for id := range d.automaton.entries {
		e := &d.automaton.entries[id]
		if slices.Contains(e.signals, index) {
			t.Logf("%s score %.2f/%.2f: %d right, %d wrong, %d in rows known only as benign", e.at, e.score, e.directed, right[int32(id)], wrong[int32(id)], benign[int32(id)])
		}
	}
}

// TestAttacksOnLabelledTexts prints how much of what is found in plain text is still
// found when every word of three letters and more is disguised.
func TestAttacksOnLabelledTexts(t *testing.T) {
	d := shipped(t)
	var toxic []string
	for _, r := range rows(t, "dev_ship.jsonl.gz") {
		if r.Labels["toxic"] == 1 {
			toxic = append(toxic, strings.ToLower(r.Text))
		}
	}
	recall := func(attack func(string) string) float64 {
		n := 0
		for _, text := range toxic {
			if scores(t, d, disguise(text, attack))["text.toxic"] >= 0.8 {
				n++
			}
		}
		return float64(n) / float64(len(toxic))
	}
	plain := recall(func(w string) string { return w })
	t.Logf("%-14s %.3f", "plain", plain)
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		got := recall(attacks[name])
		t.Logf("%-14s %.3f", name, got)
		if got < plain/2 {
			t.Errorf("%s leaves %.3f of a recall of %.3f", name, got, plain)
		}
	}
}
