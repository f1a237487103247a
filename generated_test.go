package breakwater_test

//go:generate go test -count=1 -run ^TestGenerated . -update
//go:generate go test -count=1 -run ^TestDocumentListsWhatShips$ ./examples/policies -update

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
)

var update = flag.Bool("update", false, "write what is generated, instead of comparing it")

const (
	specFile   = "docs/api/openapi.json"
	operations = "docs/operations.md"
	detectors  = "docs/howto-detector.md"
)

// TestGenerated holds generated files, and generated parts of pages, to what
// the program says of itself. `make gen` writes them.
func TestGenerated(t *testing.T) {
	server, err := app.StartTemporary(t.Context(), nil, app.Options{Version: "unreleased"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	spec := fetch(t, server.URL()+"/openapi.json")
	t.Run("openapi", func(t *testing.T) {
		var indented bytes.Buffer
		if err := json.Indent(&indented, spec, "", "  "); err != nil {
			t.Fatal(err)
		}
		generated(t, specFile, strings.TrimSuffix(indented.String(), "\n")+"\n")
	})
	t.Run("settings", func(t *testing.T) { section(t, operations, "settings", settingsTable(t)) })
	t.Run("routes", func(t *testing.T) { section(t, operations, "routes", routesTable(t, spec)) })
	t.Run("metrics", func(t *testing.T) {
		metrics := metricsInSource(t)
		section(t, operations, "metrics", metricsTable(metrics))
		for _, name := range scraped(fetch(t, server.URL()+"/metrics")) {
			if _, ok := metrics[name]; !ok {
				t.Errorf("/metrics has %s, which the page does not list", name)
			}
		}
	})
}

// A page that shows files shows what is in them.
func TestGeneratedFromFiles(t *testing.T) {
	for file, language := range map[string]string{
		"examples/phone/phone.go":               "go",
		"examples/phone/policy/phone.yaml":      "yaml",
		"examples/phone/policy/phone_test.yaml": "yaml",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		section(t, detectors, file, "```"+language+"\n"+string(text)+"```\n")
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return body
}

// generated compares a file with what it should be, or writes it.
func generated(t *testing.T, file, want string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil && (!*update || !os.IsNotExist(err)) {
		t.Fatal(err)
	}
	if string(old) == want {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is stale, run `make gen` (-file +generated):\n%s", file, cmp.Diff(string(old), want))
}

// section is generated for the part of a page between the marks of a name.
func section(t *testing.T, page, name, want string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), "<!-- begin: "+name+"; `make gen` writes it -->\n")
	_, after, ended := strings.Cut(rest, "<!-- end: "+name+" -->\n")
	if !begun || !ended {
		t.Fatalf("%s has no marks for %s", page, name)
	}
	begin := string(text)[len(before) : len(text)-len(rest)]
	generated(t, page, before+begin+want+"<!-- end: "+name+" -->\n"+after)
}

// cell is text that stands in a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func settingsTable(t *testing.T) string {
	t.Helper()
	c, err := config.Load(config.Source{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| setting | default | what |\n| --- | --- | --- |\n")
	for _, s := range c.Settings() {
		byDefault := "none"
		if s.Default != "" {
			byDefault = cell(s.Default)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, byDefault, cell(s.Doc))
	}
	return b.String()
}

// routesTable lists every operation of the API and the roles that may call it.
func routesTable(t *testing.T, spec []byte) string {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Summary string
			Roles   []string `json:"x-roles"`
		}
	}
	if err := json.Unmarshal(spec, &doc); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| route | roles | |\n| --- | --- | --- |\n")
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			op := doc.Paths[path][method]
			roles := "no key needed"
			if len(op.Roles) > 0 {
				roles = strings.Join(op.Roles, ", ")
			}
			fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", strings.ToUpper(method), path, roles, cell(op.Summary))
		}
	}
	return b.String()
}

// metric is one family, as the program registers it.
type metric struct {
	kind   string // counter, gauge, histogram
	help   string
	labels []string
}

// metricsInSource finds the metrics where they are registered: a scrape leaves
// out those that nothing has happened to yet.
func metricsInSource(t *testing.T) map[string]metric {
	t.Helper()
	metrics := map[string]metric{}
	for _, p := range goList(t) {
		for _, name := range p.GoFiles {
			file := filepath.Join(p.Dir, name)
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if name, m, ok := registered(call); ok {
						metrics[name] = m
					}
				}
				return true
			})
		}
	}
	if len(metrics) == 0 {
		t.Fatal("no metric is registered anywhere")
	}
	return metrics
}

// registered reads a call like m.Counter("decide", "decisions", "total", help, labels…).
func registered(call *ast.CallExpr) (string, metric, bool) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	kinds := map[string]string{"Counter": "counter", "Gauge": "gauge", "GaugeFunc": "gauge", "Histogram": "histogram"}
	if !ok || kinds[method.Sel.Name] == "" || len(call.Args) < 4 {
		return "", metric{}, false
	}
	var texts []string
	for _, arg := range call.Args {
		if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				return "", metric{}, false
			}
			texts = append(texts, text)
		}
	}
	if len(texts) < 4 {
		return "", metric{}, false
	}
	return "breakwater_" + strings.Join(texts[:3], "_"), metric{kinds[method.Sel.Name], texts[3], texts[4:]}, true
}

func metricsTable(metrics map[string]metric) string {
	var b strings.Builder
	b.WriteString("| metric | kind | labels | |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		m := metrics[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, m.kind, strings.Join(m.labels, ", "), cell(m.help))
	}
	return b.String()
}

var family = regexp.MustCompile(`(?m)^# TYPE (breakwater_\w+) `)

// scraped are the names of our own metrics in a scrape.
func scraped(body []byte) []string {
	var names []string
	for _, m := range family.FindAllSubmatch(body, -1) {
		names = append(names, string(m[1]))
	}
	return names
}
