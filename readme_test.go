package breakwater_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The address and the key that pages show. A test's program listens elsewhere
// and has a key of its own; the commands are run with these in their place.
const (
	shownAddr = "127.0.0.1:8420"
	testKey   = "readme-test-key-0123456789abcdefghijklmnop"
)

// Every ```go block compiles, as a file, as declarations or as statements.
func TestSnippetsCompile(t *testing.T) {
	temp := t.TempDir()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	// The snippets stand in folders that exist only for the compiler, inside
	// the module, so that they may import what the module may.
	overlay := map[string]map[string]string{"Replace": {}}
	var where []string
	texts := pages(t)
	for _, page := range slices.Sorted(maps.Keys(texts)) {
		for _, b := range blocksOf(page, texts[page]) {
			if b.language != "go" {
				continue
			}
			name := fmt.Sprintf("snippet%d", len(where))
			where = append(where, fmt.Sprintf("%s is %s:%d", name, page, b.line))
			source := filepath.Join(temp, name+".go")
			if err := os.WriteFile(source, []byte(compilable(b.text)), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay["Replace"][filepath.Join(root, "internal", "snippets", name, "main.go")] = source
		}
	}
	if len(where) == 0 {
		t.Log("no page has a Go snippet")
		return
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(overlayFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", buildArgs("-overlay", overlayFile, "-o", os.DevNull, "./internal/snippets/...")...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, strings.Join(where, "\n"), out)
	}
}

// compilable makes a file of a snippet: as it stands, or with a package
// clause, or with its statements in a function.
func compilable(snippet string) string {
	parses := func(source string) bool {
		_, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
		return err == nil
	}
	if parses(snippet) {
		return snippet
	}
	if source := "package snippet\n" + snippet; parses(source) {
		return source
	}
	lines := strings.SplitAfter(snippet, "\n")
	for i := range lines {
		source := "package snippet\n" + strings.Join(lines[:i], "") + "func _() {\n" + strings.Join(lines[i:], "") + "\n}\n"
		if parses(source) {
			return source
		}
	}
	return snippet
}

// Every marked ```sh block runs against the real program and prints what the
// next block shows, if that is ```json or ```text.
func TestSnippetsRun(t *testing.T) {
	texts := pages(t)
	var program string
	for _, page := range slices.Sorted(maps.Keys(texts)) {
		blocks := blocksOf(page, texts[page])
		if !slices.ContainsFunc(blocks, func(b block) bool { return b.marked }) {
			continue
		}
		if program == "" {
			program = buildProgram(t)
		}
		t.Run(page, func(t *testing.T) { runPage(t, program, blocks) })
	}
}

// runPage starts a server of its own for a page and runs its marked blocks in
// order, in a folder that holds copies of what the commands may name.
func runPage(t *testing.T, program string, blocks []block) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"examples", "policies"} {
		if _, err := os.Stat(name); err == nil {
			if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	addr := startProgram(t, program)
	for i, b := range blocks {
		if !b.marked {
			continue
		}
		if b.language != "sh" {
			t.Errorf("%s:%d: %s before a block of %q: only sh is run", b.page, b.line, testMark, b.language)
			continue
		}
		out, err := runCommands(t, dir, program, addr, b.text)
		if err != nil {
			t.Fatalf("%s:%d: %v\n%s", b.page, b.line, err, out)
		}
		if i+1 == len(blocks) {
			continue
		}
		next := blocks[i+1]
		switch next.language {
		case "json":
			err = sameJSON(next.text, out)
		case "text":
			err = sameText(next.text, out)
		}
		if err != nil {
			t.Errorf("%s:%d: %v\nprinted:\n%s", next.page, next.line, err, out)
		}
	}
}

func runCommands(t *testing.T, dir, program, addr, commands string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(commands, shownAddr, addr))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	if strings.Contains(commands, "$BREAKWATER_KEY") { // the program refuses variables that are none of its settings
		cmd.Env = append(cmd.Env, "BREAKWATER_KEY="+testKey)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return strings.ReplaceAll(string(out), addr, shownAddr), err
}

func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "breakwater")
	out, err := exec.CommandContext(t.Context(), "go", buildArgs("-o", program, "./cmd/breakwater")...).CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// buildArgs builds with the race detector when the test has it: the packages
// are compiled already.
func buildArgs(args ...string) []string {
	build := []string{"build"}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		build = append(build, "-race")
	}
	return append(build, args...)
}

