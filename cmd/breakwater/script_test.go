package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the program, under its own name in $PATH.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"breakwater": main})
}

// TestScripts runs the scripts in testdata/script. Besides testscript's own
// commands they have:
//
//	status N command…     runs it; its exit status must be N
//	start TEXT command…   starts it and waits until it prints TEXT; $URL, $ADDR
//	                      and $KEY are the address and the key that it printed
//	end SIGNAL N          sends it SIGNAL (INT, TERM); it must exit with N.
//	                      server.out and server.err are what it printed
//	signal SIGNAL TEXT    sends it SIGNAL and waits until its log has TEXT
//	call METHOD PATH N [FILE]
//	                      calls $URL with $KEY and the body in FILE; the answer
//	                      must have status N, and is standard output
//	take NAME REGEXP FILE sets $NAME to the first group of the first match
//	tidy                  no file is left in the folder for temporary ones
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "start": start, "end": end, "signal": signalled, "call": call, "take": take, "tidy": tidy,
		},
		Setup: func(e *testscript.Env) error {
			e.Values[processKey{}] = &process{}
			return nil
		},
	})
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	if got := exitStatus(ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// exitStatus is what a process ended with; -1 if it did not run or was killed.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

type processKey struct{}

// process is the one that start has started.
type process struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	log  io.ReadCloser
	logs bytes.Buffer
}

func running(ts *testscript.TestScript) *process { return ts.Value(processKey{}).(*process) }

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start TEXT command…")
	}
	p := running(ts)
	*p = process{cmd: exec.Command(args[1], args[2:]...)}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR"), "BREAKWATER_ADMIN_KEY=" + ts.Getenv("BREAKWATER_ADMIN_KEY")}
	out, err := p.cmd.StdoutPipe()
	ts.Check(err)
	p.log, err = p.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	ts.Defer(func() {
		if p.cmd != nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(&p.out, line)
		for field := range strings.FieldsSeq(line) {
			switch {
			case strings.HasPrefix(field, "http://") && !strings.Contains(field, "token="):
				ts.Setenv("URL", field)
				ts.Setenv("ADDR", strings.TrimPrefix(field, "http://"))
			case strings.HasPrefix(field, "bw_"):
				ts.Setenv("KEY", field)
			}
		}
		if strings.Contains(line, args[0]) {
			return
		}
	}
	log, _ := io.ReadAll(p.log)
	ts.Fatalf("it ended without %q:\n%s%s", args[0], p.out.Bytes(), log)
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: end SIGNAL N")
	}
	p := running(ts)
	ts.Check(p.cmd.Process.Signal(signals[args[0]]))
	_, err := io.Copy(&p.logs, p.log)
	ts.Check(err)
	got := strconv.Itoa(exitStatus(p.cmd.Wait()))
	p.cmd = nil
	ts.Check(os.WriteFile(ts.MkAbs("server.out"), p.out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("server.err"), p.logs.Bytes(), 0o600))
	if got != args[1] {
		ts.Fatalf("exit status %s, want %s:\n%s", got, args[1], p.logs.Bytes())
	}
}

var signals = map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}

func signalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal SIGNAL TEXT")
	}
	p := running(ts)
	ts.Check(p.cmd.Process.Signal(signals[args[0]]))
	var line []byte
	for one := make([]byte, 1); !bytes.Contains(line, []byte(args[1])); {
		if _, err := p.log.Read(one); err != nil {
			ts.Fatalf("its log ended without %q: %s", args[1], p.logs.Bytes())
		}
		p.logs.Write(one)
		if line = append(line, one...); one[0] == '\n' {
			line = nil
		}
	}
}

func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: call METHOD PATH N [FILE]")
	}
	body := ""
	if len(args) == 4 {
		body = ts.ReadFile(args[3])
	}
	req, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	if key := ts.Getenv("KEY"); key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
	if got := strconv.Itoa(resp.StatusCode); got != args[2] {
		ts.Fatalf("status %s, want %s", got, args[2])
	}
}

func take(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: take NAME REGEXP FILE")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	match := pattern.FindStringSubmatch(ts.ReadFile(args[2]))
	if len(match) < 2 {
		ts.Fatalf("no match for %s", pattern)
	}
	ts.Setenv(args[0], match[1])
}

func tidy(ts *testscript.TestScript, neg bool, _ []string) {
	left, err := os.ReadDir(ts.Getenv("TMPDIR"))
	ts.Check(err)
	if neg != (len(left) > 0) {
		ts.Fatalf("left behind: %v", left)
	}
}
