package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/hashlist"
)

// An import is killed again and again, at any moment, beside a server that is
// killed too. What was read when it ended is there as whole batches; begun
// again it loses nothing and has nothing twice; and the server that starts
// last matches all of it, whatever its snapshot was.
func TestKillDuringImport(t *testing.T) {
	const lines = 40_000
	data := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	file := filepath.Join(t.TempDir(), "entries.ndjson")
	writeEntries(t, file, lines)
	program(t, "list", "create", "known", "--data", data, "--kind", "csam")

	server := serve(t, data)
	for round := range 4 {
		before := entriesOf(t, data)
		limit := before + 1 + random.IntN(lines/5)
		cmd := exec.CommandContext(t.Context(), "breakwater", "list", "import", "known", file, "--data", data)
		var out bytes.Buffer
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for there := before; there < limit; there = entriesOf(t, data) {
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed, or had just ended
		if n := entriesOf(t, data); n%2000 != 0 && n != lines {
			t.Errorf("after kill %d there are %d entries, which is not a number of batches: %s", round, n, out.String())
		}
		if round%2 == 1 { // perhaps while it follows, merges or writes
			server.kill(t)
			_ = server.cmd.Wait() // it was killed
			server = serve(t, data)
		}
	}
	program(t, "list", "import", "known", file, "--data", data)
	server.kill(t)
	_ = server.cmd.Wait() // it was killed
	server = serve(t, data)
	defer func() {
		server.kill(t)
		_ = server.cmd.Wait() // it was killed
	}()

	if n := number(t, data, `SELECT count(*) FROM hashlist_entry WHERE removed IS NULL`); n != lines {
		t.Errorf("%d rows of %d lines", n, lines)
	}
	exported := program(t, "list", "export", "known", "--data", data)
	ids := map[string]bool{}
	for line := range strings.Lines(exported) {
		var l hashlist.Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		ids[l.ID] = true
	}
	if len(ids) != lines || strings.Count(exported, "\n") != lines {
		t.Errorf("%d ids on %d lines, want %d", len(ids), strings.Count(exported, "\n"), lines)
	}
	for n := 0; n < lines; n += 97 {
		if got := matched(t, server.url, pdqOf(n)); got != fmt.Sprintf("e-%d", n) {
			t.Fatalf("entry %d: matched %q", n, got)
		}
	}
}

func pdqOf(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 5))
	return fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
}

func writeEntries(t *testing.T, file string, n int) {
	t.Helper()
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"id":"e-%d","hash":{"pdq":%q,"md5":"%032x"}}`+"\n", i, pdqOf(i), i)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// entriesOf is how many entries the bank says to have.
func entriesOf(t *testing.T, data string) int {
	t.Helper()
	return number(t, data, `SELECT entries FROM hashlist_bank`)
}

// program runs the program to its end and gives what it prints.
func program(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "breakwater", args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, complaint.String())
	}
	return out.String()
}

// matched is the entry that a server finds for a hash.
func matched(t *testing.T, server, pdq string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", server+"/v1/match", strings.NewReader(`{"hash":{"pdq":"`+pdq+`"},"max_distance":0}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Matches []struct{ Entry string } }
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Matches) != 1 {
		t.Fatalf("%d %s %v", resp.StatusCode, body, err)
	}
	return answer.Matches[0].Entry
}
