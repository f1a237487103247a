package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	xdraw "golang.org/x/image/draw"

	"github.com/breakwater-project/breakwater/picture"
)

// photographs fills a folder with n pictures of clouds, and makes a bank that
// knows each tenth.
func photographs(t *testing.T, n int) (folder, data string) {
	t.Helper()
	folder, data = t.TempDir(), t.TempDir()
	var entries bytes.Buffer
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		cloud := image.NewGray(image.Rect(0, 0, 16, 12))
		for j := range cloud.Pix {
			cloud.Pix[j] = uint8(r.IntN(256))
		}
		m := image.NewGray(image.Rect(0, 0, 160, 120))
		xdraw.CatmullRom.Scale(m, m.Rect, cloud, cloud.Rect, xdraw.Src, nil)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			h, err := picture.Hash(t.Context(), b.Bytes(), picture.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&entries, `{"id":"p%d","hash":{"pdq":%q}}`+"\n", i, h.Hash.String())
		}
		path := filepath.Join(folder, fmt.Sprint(i%7), fmt.Sprintf("%05d.jpg", i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	known := filepath.Join(data, "known.ndjson")
	if err := os.WriteFile(known, entries.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	breakwater(t, 0, "list", "create", "known", "--data", data)
	breakwater(t, 0, "list", "import", "known", known, "--data", data)
	return folder, data
}

// breakwater runs the program, which must end with a status.
func breakwater(t *testing.T, want int, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "breakwater", args...).CombinedOutput()
	if got := exitStatus(err); got != want {
		t.Fatalf("%v: exit status %d, want %d\n%s", args, got, want, out)
	}
}

// TestScanKilled kills a scan again and again and goes on: the report has in
// the end what that of an undisturbed scan has.
func TestScanKilled(t *testing.T) {
	n, kills := 1500, 15
	if testing.Short() {
		n, kills = 200, 3
	}
	folder, data := photographs(t, n)
	whole, killed := filepath.Join(data, "whole"), filepath.Join(data, "killed")
	breakwater(t, exitFound, "scan", folder, "--data", data, "--report", whole)
	want, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(want, []byte("\n")); lines != n {
		t.Fatalf("%d lines of %d pictures", lines, n)
	}
	if found := bytes.Count(want, []byte(`"bank":"known"`)); found != (n+9)/10 {
		t.Errorf("%d are found, of %d", found, (n+9)/10)
	}

	cut := 0
	for i := range kills {
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, "breakwater", "scan", folder, "--data", data, "--report", killed)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		written(t, killed, int64(len(want))*int64(i)/int64(kills))
		cancel()
		_ = cmd.Wait() // killed
		if got, err := os.ReadFile(killed); err != nil || !bytes.HasPrefix(want, got) {
			t.Fatalf("after kill %d the report is no beginning of the other: %v", i, err)
		} else if len(got) > 0 && got[len(got)-1] != '\n' {
			cut++
		}
	}
	breakwater(t, exitFound, "scan", folder, "--data", data, "--report", killed)
	got, err := os.ReadFile(killed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%d bytes in %d parts, %d in one", len(got), kills+1, len(want))
	}
	var state struct {
		Ended  bool
		Totals struct{ Files, Found int }
	}
	text, err := os.ReadFile(killed + ".state")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &state); err != nil || !state.Ended || state.Totals.Files != n || state.Totals.Found != (n+9)/10 {
		t.Errorf("%s: %v", text, err)
	}
	t.Logf("%d kills, of them %d within a line", kills, cut)
}

// written waits until a file has so many bytes.
func written(t *testing.T, path string, bytes int64) {
	t.Helper()
	for {
		info, err := os.Stat(path)
		if err == nil && info.Size() >= bytes {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
}

// TestScanProgress has a scan on a terminal show a bar that moves, the rate
// and the time left.
func TestScanProgress(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("no terminal can be made: the program script is absent")
	}
	folder, data := photographs(t, 200)
	paths := strings.Repeat(folder+" ", 20) // so that it takes a while
	cmd := exec.CommandContext(t.Context(), script, "-qec",
		fmt.Sprintf("stty cols 120 rows 30; breakwater scan %s --data %s --report %s", paths, data, filepath.Join(data, "r")), "/dev/null")
	out, err := cmd.Output()
	if exitStatus(err) != exitFound {
		t.Fatalf("%v\n%s", err, out)
	}
	shown := regexp.MustCompile(`scanning (\d+) files, \d+/s .*?(\d+) % (\S+) left`).FindAllSubmatch(out, -1)
	var percents []string
	for _, m := range shown {
		percents = append(percents, string(m[2]))
	}
	if moved := slices.Compact(percents); len(moved) < 3 {
		t.Errorf("the bar shows %v\n%q", percents, out)
	}
	if !strings.Contains(string(out), "4000 files, of them 4000 images and 0 videos: 400 match, 0 could not be looked at") {
		t.Errorf("no last line:\n%q", out)
	}
}
