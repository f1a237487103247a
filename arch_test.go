package breakwater_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/breakwater-project/breakwater"

// tiers are the floors of the house, lowest first. A package may import the
// floors below its own and its own parents and children, nothing else. A
// package stands on the floor of the nearest parent that is named here.
var tiers = []struct {
	name     string
	packages []string
}{
	{"vocabulary and libraries", []string{
		"event", "decision", "client", "policies",
		"pdq", "picture", "vpdq", "hamming", "agetoken", "mdoc", "sdjwt",
	}},
	{"ground", []string{"internal/fault", "internal/readability", "internal/bloom"}},
	{"platform", prefixed("internal/", "config", "db", "queue", "blob", "keys", "web", "telemetry")},
	{"mechanisms", prefixed("internal/", "age", "detect", "hashlist", "counter", "policy", "journal", "evidence", "label", "contact", "simulate")},
	{"spine", []string{"internal/decide"}},
	{"features", prefixed("internal/", "review", "redress", "report", "assurance", "compat", "gateway", "transparency", "risk", "wellbeing", "support", "sanction", "urgent")},
	{"edges", prefixed("internal/", "console", "server")},
	{"app", []string{"internal/app"}},
	{"commands", []string{"cmd", "scripts", "examples", "test"}},
}

// sideways are the imports that tiers forbid and that are meant, each with
// its reason.
var sideways = map[edge]string{
	{"decision", "event"}:  "a decision answers an event, band by band",
	{"client", "event"}:    "the client sends events",
	{"client", "decision"}: "the client receives decisions",

	{"picture", "pdq"}:  "an image is decoded to be hashed",
	{"vpdq", "pdq"}:     "a video is the hashes of its frames",
	{"vpdq", "picture"}: "a video is refused for the same reasons as an image",

	{"internal/keys", "internal/db"}:       "keys are kept, hashed, in the database",
	{"internal/queue", "internal/db"}:      "jobs are put in the transaction of what they follow from",
	{"internal/web", "internal/keys"}:      "each request is checked against its key and role",
	{"internal/web", "internal/telemetry"}: "each request is counted, timed and traced",

	{"internal/detect/embed", "internal/detect/text"}: "the second tier adds to the labels and scores of the first",

	// Within text detection, from the bottom up: normal, term and model, what trains
	// and measures them.
	{"internal/detect/text/term", "internal/detect/text/normal"}:      "terms are looked for in normalised texts",
	{"internal/detect/text/model", "internal/detect/text/normal"}:     "the model reads normalised texts",
	{"internal/detect/text/grammar", "internal/detect/text/labelled"}: "a grammar generates labelled texts",
	{"internal/detect/text/grammar", "internal/detect/text/model"}:    "in a grammar stand the labels of the model",
	{"internal/detect/text/measure", "internal/detect/text/labelled"}: "what is measured is labelled texts",
	{"internal/detect/text/train", "internal/detect/text/grammar"}:    "the model learns from grammars",
	{"internal/detect/text/train", "internal/detect/text/labelled"}:   "and from labelled texts",
	{"internal/detect/text/train", "internal/detect/text/measure"}:    "its card has what was measured",
	{"internal/detect/text/train", "internal/detect/text/model"}:      "training makes a model",
	{"internal/detect/text/train", "internal/detect/text/normal"}:     "and the lexicon of normalisation",
	{"internal/detect/text/train", "internal/detect/text/term"}:       "the model sees what terms are found",
}

// alone use the standard library and the vocabulary only: they are what others
// build against, and bring them no dependency.
var alone = []string{"event", "decision", "client", "hamming", "pdq", "mdoc", "sdjwt"}

// childSafety is what the platform floor must not know.
var childSafety = []string{"event", "decision", "client", "policies"}

// forbidden are package names that say nothing.
var forbidden = []string{"pkg", "util", "utils", "common", "models", "types", "service", "services", "mocks", "helper", "helpers", "base", "misc", "shared"}

// edge is one import. Packages of the module are named by their folder ("."
// is the root), all others by their import path.
type edge struct{ from, to string }

func TestArchitecture(t *testing.T) {
	var edges []edge
	var folders []string
	for _, p := range goList(t) {
		from := folder(p.ImportPath)
		folders = append(folders, from)
		if p.Error != nil {
			t.Errorf("%s: %s", from, p.Error.Err)
		}
		for _, imported := range p.Imports {
			edges = append(edges, edge{from, folder(imported)})
		}
	}
	for _, fault := range append(misplaced(folders), violations(edges)...) {
		t.Error(fault)
	}
	for permitted, reason := range sideways {
		if slices.Contains(folders, permitted.from) && !slices.Contains(edges, permitted) {
			t.Errorf("sideways permits %s → %s (%s), which nobody imports: remove it", permitted.from, permitted.to, reason)
		}
	}
}