var listening = regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*`)

// startProgram is `breakwater serve` on a free port, until the test ends.
func startProgram(t *testing.T, program string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "serve", "--data", t.TempDir(), "--addr", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "BREAKWATER_ADMIN_KEY="+testKey)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	var said strings.Builder
	go func() {
		defer close(found)
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			fmt.Fprintln(&said, lines.Text())
			if addr := listening.FindString(lines.Text()); addr != "" {
				found <- addr
				break
			}
		}
		_, _ = io.Copy(io.Discard, reader)
	}()
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		writer.Close()
	}()
	t.Cleanup(func() { <-ended }) // t.Context is over by then
	select {
	case a, ok := <-found:
		if !ok {
			t.Fatalf("serve ended before it named its address:\n%s", said.String())
		}
		return a
	case <-time.After(time.Minute):
		t.Fatal("serve did not name its address within a minute")
	}
	return ""
}

// changing are the parts of an answer that are new each time.
var changing = []struct {
	pattern *regexp.Regexp
	stands  string
}{
	{regexp.MustCompile(`\b([a-z]{1,3}_)[0-9A-Za-z]{10,}\b`), "${1}*"},                        // ids
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "<time>"}, //
	{regexp.MustCompile(`sha256:[0-9a-f…]+`), "sha256:*"},                                     // digests
	{regexp.MustCompile(`@[0-9a-f…]{6,}`), "@*"},                                              // versions of detectors
	{regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s)\b`), "<duration>"},                         //
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<uuid>"},
}

func normalise(s string) string {
	for _, c := range changing {
		s = c.pattern.ReplaceAllString(s, c.stands)
	}
	return s
}

// sameText compares line by line; a line … in want stands for any lines.
func sameText(want, got string) error {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for line := range strings.Lines(strings.TrimRight(normalise(want), "\n") + "\n") {
		if line = strings.TrimRight(line, " \n"); line == "…" || line == "..." {
			pattern.WriteString(`(?:.*\n)*?`)
		} else {
			pattern.WriteString(regexp.QuoteMeta(line) + ` *\n`)
		}
	}
	pattern.WriteString(`\z`)
	if !regexp.MustCompile(pattern.String()).MatchString(strings.TrimRight(normalise(got), "\n") + "\n") {
		return fmt.Errorf("the page shows:\n%s", want)
	}
	return nil
}

// sameJSON compares one or more JSON values. A page may leave out members of
// an object; what it shows must be there.
func sameJSON(want, got string) error {
	shown, err := jsonValues(normalise(want))
	if err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	printed, err := jsonValues(normalise(got))
	if err != nil {
		return fmt.Errorf("the program: %w", err)
	}
	return contains("", shown, printed)
}

func jsonValues(text string) ([]any, error) {
	var values []any
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return values, nil
		} else if err != nil {
			return nil, fmt.Errorf("no JSON: %w", err)
		}
		values = append(values, v)
	}
}

