package file

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/exchangetest"
)

func pdq(n int) string { return fmt.Sprintf("%064x", n) }

const md5 = "0123456789abcdef0123456789abcdef"

// lines is a list of more than a page.
func lines() (text string, want []string) {
	var b strings.Builder
	for i := range pageSize + 5 {
		fmt.Fprintf(&b, "pdq %s\n", pdq(i))
		want = append(want, "pdq:"+pdq(i)+" pdq:"+pdq(i))
	}
	return b.String(), want
}

func TestContract(t *testing.T) {
	text, want := lines()
	exchangetest.Run(t, exchangetest.Case{
		Server: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t0ken" {
				http.Error(w, "who are you", http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(text)))
			_, _ = w.Write([]byte(text))
		}),
		Client:  func(way *exchange.Transport) exchange.Client { return &Client{Transport: way, Token: "Bearer t0ken"} },
		Secrets: []string{"t0ken"}, Want: want, Plain: true,
	})
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLocalFile(t *testing.T) {
	path := write(t, "# a comment\n\npdq "+strings.ToUpper(pdq(1))+"\r\nvideo_md5 "+md5+"\nurl https://example.org/a b\n"+
		"pdq nonsense\nraw_text hello\n"+`vpdq ["`+pdq(2)+`,100,0.0"]`)
	c, err := New(path, "", "")
	if err != nil {
		t.Fatal(err)
	}
	skipped, unreadable := 0, 0
	for page, err := range c.Pull(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		skipped += page.Skipped
		unreadable += page.Unreadable
	}
	bank, kept, err := exchangetest.Pull(t.Context(), c, "", []hashlist.Entry{{ID: "gone"}})
	got := exchangetest.Lines(bank)
	want := []string{
		"md5:" + md5 + " md5:" + md5,
		"pdq:" + pdq(1) + " pdq:" + pdq(1),
		"url:https://example.org/a b url:https://example.org/a b",
	}
	if err != nil || len(got) != 4 || !cmp.Equal(want, got[:3]) || !strings.Contains(got[3], `vpdq:["`) || skipped != 2 || unreadable != 1 {
		t.Errorf("%v, %d skipped, %d unreadable, %s", err, skipped, unreadable, cmp.Diff(want, got))
	}
	for range c.Pull(t.Context(), kept) {
		t.Error("a list that has not changed is read again")
	}
}

func TestAListOfOneKind(t *testing.T) {
	c := &Client{Path: write(t, pdq(1)+"\n"+pdq(2)+"\n"), Kind: hashlist.PDQ}
	bank, _, err := exchangetest.Pull(t.Context(), c, "", nil)
	if err != nil || len(bank) != 2 {
		t.Errorf("%v, %d entries", err, len(bank))
	}
}

func TestWhatIsNoList(t *testing.T) {
	for name, path := range map[string]string{"a folder": t.TempDir(), "nothing": "/no/such/file", "one endless line": write(t, strings.Repeat("x", maxLine+1))} {
		if _, kept, err := exchangetest.Pull(t.Context(), &Client{Path: path}, "", nil); err == nil || kept != "" {
			t.Errorf("%s: error %v, checkpoint %q", name, err, kept)
		}
	}
	for _, place := range []string{"http://lists.example/a", "ftp://lists.example/a", "https://user:pass@lists.example/a", "https://"} {
		if _, err := New(place, "", ""); err == nil || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// Nothing of a list stays behind in the folder of temporary files.
func TestDownloadsAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "pdq", pdq(1)) }))
	defer server.Close()
	if _, _, err := exchangetest.Pull(t.Context(), &Client{Transport: exchangetest.Transport(t, server, nil)}, "", nil); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v left, %v", left, err)
	}
}

// FuzzEntry holds that whatever is read can be kept.
func FuzzEntry(f *testing.F) {
	f.Add("pdq " + pdq(1))
	f.Add("url \x00")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range []Client{{}, {Kind: hashlist.PDQ}} {
			if e, kind := c.entry(text); kind == readable && (e.ID == "" || e.Hashes == (hashlist.Hashes{})) {
				t.Errorf("an entry that can't be kept: %+v", e)
			}
		}
	})
}
