package scan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/breakwater-project/breakwater/hamming"
	"github.com/breakwater-project/breakwater/internal/hashlist"
)

// list is a bank that is scanned.
type list struct {
	near   map[string]hamming.Code // by entry
	digest map[string]string       // entry by SHA-256
	err    error
}

func (l *list) Match(_ context.Context, q hashlist.Query) (hashlist.Result, error) {
	var r hashlist.Result
	if l == nil {
		return r, nil
	}
	if entry, ok := l.digest[q.SHA256]; ok {
		r.Matches = append(r.Matches, hashlist.Match{Bank: "b", Entry: entry, Kind: hashlist.SHA256})
	}
	least := map[string]int{}
	for _, text := range q.Turned {
		code, err := hamming.Parse(text)
		if err != nil {
			return r, err
		}
		for entry, known := range l.near {
			if d := code.Distance(known); d <= 31 {
				if before, ok := least[entry]; !ok || d < before {
					least[entry] = d
				}
			}
		}
	}
	for entry, d := range least {
		r.Matches = append(r.Matches, hashlist.Match{Bank: "b", Entry: entry, Kind: hashlist.PDQ, Distance: d})
	}
	slices.SortFunc(r.Matches, func(a, b hashlist.Match) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Entry, b.Entry))
	})
	return r, l.err
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// write makes files of a folder; a name that ends in / is a folder.
func write(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// file is a member of an archive that a test makes.
type file struct {
	name string
	data []byte
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		in, err := w.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scanned is the lines of a scan, paths from the folder on.
func scanned(t *testing.T, s Scanner, folder string) []Line {
	t.Helper()
	if s.Lists == nil {
		s.Lists = (*list)(nil)
	}
	var lines []Line
	err := s.Scan(t.Context(), []string{folder}, Position{}, func(d Done) error {
		if d.Line != nil {
			line := *d.Line
			line.Path = strings.TrimPrefix(line.Path, folder+"/")
			lines = append(lines, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// brief is lines as "path member kind: matches error".
func brief(lines []Line) []string {
	var all []string
	for _, l := range lines {
		text := l.Path
		if l.Member != "" {
			text += " " + l.Member
		}
		text += " " + l.Kind + ":"
		for _, m := range l.Matches {
			text += fmt.Sprintf(" %s %s %d", m.Entry, m.Kind, m.Distance)
		}
		if l.Error != "" {
			text += " " + l.Error
		}
		all = append(all, text)
	}
	return all
}

func TestArchivesAndOrder(t *testing.T) {
	folder := t.TempDir()
	image, known := pngOf(t, draw(1, 64)), []byte("a known text\n")
	small := file{"0001.png", image}
	text := file{"0001.txt", []byte("a caption")}
	write(t, folder, map[string][]byte{
		"a/x.png":        image,
		"a.png":          image,
		"b/note.txt":     []byte("nothing"),
		"b/known.txt":    known,
		"b/empty.png":    nil,
		"shard-0.tar":    tarOf(t, small, text, file{"deep/known.txt", known}),
		"shard-1.tar.gz": gzipOf(t, tarOf(t, text, small)),
		"x.png.gz":       gzipOf(t, image),
		"y.zip":          zipOf(t, small, file{"in.zip", zipOf(t, file{"in.tar", tarOf(t, small)}, small)}, text),
		"z.bin":          bytes.Repeat([]byte("z"), 1000),
	})
	if err := os.Symlink(filepath.Join(folder, "a.png"), filepath.Join(folder, "link.png")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, filepath.Join(folder, "loop")); err != nil {
		t.Fatal(err)
	}
	code := codeOf(t, image)
	l := &list{near: map[string]hamming.Code{"picture": code}, digest: map[string]string{sha(known): "text"}}
	for _, workers := range []int{1, 4} {
		got := brief(scanned(t, Scanner{Lists: l, Workers: workers}, folder))
		want := []string{
			"a/x.png image: picture pdq 0",
			"a.png image: picture pdq 0",
			"b/known.txt file: text sha256 0",
			"shard-0.tar 0001.png image: picture pdq 0",
			"shard-0.tar deep/known.txt file: text sha256 0",
			"shard-1.tar.gz 0001.png image: picture pdq 0",
			"x.png.gz x.png image: picture pdq 0",
			"y.zip 0001.png image: picture pdq 0",
			"y.zip in.zip!in.tar!0001.png image: picture pdq 0",
			"y.zip in.zip!0001.png image: picture pdq 0",
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers (-want +got):\n%s", workers, diff)
		}
	}
}

func TestWhatCannotBeLookedAt(t *testing.T) {
	folder := t.TempDir()
	image := pngOf(t, draw(1, 64))
	archive := tarOf(t, file{"1.png", image}, file{"2.png", image})
	encrypted := zipOf(t, file{"s.png", image})
	encrypted[6] |= 1 // in the file's own head, which is not asked
	at := bytes.Index(encrypted, []byte("PK\x01\x02"))
	encrypted[at+8] |= 1
	wrong := zipOf(t, file{"1.png", image}, file{"2.png", image})
	wrong[bytes.Index(wrong, []byte("PK\x01\x02"))+16] ^= 1 // the first checksum
	write(t, folder, map[string][]byte{
		"a-torn.png":  image[:len(image)/3],
		"b-torn.tar":  archive[:len(archive)/2+600],
		"c.tar.gz":    gzipOf(t, archive)[:len(image)],
		"d.zip":       []byte("PK\x03\x04 and no more"),
		"e-enc.zip":   encrypted,
		"f-wrong.zip": wrong,
		"g.png":       image,
	})
	if os.Getuid() != 0 { // who may read everything
		write(t, folder, map[string][]byte{"h/x.png": image, "i.png": image})
		for _, name := range []string{"h", "i.png"} {
			if err := os.Chmod(filepath.Join(folder, name), 0); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.Chmod(filepath.Join(folder, name), 0o700) }()
		}
	}
	lines := scanned(t, Scanner{}, folder)
	for _, want := range []struct{ path, member, err string }{
		{"a-torn.png", "", "damaged"},
		{"b-torn.tar", "", "damaged"},
		{"c.tar.gz", "", ""},
		{"d.zip", "", "damaged"},
		{"e-enc.zip", "s.png", "encrypted"},
		{"f-wrong.zip", "1.png", "checksum"},
		{"h", "", "permission"},
		{"i.png", "", "permission"},
	} {
		if os.Getuid() == 0 && want.err == "permission" {
			continue
		}
		if !slices.ContainsFunc(lines, func(l Line) bool {
			return l.Path == want.path && l.Member == want.member && l.Error != "" && strings.Contains(l.Error, want.err)
		}) {
			t.Errorf("no line of %s %s with %q in:\n%s", want.path, want.member, want.err, strings.Join(brief(lines), "\n"))
		}
	}
	for _, whole := range []string{"b-torn.tar 1.png image:", "f-wrong.zip 2.png image:", "g.png image:"} {
		if !slices.Contains(brief(lines), whole) {
			t.Errorf("no line %q", whole)
		}
	}
	missing := scanned(t, Scanner{}, filepath.Join(folder, "nowhere"))
	if len(missing) != 1 || missing[0].Error != "no such file or directory" {
		t.Errorf("%v", brief(missing))
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	if got := scanned(t, Scanner{}, link); len(got) != 1 || !strings.Contains(got[0].Error, "symbolic link") {
		t.Errorf("%v", brief(got))
	}
}

func TestBombs(t *testing.T) {
	folder := t.TempDir()
	image := pngOf(t, draw(1, 64))
	zeros := bytes.Repeat([]byte{0}, 3<<20)
	nested := file{"x.png", image}
	for i := range 6 {
		nested = file{fmt.Sprint(i, ".zip"), zipOf(t, nested)}
	}
	many := make([]file, 300)
	for i := range many {
		many[i] = file{fmt.Sprint(i), nil}
	}
	lies := zipOf(t, slices.Repeat(many, 20)...) // and says that it has one
	end := len(lies) - 22
	lies[end+8], lies[end+9], lies[end+10], lies[end+11] = 1, 0, 1, 0
	write(t, folder, map[string][]byte{
		"a.zip":      zipOf(t, file{"zeros", zeros}, file{"x.png", image}),
		"b.tar.gz":   gzipOf(t, tarOf(t, file{"zeros", zeros}, file{"x.png", image})),
		"c.gz":       gzipOf(t, zeros),
		"d.zip":      nested.data,
		"e.zip":      zipOf(t, many...),
		"f-lies.zip": lies,
		"f.png":      image,
	})
	s := Scanner{Limits: Limits{Expand: 1 << 20, Ratio: 10, Depth: 3, Members: 200}}
	got := brief(scanned(t, s, folder))
	want := []string{
		"a.zip : " + expandsError{}.Error(),
		"b.tar.gz : " + expandsError{}.Error(),
		"c.gz : " + expandsError{}.Error(),
		"d.zip 4.zip!3.zip!2.zip : it is an archive in more than 3 others",
		"e.zip : " + errMembers.Error(),
		"f-lies.zip : " + errMembers.Error(),
		"f.png image:",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEveryPosition goes on from each position that a scan goes through and
// comes to the same lines.
func TestEveryPosition(t *testing.T) {
	folder := t.TempDir()
	image := pngOf(t, draw(1, 32))
	inner := tarOf(t, file{"1.png", image}, file{"2.png", image[:200]}, file{"3.png", image})
	write(t, folder, map[string][]byte{
		"a/x.png": image, "a.png": image, "a-b.png": image, "b.tar": inner, "c.tar.gz": gzipOf(t, inner),
		"d.zip": zipOf(t, file{"i.tar", inner}, file{"4.png", image}), "e.tar": inner[:len(inner)/2], "f.png": image,
	})
	paths := []string{filepath.Join(folder, "b.tar"), folder, filepath.Join(folder, "nowhere"), folder + "/a"}
	s := Scanner{Lists: (*list)(nil), Workers: 3}
	var all []Done
	if err := s.Scan(t.Context(), paths, Position{}, func(d Done) error { all = append(all, d); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("%d files", len(all))
	}
	for i := range all {
		var rest []Done
		if err := s.Scan(t.Context(), paths, all[i].At, func(d Done) error { rest = append(rest, d); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(all[i+1:], rest, cmpopts.EquateEmpty(), gocmp.Transformer("", func(d Done) any {
			return fmt.Sprint(d.At, d.Disk, brief([]Line{*d.Line}))
		})); diff != "" {
			t.Fatalf("from %v (-want +got):\n%s", all[i].At, diff)
		}
	}
	if last, size := all[len(all)-1].Disk, Size(paths); last != size {
		t.Errorf("%d of %d bytes are done", last, size)
	}
}

func TestErrorsEndTheScan(t *testing.T) {
	folder := t.TempDir()
	image := pngOf(t, draw(1, 32))
	for i := range 50 {
		write(t, folder, map[string][]byte{fmt.Sprint(i, ".png"): image})
	}
	broken := errors.New("broken")
	s := Scanner{Lists: &list{err: broken}}
	none := func(Done) error { return nil }
	if err := s.Scan(t.Context(), []string{folder}, Position{}, none); !errors.Is(err, broken) {
		t.Errorf("the lists fail: %v", err)
	}
	s.Lists = (*list)(nil)
	n := 0
	if err := s.Scan(t.Context(), []string{folder}, Position{}, func(Done) error { n++; return broken }); !errors.Is(err, broken) || n != 1 {
		t.Errorf("the report fails: %v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Scan(ctx, []string{folder}, Position{}, func(Done) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// FuzzArchive has bytes of a file, whatever it is: the scan ends, within its
// limits, and each of its positions can be gone on from.
func FuzzArchive(f *testing.F) {
	image := pngOf(f, draw(1, 16))
	inner := tarOf(f, file{"1.png", image}, file{"x", []byte("x")})
	f.Add(inner)
	f.Add(gzipOf(f, inner))
	f.Add(zipOf(f, file{"i.tar", inner}, file{"4.png", image}))
	f.Add(zipOf(f, file{"i.gz", gzipOf(f, image)}))
	f.Add(image)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := Scanner{
			Lists: (*list)(nil), Workers: 1,
			Limits: Limits{Memory: 1 << 20, Spool: 1 << 20, Expand: 1 << 20, Ratio: 2, Members: 100},
		}
		s.Images.Pixels, s.Images.Bytes = 1<<16, 1<<18
		var all []Done
		if err := s.Scan(t.Context(), []string{path}, Position{}, func(d Done) error { all = append(all, d); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			return
		}
		half := len(all) / 2
		n := half + 1
		if err := s.Scan(t.Context(), []string{path}, all[half].At, func(Done) error { n++; return nil }); err != nil || n != len(all) {
			t.Fatalf("%d of %d in two: %v", n, len(all), err)
		}
	})
}

func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	add := func(r *Report, i int) {
		t.Helper()
		if err := r.Add(Done{Line: &Line{Path: fmt.Sprint(i), Kind: "image"}, At: Position{Path: fmt.Sprint(i), Items: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	open := func() *Report {
		t.Helper()
		r, err := OpenReport(path, "this scan")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := open()
	add(r, 1)
	add(r, 2)
	if err := r.keep(); err != nil {
		t.Fatal(err)
	}
	add(r, 3)
	if err := r.lines.Flush(); err != nil { // written, but nothing says so
		t.Fatal(err)
	}
	r = open() // as after a kill
	if r.At().Path != "2" || r.Totals().Images != 2 {
		t.Errorf("it goes on at %v after %v", r.At(), r.Totals())
	}
	add(r, 3)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"path":"1","kind":"image","matches":null}
{"path":"2","kind":"image","matches":null}
{"path":"3","kind":"image","matches":null}
`
	if diff := gocmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if _, err := OpenReport(path, "another scan"); !errors.Is(err, ErrOther) {
		t.Errorf("another scan: %v", err)
	}
	r = open()
	r.End()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReport(path, "this scan"); !errors.Is(err, ErrEnded) {
		t.Errorf("a scan that has ended: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil { // shorter than the state says
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".state", []byte(`{"scan":"this scan","bytes":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReport(path, "this scan"); !errors.Is(err, ErrOther) {
		t.Errorf("a report that was cut: %v", err)
	}
	other := filepath.Join(t.TempDir(), "letter")
	if err := os.WriteFile(other, []byte("Dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReport(other, "this scan"); !errors.Is(err, ErrOther) {
		t.Errorf("a file that is no report: %v", err)
	}
	if _, err := os.Stat(other + ".state"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused report has a state: %v", err)
	}
}
