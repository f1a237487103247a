package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// write prints the tables in Markdown.
func (t *tally) write(w io.Writer) {
	t.writeOutcomes(w, "Public posts by a proven adult", []string{public})
	t.writeOutcomes(w, "Direct messages by a proven adult", []string{adult + " to " + connected, adult + " to " + strangers})
	t.writeOutcomes(w, "Direct messages by somebody of the reader's age", []string{peer + " to " + connected, peer + " to " + strangers})
	t.writeLabels(w, "Public posts by label", public)
	t.writeLabels(w, "Direct messages of a connected peer (18+: a connected adult) by label", peer+" to "+connected)
	t.writeSources(w)
	t.writeEffects(w)
}

// writeOutcomes prints the share of each outcome, in percent.
func (t *tally) writeOutcomes(w io.Writer, title string, scenes []string) {
	fmt.Fprintf(w, "### %s\n\n| messages | readers | band |", title)
	for o := range decision.Block + 1 {
		fmt.Fprintf(w, " %s |", o)
	}
	fmt.Fprintf(w, "\n| --- | --- | --- |%s\n", strings.Repeat(" --: |", int(decision.Block)+1))
	for _, group := range []string{benign, "any label"} {
		for _, scene := range scenes {
			for _, band := range event.Bands() {
				o := t.cells[cell{scene, group, band}]
				if o == nil {
					continue
				}
				_, who, _ := strings.Cut(scene, " to ")
				fmt.Fprintf(w, "| %s | %s | %s |", group, cmp.Or(who, "all"), band)
				for outcome := range decision.Block + 1 {
					fmt.Fprintf(w, " %s |", percent(o.between(outcome, outcome)))
				}
				fmt.Fprintln(w)
			}
		}
	}
	fmt.Fprintln(w)
}

// writeLabels prints for each label what share was softened (not recommended,
// a click, the reader's choice) and what share withheld, by band.
func (t *tally) writeLabels(w io.Writer, title, scene string) {
	fmt.Fprintf(w, "### %s: softened + withheld\n\n", title)
	t.header(w, "label")
	for _, group := range t.groups(func(g string) bool { return !strings.HasPrefix(g, benign+" ") }) {
		t.line(w, scene, group, group)
	}
	fmt.Fprintln(w)
}

// writeSources prints the same for benign messages, by where they come from.
func (t *tally) writeSources(w io.Writer) {
	for _, scene := range []string{public, peer + " to " + connected} {
		fmt.Fprintf(w, "### Benign messages by source, %s: softened + withheld\n\n", scene)
		t.header(w, "source")
		for _, group := range t.groups(func(g string) bool { return strings.HasPrefix(g, benign+" ") }) {
			t.line(w, scene, group, strings.TrimPrefix(group, benign+" "))
		}
		fmt.Fprintln(w)
	}
}

func (t *tally) header(w io.Writer, what string) {
	fmt.Fprintf(w, "| %s | n |", what)
	for _, band := range event.Bands() {
		fmt.Fprintf(w, " %s |", band)
	}
	fmt.Fprintf(w, "\n| --- | --: |%s\n", strings.Repeat(" --: |", len(event.Bands())))
}

func (t *tally) line(w io.Writer, scene, group, name string) {
	fmt.Fprintf(w, "| %s | %d |", name, t.rows[group])
	for _, band := range event.Bands() {
		o := t.cells[cell{scene, group, band}]
		if o == nil { // a peer of an adult is an adult
			o = t.cells[cell{strings.Replace(scene, peer, adult, 1), group, band}]
		}
		fmt.Fprintf(w, " %s + %s |", percent(o.between(decision.Demote, decision.Confirm)), percent(o.from(withheld)))
	}
	fmt.Fprintln(w)
}

// writeEffects prints what followed for the one who wrote.
func (t *tally) writeEffects(w io.Writer) {
	kinds := []decision.EffectKind{decision.Review, decision.Strike, decision.Restrict, decision.Preserve, decision.Report, decision.Urgent}
	fmt.Fprintf(w, "### What follows from public posts, share of messages\n\n| label | n | help offered |")
	for _, k := range kinds {
		fmt.Fprintf(w, " %s |", k)
	}
	fmt.Fprintf(w, "\n| --- | --: | --: |%s\n", strings.Repeat(" --: |", len(kinds)))
	for _, group := range t.groups(func(g string) bool { return !strings.HasPrefix(g, benign+" ") }) {
		fmt.Fprintf(w, "| %s | %d | %s |", group, t.rows[group], percent(float64(t.helped[group])/float64(t.rows[group])))
		for _, k := range kinds {
			fmt.Fprintf(w, " %s |", percent(float64(t.effects[group][k])/float64(t.rows[group])))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// writeRules prints which rules are behind what may be mistakes, most often first.
func (t *tally) writeRules(w io.Writer) {
	for _, where := range slices.Sorted(maps.Keys(t.rules)) {
		fmt.Fprintf(w, "### Rules behind: %s\n\n", where)
		rules := slices.SortedFunc(maps.Keys(t.rules[where]), func(x, y string) int {
			return cmp.Or(cmp.Compare(t.rules[where][y], t.rules[where][x]), cmp.Compare(x, y))
		})
		for _, rule := range rules {
			fmt.Fprintf(w, "- %d `%s`\n", t.rules[where][rule], rule)
		}
		fmt.Fprintln(w)
	}
}

// groups are the groups that match, benign first.
func (t *tally) groups(match func(string) bool) []string {
	var groups []string
	for group := range t.rows {
		if match(group) {
			groups = append(groups, group)
		}
	}
	slices.SortFunc(groups, func(x, y string) int {
		if (x == benign) != (y == benign) {
			if x == benign {
				return -1
			}
			return 1
		}
		return cmp.Compare(x, y)
	})
	return groups
}

// percent is a share in percent, or a dot for none.
func percent(share float64) string {
	if share == 0 {
		return "·"
	}
	return fmt.Sprintf("%.1f", 100*share)
}
