package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// testEvent is one line of `go test -json` (see `go doc test2json`).
type testEvent struct {
	Action      string
	Package     string
	Test        string
	ImportPath  string // of build-output
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// count folds the events of a run. Subtests, fuzz seeds and examples count as
// tests; a package that fails without naming a test counts as one failure.
type count struct {
	out                     io.Writer
	passed, failed, skipped int
	failures                []string // names, in the order they failed
	skips                   []string // "name: reason"
	packages                map[string]*packageRun
	builds                  map[string]*strings.Builder // what the compiler said
}

// packageRun is a package whose tests are running.
type packageRun struct {
	passed, failed, skipped int
	output                  map[string]*strings.Builder // of tests not yet over; "" is the package's own
}

func newCount(out io.Writer) *count {
	return &count{out: out, packages: map[string]*packageRun{}, builds: map[string]*strings.Builder{}}
}

// read folds every line of r. A line that is no event is passed on as it is.
func (c *count) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var ev testEvent
			if json.Unmarshal(line, &ev) != nil || ev.Action == "" {
				fmt.Fprintf(c.out, "%s\n", bytes.TrimRight(line, "\n"))
			} else {
				c.add(ev)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (c *count) add(ev testEvent) {
	if ev.Action == "build-output" {
		appendTo(c.builds, ev.ImportPath, ev.Output)
		return
	}
	if ev.Package == "" {
		return
	}
	p := c.packages[ev.Package]
	if p == nil {
		p = &packageRun{output: map[string]*strings.Builder{}}
		c.packages[ev.Package] = p
	}
	switch ev.Action {
	case "run":
		appendTo(p.output, ev.Test, "")
	case "output":
		appendTo(p.output, ev.Test, ev.Output)
	case "pass", "fail", "skip":
		if ev.Test == "" {
			c.endPackage(ev, p)
		} else {
			c.endTest(ev, p)
		}
	}
}

func (c *count) endTest(ev testEvent, p *packageRun) {
	name := ev.Package + "." + ev.Test
	output := p.take(ev.Test)
	switch ev.Action {
	case "pass":
		p.passed++
	case "skip":
		p.skipped++
		c.skips = append(c.skips, name+": "+reason(output))
	case "fail":
		p.failed++
		c.fail(name, output)
	}
}

func (c *count) endPackage(ev testEvent, p *packageRun) {
	delete(c.packages, ev.Package)
	own := p.take("")
	if ev.Action == "fail" {
		for _, test := range slices.Sorted(maps.Keys(p.output)) {
			p.failed++
			c.fail(ev.Package+"."+test+" (did not end)", p.take(test))
		}
		if build := c.builds[ev.FailedBuild]; build != nil {
			own = build.String() + own
		}
		if p.failed == 0 {
			p.failed++
			c.fail(ev.Package, own)
		} else {
			fmt.Fprint(c.out, own)
		}
	}
	c.passed, c.failed, c.skipped = c.passed+p.passed, c.failed+p.failed, c.skipped+p.skipped
	if total := (tally{p.passed, p.failed, p.skipped}); total != (tally{}) {
		mark := map[bool]string{true: "ok  ", false: "FAIL"}[ev.Action != "fail"]
		fmt.Fprintf(c.out, "%s  %s  %.1fs  %s\n", mark, ev.Package, ev.Elapsed, total)
	}
}

func (c *count) fail(name, output string) {
	c.failures = append(c.failures, name)
	fmt.Fprintf(c.out, "\n==== FAILED %s\n%s\n", name, strings.TrimRight(output, "\n"))
}

// close prints what was skipped and what failed, then the closing line, and
// reports whether the run is good. A package that never ended has failed.
func (c *count) close() bool {
	for _, name := range slices.Sorted(maps.Keys(c.packages)) {
		c.endPackage(testEvent{Action: "fail", Package: name}, c.packages[name])
	}
	c.list("Skipped:", c.skips)
	c.list("Failed:", c.failures)
	if c.passed+c.failed == 0 {
		fmt.Fprintln(c.out, "No test ran.")
	}
	fmt.Fprintf(c.out, "\n%s\n", tally{c.passed, c.failed, c.skipped})
	return c.failed == 0 && c.passed > 0
}

func (c *count) list(title string, names []string) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(c.out, "\n%s\n", title)
	for _, name := range names {
		fmt.Fprintf(c.out, "  %s\n", name)
	}
}

type tally struct{ passed, failed, skipped int }

func (t tally) String() string {
	s := fmt.Sprintf("%d passed, %d failed", t.passed, t.failed)
	if t.skipped > 0 {
		s += fmt.Sprintf(", %d skipped", t.skipped)
	}
	return s
}

// take is what the test printed, which is then forgotten.
func (p *packageRun) take(test string) string {
	b := p.output[test]
	delete(p.output, test)
	if b == nil {
		return ""
	}
	return b.String()
}

func appendTo(m map[string]*strings.Builder, key, text string) {
	if m[key] == nil {
		m[key] = &strings.Builder{}
	}
	m[key].WriteString(text)
}

// reason is what a skipped test said, on one line.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- SKIP") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