// contains reports the first place where got has not what want shows.
func contains(path string, want, got any) error {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: the page shows an object", path)
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			value, ok := object[name]
			if !ok {
				return fmt.Errorf("%s.%s: the page shows it, the program does not", path, name)
			}
			if err := contains(path+"."+name, want[name], value); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Errorf("%s: the page shows %d values", path, len(want))
		}
		for i := range want {
			if err := contains(fmt.Sprintf("%s[%d]", path, i), want[i], list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("%s: the page shows %v, the program %v", path, want, got)
	}
	return nil
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{`{"outcome":"hold"}`, `{"id":"d_01","outcome":"hold"}`, true},
		{`{"outcome":"hold","id":"d_0123456789ab"}`, `{"id":"d_ba9876543210","outcome":"hold"}`, true},
		{`{"time":"2026-01-01T00:00:00Z"}`, `{"time":"2026-11-24T10:00:00.5Z"}`, true},
		{`{"a":1} {"a":2}`, `{"a":1}` + "\n" + `{"a":2}`, true},
		{`{"outcome":"hold"}`, `{"outcome":"block"}`, false},
		{`{"outcome":"hold"}`, `{}`, false},
		{`{"bands":[]}`, `{"bands":[1]}`, false},
		{`{"a":1}`, `{"a":1} {"a":1}`, false},
		{`{"a":1}`, `refused`, false},
	} {
		if err := sameJSON(c.want, c.got); (err == nil) != c.same {
			t.Errorf("JSON %s and %s: %v", c.want, c.got, err)
		}
	}
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{"ok 3 rules\n", "ok 3 rules\n", true},
		{"ready in 12ms\n", "ready in 1.5s\n", true},
		{"a\n…\nz\n", "a\nb\nc\nz\n", true},
		{"a\n…\n", "a\n", true},
		{"ok 3 rules\n", "ok 4 rules\n", false},
		{"a\nz\n", "a\nb\nz\n", false},
		{"a\n", "a\nb\n", false},
	} {
		if err := sameText(c.want, c.got); (err == nil) != c.same {
			t.Errorf("text %q and %q: %v", c.want, c.got, err)
		}
	}
}

func TestCompilable(t *testing.T) {
	for snippet, want := range map[string]string{
		"package main\n\nfunc main() {}\n":                     "package main\n\nfunc main() {}\n",
		"import \"fmt\"\n\nfunc f() { fmt.Println() }\n":       "package snippet\nimport \"fmt\"\n\nfunc f() { fmt.Println() }\n",
		"import \"fmt\"\n\nx := 1\nfmt.Println(x)\n":           "package snippet\nimport \"fmt\"\nfunc _() {\n\nx := 1\nfmt.Println(x)\n\n}\n",
		"this is no Go, and the compiler is to say so: x :=\n": "this is no Go, and the compiler is to say so: x :=\n",
	} {
		if got := compilable(snippet); got != want {
			t.Errorf("compilable(%q) = %q", snippet, got)
		}
	}
}

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s#]+)[^)]*\)`)
	codeSpan   = regexp.MustCompile("`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?)`")
)

// Every file of the repository that a page links to or names, exists.
func TestPathsExist(t *testing.T) {
	for page, text := range pages(t) {
		for _, missing := range missingPaths(page, text) {
			t.Errorf("%s names %s, which does not exist", page, missing)
		}
	}
}

// missingPaths lists the links to files, and the `dir/file` in code spans
// whose first folder exists, that lead nowhere. Links count from the page,
// code spans from the root.
func missingPaths(page, text string) []string {
	exists := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	var missing []string
	prose := proseOf(page, text)
	for _, m := range linkTarget.FindAllStringSubmatch(prose, -1) {
		if target := m[1]; !strings.Contains(target, ":") && !exists(filepath.Join(filepath.Dir(page), target)) {
			missing = append(missing, target)
		}
	}
	for _, m := range codeSpan.FindAllStringSubmatch(prose, -1) {
		first, rest, _ := strings.Cut(m[1], "/")
		if rest != "" && exists(first) && !exists(m[1]) {
			missing = append(missing, m[1])
		}
	}
	return missing
}

func TestPathsExistCatches(t *testing.T) {
	text := "[a](LICENSE) [b](nowhere.md#x) [c](https://example.org/d) [e](#f) `scripts/setup.sh` `scripts/nowhere.sh` `text/plain` `scripts/`\n" +
		"```\n`scripts/other.sh`\n```\n"
	if got := missingPaths("X.md", text); !slices.Equal(got, []string{"nowhere.md", "scripts/nowhere.sh"}) {
		t.Errorf("missing: %q", got)
	}
}
