package breakwater_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is a fenced block of a page.
type block struct {
	page     string
	line     int    // of the opening fence
	language string // the first word after the fence
	marked   bool   // <!-- test --> stands before it
	text     string
}

// testMark stands on the last line before a block of commands that is run.
const testMark = "<!-- test -->"

// blocksOf finds the fenced blocks of a page.
func blocksOf(page, text string) []block {
	var blocks []block
	var open *block
	var fence, before string
	n := 0
	for line := range strings.Lines(text) {
		n++
		trimmed := strings.TrimSpace(line)
		switch {
		case open != nil && trimmed == fence:
			blocks = append(blocks, *open)
			open, before = nil, ""
		case open != nil:
			open.text += line
		case strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~"):
			fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, trimmed[:1]))]
			language, _, _ := strings.Cut(strings.TrimPrefix(trimmed, fence), " ")
			open = &block{page: page, line: n, language: language, marked: before == testMark}
		case trimmed != "":
			before = trimmed
		}
	}
	return blocks
}

// proseOf is the page without its fenced blocks.
func proseOf(page, text string) string {
	for _, b := range slices.Backward(blocksOf(page, text)) {
		lines := strings.SplitAfter(text, "\n")
		end := b.line + strings.Count(b.text, "\n") + 1
		text = strings.Join(slices.Delete(lines, b.line-1, min(end, len(lines))), "")
	}
	return text
}

// pages are the texts that are held to what they say: every Markdown file at
// the root and in docs.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	if texts["README.md"] == "" {
		t.Fatal("there is no README.md")
	}
	return texts
}

func TestBlocksOf(t *testing.T) {
	page := "Words.\n\n```go\nx := 1\n```\n" + testMark + "\n\n```sh title\ncurl\n\n```\nProse\n~~~~\n```\n~~~~\nend\n"
	want := []block{
		{page: "p", line: 3, language: "go", text: "x := 1\n"},
		{page: "p", line: 8, language: "sh", marked: true, text: "curl\n\n"},
		{page: "p", line: 13, text: "```\n"},
	}
	if diff := cmp.Diff(want, blocksOf("p", page), cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("Words.\n\n"+testMark+"\n\nProse\nend\n", proseOf("p", page)); diff != "" {
		t.Errorf("prose (-want +got):\n%s", diff)
	}
}
