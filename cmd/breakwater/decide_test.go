package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/decision"
)

// decider is "breakwater decide" in a process of its own.
type decider struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
	temp    string // its folder for temporary files
}

func startDecide(t *testing.T) *decider {
	t.Helper()
	p := &decider{cmd: exec.CommandContext(t.Context(), "breakwater", "decide", "--policy", emptyBundle(t)), temp: t.TempDir()}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.temp)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.answers = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ask writes one line and waits for its answer.
func (p *decider) ask(t *testing.T, line string) string {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
	if !p.answers.Scan() {
		t.Fatalf("no answer to %s", line)
	}
	return p.answers.Text()
}

// tidy checks that nothing is left in its folder for temporary files.
func (p *decider) tidy(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(p.temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Who writes a line and waits is not kept waiting for another one.
func TestDecideLineByLine(t *testing.T) {
	p := startDecide(t)
	for n := range 5 {
		event, err := json.Marshal(numbered(n))
		if err != nil {
			t.Fatal(err)
		}
		var d decision.Decision
		if answer := p.ask(t, string(event)); json.Unmarshal([]byte(answer), &d) != nil || d.Event != numbered(n).ID {
			t.Errorf("the answer to event %d is %s", n, answer)
		}
		if answer, want := p.ask(t, "\n"+`{"nonsense":`), fmt.Sprintf(`"line":%d}`, 3*n+3); !strings.HasSuffix(answer, want) {
			t.Errorf("the answer to nonsense is %s, want %s", answer, want)
		}
	}
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if p.answers.Scan() {
		t.Errorf("an answer to nothing: %s", p.answers.Text())
	}
	if got := exitStatus(p.cmd.Wait()); got != exitFound {
		t.Errorf("exit status %d, want %d", got, exitFound)
	}
	p.tidy(t)
}

// Interrupted while it waits, it ends and leaves nothing behind.
func TestDecideInterrupted(t *testing.T) {
	p := startDecide(t)
	event, err := json.Marshal(numbered(1))
	if err != nil {
		t.Fatal(err)
	}
	p.ask(t, string(event))
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for p.answers.Scan() {
	}
	if got := exitStatus(p.cmd.Wait()); got != exitFound {
		t.Errorf("exit status %d, want %d", got, exitFound)
	}
	p.tidy(t)
}