// misplaced says which folders have no place in the house.
func misplaced(folders []string) []string {
	var faults []string
	for _, f := range folders {
		if f == "." {
			continue
		}
		if tierOf(f) < 0 {
			faults = append(faults, fmt.Sprintf("%s stands on no floor: name it in tiers, in arch_test.go", f))
		}
		for word := range strings.SplitSeq(f, "/") {
			if slices.Contains(forbidden, word) {
				faults = append(faults, fmt.Sprintf("%s: %q says nothing of what is inside", f, word))
			}
		}
	}
	return faults
}

// violations says which imports the house forbids.
func violations(edges []edge) []string {
	var faults []string
	for _, e := range edges {
		if why := violation(e); why != "" {
			faults = append(faults, fmt.Sprintf("%s imports %s: %s", e.from, e.to, why))
		}
	}
	return faults
}

func violation(e edge) string {
	from, to := tierOf(e.from), tierOf(e.to)
	switch {
	case from < 0: // misplaced says so
		return ""
	case !ours(e.to):
		if slices.Contains(alone, e.from) && strings.Contains(strings.Split(e.to, "/")[0], ".") {
			return "it uses the standard library only"
		}
		return ""
	case slices.Contains(alone, e.from) && sideways[e] == "":
		return "it uses the standard library and the listed vocabulary only"
	case (tiers[from].name == "ground" || tiers[from].name == "platform") && slices.Contains(childSafety, e.to):
		return "the platform knows nothing of children or safety"
	case to < from, related(e.from, e.to), sideways[e] != "":
		return ""
	case to == from:
		return fmt.Sprintf("both stand on the floor %q; let the caller declare an interface and app connect it, or list it in sideways with a reason", tiers[from].name)
	default:
		return fmt.Sprintf("%q is above %q", tiers[to].name, tiers[from].name)
	}
}

// TestArchitectureCatches shows the checker imports that it must refuse.
func TestArchitectureCatches(t *testing.T) {
	for _, e := range []edge{
		{"event", "github.com/google/go-cmp/cmp"},
		{"hamming", "golang.org/x/sys/cpu"},
		{"client", "internal/fault"},
		{"event", "decision"},
		{"client", "policies"},
		{"internal/db", "event"},
		{"internal/fault", "decision"},
		{"internal/fault", "internal/web"},
		{"internal/web", "decision"},
		{"internal/web", "internal/policy"},
		{"internal/policy", "internal/journal"},
		{"internal/journal", "internal/decide"},
		{"internal/decide", "internal/review"},
		{"internal/review", "internal/redress"},
		{"internal/report/nca", "internal/review"},
		{"internal/server", "internal/app"},
		{"internal/app", "cmd/breakwater"},
		{"internal/policy", "internal/policyother"},
	} {
		if violation(e) == "" && len(misplaced([]string{e.from, e.to})) == 0 {
			t.Errorf("%s may import %s", e.from, e.to)
		}
	}
	for _, e := range []edge{
		{"event", "encoding/json"},
		{"decision", "event"},
		{"internal/db", "modernc.org/sqlite"},
		{"internal/web", "internal/fault"},
		{"internal/policy", "event"},
		{"internal/policy", "internal/policy/policytest"},
		{"internal/policy/policytest", "internal/policy"},
		{"internal/decide", "internal/policy"},
		{"internal/review", "internal/decide"},
		{"internal/app", "internal/server"},
		{"cmd/breakwater", "internal/app"},
	} {
		if why := violation(e); why != "" {
			t.Errorf("%s may not import %s: %s", e.from, e.to, why)
		}
	}
	got := misplaced([]string{".", "event", "internal/policy/policytest", "internal/strings2", "internal/web/util", "cmd/breakwater"})
	want := []string{
		"internal/strings2 stands on no floor: name it in tiers, in arch_test.go",
		`internal/web/util: "util" says nothing of what is inside`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("misplaced (-want +got):\n%s", diff)
	}
}

// tierOf is the floor of a folder of the module, -1 where it has none.
func tierOf(f string) int {
	for i, tier := range tiers {
		for _, named := range tier.packages {
			if f == named || strings.HasPrefix(f, named+"/") {
				return i
			}
		}
	}
	return -1
}

// related reports whether one of the folders holds the other.
func related(a, b string) bool {
	return strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// ours reports whether an edge's end is a folder of the module.
func ours(f string) bool { return f == "." || tierOf(f) >= 0 || strings.HasPrefix(f, "internal/") }

// folder names a package of the module by its folder; other packages keep
// their import path.
func folder(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func prefixed(prefix string, names ...string) []string {
	for i := range names {
		names[i] = path.Join(prefix, names[i])
	}
	return names
}

// listed is what these tests read of `go list -json`.
type listed struct {
	Dir, ImportPath, Name string
	GoFiles, Imports      []string
	Error                 *struct{ Err string }
}

// goList is every package of the module.
func goList(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=Dir,ImportPath,Name,GoFiles,Imports,Error", "./...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}
