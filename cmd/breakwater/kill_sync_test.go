package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/db/dbtest"
)

// A sync that is killed at any moment, and begun again at once, comes to the
// same end as one that is not.
func TestKilledSync(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killSyncs(t, "") })
	t.Run("postgres", func(t *testing.T) {
		if testing.Short() {
			t.Skip("PostgreSQL is left out with -short")
		}
		killSyncs(t, dbtest.Postgres(t))
	})
}

func killSyncs(t *testing.T, dsn string) {
	const entries = 20_000
	dir := t.TempDir()
	var list bytes.Buffer
	for n := range entries {
		fmt.Fprintf(&list, "md5 %032x\n", n)
	}
	path := filepath.Join(dir, "list.txt")
	if err := os.WriteFile(path, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "breakwater", append(args, "--data", filepath.Join(dir, "data"))...)
		cmd.Env = append(os.Environ(), "BREAKWATER_DB="+dsn,
			`BREAKWATER_EXCHANGES={"hotline":{"protocol":"file","bank":"known","url":"`+path+`"}}`)
		return cmd
	}
	if out, err := command("list", "create", "known", "--kind", "csam").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	kills := 0
	for i := range 6 {
		cmd := command("list", "sync")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(100+300*i+rand.IntN(300))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if cmd.Wait() != nil {
			kills++
		}
		timer.Stop()
	}
	out, err := command("list", "sync").Output()
	var done synced
	if jsonErr := json.Unmarshal(out, &done); err != nil || jsonErr != nil || done.Error != "" {
		t.Fatalf("after %d kills: %v %s", kills, err, out)
	}
	exported, err := command("list", "export", "known").Output()
	if n := bytes.Count(exported, []byte("\n")); err != nil || n != entries {
		t.Errorf("%d entries of %d after %d kills: %v", n, entries, kills, err)
	}
	t.Logf("killed %d times; the last sync added %d", kills, done.Added)
}
