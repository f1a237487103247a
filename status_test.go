package breakwater_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every row of the README's table of what works names tests that exist.
func TestStatus(t *testing.T) {
	rows := statusRows(pages(t)["README.md"])
	if len(rows) < 10 {
		t.Fatalf("%d rows: is the table still under its heading?", len(rows))
	}
	for _, row := range rows {
		named := namedTests(row)
		if len(named) == 0 {
			t.Errorf("no test is named in: %s", row)
		}
		for _, n := range named {
			if err := n.find(); err != nil {
				t.Errorf("%s in %s: %v", n.name, n.where, err)
			}
		}
	}
}

// statusRows are the rows of the table under "What works today", without its
// head.
func statusRows(readme string) []string {
	_, rest, _ := strings.Cut(readme, "\n## What works today\n")
	part, _, _ := strings.Cut(rest, "\n## ")
	var rows []string
	for line := range strings.Lines(part) {
		if strings.HasPrefix(line, "| ") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	return rows[min(2, len(rows)):]
}

// namedTest is a test function, and the folder or the file that has it.
type namedTest struct{ name, where string }

var (
	testsAndPlace = regexp.MustCompile("((?:`(?:Test|Fuzz|Example)[A-Za-z0-9_]*`(?:, | and )?)+) in `([^`]+)`")
	testName      = regexp.MustCompile("`([^`]+)`")
)

// namedTests reads "`TestA`, `TestB` in `folder`", as often as a row has it.
func namedTests(row string) []namedTest {
	var named []namedTest
	for _, m := range testsAndPlace.FindAllStringSubmatch(row, -1) {
		for _, name := range testName.FindAllStringSubmatch(m[1], -1) {
			named = append(named, namedTest{name[1], m[2]})
		}
	}
	return named
}

func (n namedTest) find() error {
	files := []string{n.where}
	if info, err := os.Stat(n.where); err != nil {
		return err
	} else if info.IsDir() {
		files, _ = filepath.Glob(filepath.Join(n.where, "*_test.go")) // the pattern is valid
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(f.Decls, n.is) {
			return nil
		}
	}
	return errors.New("there is no such test")
}

func (n namedTest) is(d ast.Decl) bool {
	f, ok := d.(*ast.FuncDecl)
	return ok && f.Recv == nil && f.Name.Name == n.name
}

func TestStatusCatches(t *testing.T) {
	readme := "# X\n| a | `TestNowhere` in `internal` |\n\n## What works today\n\nWords.\n\n| what | held by |\n| --- | --- |\n" +
		"| a | `TestStatus`, `TestStatusCatches` in `status_test.go`; `TestKinds` in `internal/fault` |\n" +
		"| b | nothing |\n| c | `TestNowhere` in `internal/fault` |\n\n## Next\n\n| d | e |\n"
	rows := statusRows(readme)
	if len(rows) != 3 {
		t.Fatalf("rows: %q", rows)
	}
	if named := namedTests(rows[0]); len(named) != 3 || named[1].find() != nil || named[2].find() != nil {
		t.Errorf("first row: %v", named)
	}
	if named := namedTests(rows[1]); len(named) != 0 {
		t.Errorf("second row: %v", named)
	}
	if named := namedTests(rows[2]); len(named) != 1 || named[0].find() == nil {
		t.Errorf("third row: %v", named)
	}
}
