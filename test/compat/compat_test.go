// Package compat calls the drop-in endpoints with the clients that platforms
// have already, as they come from npm. The tests are in the *.test.js; this
// starts a server for them and runs them, so that they count in `go test ./...`.
package compat

import (
	"os"
	"os/exec"
	"testing"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/keys"
)

func TestNPMClients(t *testing.T) {
	if testing.Short() {
		t.Skip("installs npm packages")
	}
	for tool, pkg := range map[string]string{"node": "nodejs", "npm": "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: on Debian, apt-get install %s (or run `make test`, which installs it)", tool, pkg)
		}
	}
	install(t)
	server, err := app.StartTemporary(t.Context(), nil, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, key, err := server.Keys.Create(t.Context(), "npm", []keys.Role{keys.Platform})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BREAKWATER_TEST_URL", server.URL())
	t.Setenv("BREAKWATER_TEST_KEY", key)
	command(t, "node", "--test", "--test-reporter=spec")
}

// install gets the packages of the lock file, unless they are there.
func install(t *testing.T) {
	t.Helper()
	const installed = "node_modules/.installed-lock.json"
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if there, err := os.ReadFile(installed); err == nil && string(there) == string(lock) {
		return
	}
	command(t, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	if err := os.WriteFile(installed, lock, 0o600); err != nil {
		t.Fatal(err)
	}
}

// command runs a program to its end; what it prints is shown when it fails.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
	t.Logf("%s", output)
}
