// Package browser drives the demo's live page in Chromium. The tests are in
// live.test.js; this runs them, so that they count in `go test ./...`.
package browser

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// chromium is where Debian's package puts it; CHROMIUM names another one.
const chromium = "/usr/bin/chromium"

func TestLivePage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	needs(t)
	built(t)
	command(t, "node", "--test", "--test-reporter=spec", "live.test.js")
}

// built has the npm packages and the program, which BREAKWATER_BIN names.
func built(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		command(t, "npm", "ci", "--no-audit", "--no-fund")
	}
	program := os.Getenv("BREAKWATER_BIN")
	if program == "" {
		program = filepath.Join(t.TempDir(), "breakwater")
		command(t, "go", "build", "-o", program, "../../cmd/breakwater")
	}
	t.Setenv("BREAKWATER_BIN", program)
}

// needs skips, with the name of what is missing.
func needs(t *testing.T) {
	t.Helper()
	for tool, pkg := range map[string]string{"node": "nodejs", "npm": "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: on Debian, apt-get install %s (or run `make test`, which installs it)", tool, pkg)
		}
	}
	path := os.Getenv("CHROMIUM")
	if path == "" {
		path = chromium
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("Chromium is missing at %s: on Debian, apt-get install chromium (or run `make test`), elsewhere set CHROMIUM", path)
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
