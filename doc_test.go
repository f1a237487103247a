package breakwater_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every package says what it is, and every exported name of the packages that
// others may import says what it does.
func TestDocumentation(t *testing.T) {
	for _, p := range goList(t) {
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		fset := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		f := folder(p.ImportPath)
		if fault := packageComment(files, p.Name, filepath.Base(p.Dir)); fault != "" {
			t.Errorf("%s: %s", f, fault)
		}
		if !isPublic(f) {
			continue
		}
		for _, name := range undocumented(files) {
			t.Errorf("%s: %s has no comment", f, name)
		}
	}
}

// isPublic reports whether programs of others may import the package.
func isPublic(f string) bool {
	first, _, _ := strings.Cut(f, "/")
	return !slices.Contains([]string{"internal", "cmd", "scripts", "examples", "test"}, first)
}

// packageComment says what is wrong with a package's comment: there must be
// one, in one file, beginning "Package x" or, for a program, "Command x".
func packageComment(files []*ast.File, name, dir string) string {
	want := "Package " + name
	if name == "main" {
		want = "Command " + dir
	}
	var comments []string
	for _, f := range files {
		if text := f.Doc.Text(); text != "" {
			comments = append(comments, text)
		}
	}
	switch {
	case len(comments) == 0:
		return "no package comment; it begins " + want
	case len(comments) > 1:
		return "package comments in several files"
	case !strings.HasPrefix(comments[0], want+" ") && !strings.HasPrefix(comments[0], want+"\n"):
		return "the package comment does not begin " + want
	}
	return ""
}

// undocumented lists exported names without a comment. A group of constants
// or variables may have one comment; a method that only fulfils an interface
// of the standard library needs one too: it costs a line.
func undocumented(files []*ast.File) []string {
	var names []string
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc.Text() == "" {
					names = append(names, d.Name.Name)
				}
			case *ast.GenDecl:
				names = append(names, undocumentedIn(d)...)
			}
		}
	}
	return names
}

func undocumentedIn(d *ast.GenDecl) []string {
	if d.Doc.Text() != "" && (d.Tok != token.TYPE || !d.Lparen.IsValid()) {
		return nil
	}
	var names []string
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc.Text() == "" {
				names = append(names, s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && s.Doc.Text() == "" && s.Comment.Text() == "" {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether d is a function, or a method of an exported
// type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			exported = id.IsExported()
			return false
		}
		return true
	})
	return exported
}

// TestDocumentationCatches shows the checker a package that it must refuse.
func TestDocumentationCatches(t *testing.T) {
	const source = `// Something about x.
package x

const A = 1

// Some.
const (
	B = 1
	C = 2
)

var (
	D = 1 // four
	E = 2
)

type F struct{}

func (F) G() {}

type h struct{}

func (h) I() {}

// J does.
func J() {}

func K[T any](T) {}
`
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "E", "F", "G", "K"}, undocumented([]*ast.File{f})); diff != "" {
		t.Errorf("undocumented (-want +got):\n%s", diff)
	}
	if fault := packageComment([]*ast.File{f}, "x", "x"); fault == "" {
		t.Error("a package comment that does not name the package passes")
	}
	if fault := packageComment(nil, "x", "x"); fault == "" {
		t.Error("a package without a comment passes")
	}
}

// machinePath is a path that exists on somebody's machine only. The letters
// in brackets keep this line from matching itself.
var machinePath = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:,])/(w[o]rk|r[o]ot|f[a]rm|U[s]ers)/|/h[o]me/[a-z]|/tmp/[a-z_-]+[.]\d|[.]l[i]brary`)

// What works on one machine only is no part of the project.
func TestNoMachinePaths(t *testing.T) {
	for _, file := range tracked(t) {
		if strings.HasSuffix(file, ".sum") || strings.HasSuffix(file, "package-lock.json") {
			continue
		}
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(string(text), 0) {
			continue // not text
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			if found := machinePath.FindString(line); found != "" {
				t.Errorf("%s:%d: path of a machine: %s", file, n, strings.TrimSpace(found))
			}
		}
	}
}

func TestNoMachinePathsCatches(t *testing.T) {
	for text, bad := range map[string]bool{
		fmt.Sprintf("see %swork/main", "/"):           true,
		fmt.Sprintf(`"%sroot/.cache"`, "/"):           true,
		fmt.Sprintf("cd %shome/ada/src", "/"):         true,
		"https://example.org/work/1":                  false,
		"how we work/rest":                            false,
		fmt.Sprintf("the folder %srootless/x", "/"):   false,
		"a temporary directory, /tmp, or /var/lib/x/": false,
	} {
		if got := machinePath.MatchString(text); got != bad {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A test waits for what it waits for. It may sleep only on the clock of
// testing/synctest, where a minute takes no time.
func TestNoSleeping(t *testing.T) {
	const sleep, synctest = "time." + "Sleep(", `"testing/synctest"`
	for _, file := range tracked(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if strings.Contains(string(text), sleep) && !strings.Contains(string(text), synctest) {
			t.Errorf("%s sleeps on the clock", file)
		}
	}
}

// tracked is every file that git knows.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("no git checkout: there is no list of tracked files")
	}
	out, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}
