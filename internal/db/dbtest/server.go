package dbtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Server is a PostgreSQL that scripts/postgres.sh runs.
type Server struct {
	DSN     string
	script  *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Scanner
}

// Start starts a PostgreSQL that only this test uses and may stop.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end() })
	return s
}

// Crash ends the server and every connection at once.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	s.say(t, "stop")
}

// Restart starts it again, on the same DSN and data.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.say(t, "start")
}

func (s *Server) say(t testing.TB, line string) {
	t.Helper()
	if _, err := io.WriteString(s.stdin, line+"\n"); err != nil {
		t.Fatal(err)
	}
	if !s.answers.Scan() {
		t.Fatalf("PostgreSQL did not %s", line)
	}
}

// end waits until the server is gone and its directory with it.
func (s *Server) end() {
	_ = s.stdin.Close() // the script may have ended before
	for s.answers.Scan() {
	}
	_ = s.script.Wait()
}

// shared is the DSN of the server of this test binary. It runs until the
// binary ends, however that happens: with it ends the script's standard input.
func shared(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv("BREAKWATER_TEST_POSTGRES"); dsn != "" {
		return dsn
	}
	s, err := startOnce()
	if err != nil {
		t.Fatal(err)
	}
	return s.DSN
}

// startOnce is the one thing that the tests of a binary share.
var startOnce = sync.OnceValues(start)

func start() (*Server, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(root, "scripts", "postgres.sh")) //nolint:gosec,noctx // it outlives the test that starts it
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{script: cmd, stdin: stdin, answers: bufio.NewScanner(stdout)}
	if !s.answers.Scan() {
		err := cmd.Wait()
		return nil, fmt.Errorf("starting PostgreSQL for tests: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	s.DSN = s.answers.Text()
	return s, nil
}

// moduleRoot is found from the folder that go test runs a package in.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "scripts", "postgres.sh")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("scripts/postgres.sh is in no folder above this one")
		}
		dir = parent
	}
}
