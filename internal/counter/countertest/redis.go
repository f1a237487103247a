package countertest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"
)

// Redis is a server that only this test uses and may stop, on a socket in a
// folder of its own.
type Redis struct {
	URL string

	dir    string
	socket string
	args   []string
	cmd    *exec.Cmd // of the keeper
	in     io.Closer
	pid    int // of the server
}

// StartRedis starts a server that is ended with the test. Where redis-server
// is not installed the test fails and names the package. Further arguments are
// the server's.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	if testing.Short() {
		t.Skip("Redis is left out with -short")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is not installed: on Debian it is the package redis-server; scripts/setup.sh installs it")
	}
	dir, err := os.MkdirTemp("", "redis-") //nolint:usetesting // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	r := &Redis{dir: dir, socket: filepath.Join(dir, "s"), args: args}
	r.URL = "unix://" + r.socket
	t.Cleanup(func() {
		r.Stop(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r.Start(t)
	return r
}

// keeper runs a server, says its process, and ends it when its input ends: when
// Stop closes it or, however the test ends, the test does.
const keeper = `trap '' PIPE; redis-server "$@" >/dev/null 2>&1 </dev/null & echo $!; cat; kill -9 $!; wait`

// Start starts the server again, with what it had if it was stopped and kept
// it ("--appendonly yes").
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	args := append([]string{"-c", keeper, "redis", "--port", "0", "--unixsocket", r.socket, "--dir", r.dir, "--save", "", "--daemonize", "no"}, r.args...)
	cmd := exec.Command("sh", args...) //nolint:noctx,gosec // ended by Stop; arguments of tests
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.in, r.cmd = in, cmd
	if _, err := fmt.Fscan(out, &r.pid); err != nil {
		t.Fatalf("redis-server did not start: %v", err)
	}
	for begin := time.Now(); ; <-time.After(10 * time.Millisecond) {
		client, err := r.Client()
		if err == nil {
			err = client.Do(context.Background(), client.B().Ping().Build()).Error()
			client.Close()
		}
		if err == nil {
			return
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

// Client is a client of the test's own.
func (r *Redis) Client() (valkey.Client, error) {
	o, err := valkey.ParseURL(r.URL)
	if err != nil {
		return nil, err
	}
	o.ForceSingleClient, o.DisableCache = true, true
	return valkey.NewClient(o)
}

// Stop ends the server at once, as kill -9 does.
func (r *Redis) Stop(t testing.TB) {
	t.Helper()
	if r.cmd == nil {
		return
	}
	if err := r.in.Close(); err != nil {
		t.Error(err)
	}
	_ = r.cmd.Wait() // it says that the server was killed
	r.cmd = nil
}

// Freeze keeps the server from answering, with its connections open, until
// Thaw.
func (r *Redis) Freeze(t testing.TB) { r.signal(t, syscall.SIGSTOP) }

// Thaw lets it go on.
func (r *Redis) Thaw(t testing.TB) { r.signal(t, syscall.SIGCONT) }

func (r *Redis) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(r.pid, s); err != nil {
		t.Fatal(err)
	}
}
