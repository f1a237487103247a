package ownimage

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/ownimage/wasm/source"
	"github.com/breakwater-project/breakwater/internal/web"
)

// fixture is the page over a bank.
type fixture struct {
	banks *hashlist.Banks
	page  *Page
	api   *web.API
}

func start(t *testing.T) *fixture {
	t.Helper()
	d := dbtest.Open(t, dbtest.SQLite(t), []db.Source{hashlist.Migrations()}...)
	x := &fixture{banks: hashlist.New(d, hashlist.Options{Now: time.Now}), api: web.New(web.Options{})}
	if _, err := x.banks.Create(t.Context(), hashlist.Bank{Name: "own", Kind: hashlist.IIA, Distance: 31, Ratio: 1}); err != nil {
		t.Fatal(err)
	}
	var err error
	if x.page, err = New(x.banks, "own"); err != nil {
		t.Fatal(err)
	}
	x.page.Routes(x.api)
	return x
}

func (x *fixture) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	x.api.ServeHTTP(w, r)
	return w
}

func (x *fixture) entries(t *testing.T) (all []hashlist.Entry) {
	t.Helper()
	if _, err := x.banks.Each(t.Context(), "own", 0, func(e hashlist.Entry) error {
		all = append(all, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

var hash = strings.Repeat("0f1e", 16)

func TestAFingerprintIsSentAndTakenBack(t *testing.T) {
	x := start(t)
	codes := map[string]bool{}
	for _, minor := range []string{"false", "true"} {
		w := x.ask("POST", "/own-image/hashes", `{"pdq":"`+strings.ToUpper(hash)+`","quality":87,"minor":`+minor+`}`)
		var out struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusCreated || len(out.Code) < 20 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		codes[out.Code] = true
	}
	all := x.entries(t)
	var classes []string
	for _, e := range all {
		classes = append(classes, e.Classification)
		if e.Hashes.PDQ != hash || e.Source != Source || e.Verdict != hashlist.Unseen || codes[e.ID] {
			t.Errorf("entry %+v", e)
		}
	}
	if want := []string{"unverified", "unverified-minor"}; !cmp.Equal(want, classes) || len(codes) != 2 {
		t.Errorf("%s, codes %v", cmp.Diff(want, classes), codes)
	}
	if w := x.ask("POST", "/own-image/withdraw", `{"code":"AAAABBBBCCCCDDDDEEEEFFFFGG"}`); w.Code != http.StatusNoContent || len(x.entries(t)) != 2 {
		t.Errorf("with another code: %d, %d left", w.Code, len(x.entries(t)))
	}
	for code := range codes {
		typed := strings.ToLower(code[:4] + " " + code[4:8] + "-" + code[8:])
		if w := x.ask("POST", "/own-image/withdraw", `{"code":"`+typed+`"}`); w.Code != http.StatusNoContent {
			t.Errorf("with the code: %d %s", w.Code, w.Body)
		}
	}
	if left := x.entries(t); len(left) != 0 {
		t.Errorf("%d left", len(left))
	}
}

// What is sent again changes nothing until what was sent first is taken back:
// nobody crowds a bank by it, and nobody takes away what somebody else sent.
func TestOfRepeatsOneMatches(t *testing.T) {
	x := start(t)
	var codes []string
	for _, minor := range []string{"false", "false", "true", "false"} {
		var out struct{ Code string }
		w := x.ask("POST", "/own-image/hashes", `{"pdq":"`+hash+`","quality":87,"minor":`+minor+`}`)
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		codes = append(codes, out.Code)
	}
	matching := func() (ids []string) {
		for _, e := range x.entries(t) {
			if e.Until.IsZero() {
				ids = append(ids, e.ID)
			}
		}
		return ids
	}
	withdraw := func(i int) {
		if w := x.ask("POST", "/own-image/withdraw", `{"code":"`+codes[i]+`"}`); w.Code != http.StatusNoContent {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for _, tt := range []struct {
		withdrawn int
		want      []int
	}{{-1, []int{0, 2}}, {3, []int{0, 2}}, {0, []int{1, 2}}, {1, []int{2}}, {2, nil}} {
		if tt.withdrawn >= 0 {
			withdraw(tt.withdrawn)
		}
		var want []string
		for _, i := range tt.want {
			want = append(want, idOf(codes[i]))
		}
		if diff := cmp.Diff(want, matching()); diff != "" {
			t.Errorf("without %d (-want +got):\n%s", tt.withdrawn, diff)
		}
	}
}

func TestWhatIsNoFingerprint(t *testing.T) {
	x := start(t)
	for body, want := range map[string]int{
		`{"pdq":"` + hash + `","quality":49,"minor":false}`:  422,
		`{"pdq":"` + hash + `","quality":101,"minor":false}`: 422,
		`{"pdq":"0f","quality":87,"minor":false}`:            422,
		`{"quality":87}`: 422,
		`{"pdq":"` + hash + `","quality":87,"image":"aGVsbG8="}`: 422,
		`{"pdq":["` + hash + `"],"quality":87}`:                  422,
		`[]`:                                                     422,
		`{"pdq":`:                                                400,
		`{"pdq":"` + strings.Repeat("0", 2000) + `","quality":87}`: 413,
	} {
		if w := x.ask("POST", "/own-image/hashes", body); w.Code != want {
			t.Errorf("%.60s: %d, want %d", body, w.Code, want)
		}
	}
	if w := x.ask("POST", "/own-image/hashes", `{"pdq":"`+hash+`","quality":87}`, "Content-Type", "text/plain"); w.Code != 400 {
		t.Errorf("as another site's form could send it: %d", w.Code)
	}
	if n := len(x.entries(t)); n != 0 {
		t.Errorf("%d entries", n)
	}
}

func TestFloodsAreTurnedAway(t *testing.T) {
	x := start(t)
	good := `{"pdq":"` + hash + `","quality":87,"minor":false}`
	last := 0
	for range atOnce + 5 {
		last = x.ask("POST", "/own-image/hashes", good).Code
	}
	if n := len(x.entries(t)); last != http.StatusTooManyRequests || n > atOnce+3 {
		t.Errorf("%d, %d entries", last, n)
	}
}

func TestWithoutItsBankNothingIsTaken(t *testing.T) {
	x := start(t)
	if err := x.banks.Remove(t.Context(), "own"); err != nil {
		t.Fatal(err)
	}
	if w := x.ask("POST", "/own-image/hashes", `{"pdq":"`+hash+`","quality":87}`); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestEveryLanguageSaysEverything(t *testing.T) {
	x := start(t)
	var keys []string
	for _, t2 := range x.page.texts {
		if t2.Tag == "en" {
			keys = slices.Sorted(maps.Keys(t2.Say))
		}
	}
	if x.page.texts[0].Tag != "en" || len(x.page.texts) < 4 {
		t.Errorf("%d languages, the first is %s", len(x.page.texts), x.page.texts[0].Tag)
	}
	for _, one := range x.page.texts {
		if diff := cmp.Diff(keys, slices.Sorted(maps.Keys(one.Say))); diff != "" {
			t.Errorf("%s (-en +%s):\n%s", one.Tag, one.Tag, diff)
		}
		for key, text := range one.Say {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s says nothing for %s", one.Tag, key)
			}
		}
		body, err := x.page.page.draw(one, x.page.texts)
		if err != nil || !strings.Contains(string(body), `<html lang="`+one.Tag+`">`) {
			t.Errorf("%s: %v", one.Tag, err)
		}
		for _, key := range keys { // and nothing is said that nobody reads
			page, err := os.ReadFile("page.html")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(page), ".Say."+key) {
				t.Errorf("the page does not say %s", key)
			}
		}
	}
}

func TestLanguageIsTheOneAskedFor(t *testing.T) {
	x := start(t)
	for _, tt := range []struct{ query, header, want string }{
		{"", "", "en"}, {"", "de-AT,de;q=0.9,en;q=0.5", "de"}, {"", "ja", "en"}, {"?lang=fr", "de", "fr"}, {"?lang=<x>", "es", "es"},
	} {
		w := x.ask("GET", "/own-image"+tt.query, "", "Accept-Language", tt.header)
		if got := w.Header().Get("Content-Language"); w.Code != 200 || got != tt.want {
			t.Errorf("%s %s: %d, %s, want %s", tt.query, tt.header, w.Code, got, tt.want)
		}
	}
}

func TestThePageSendsNothingElsewhere(t *testing.T) {
	x := start(t)
	w := x.ask("GET", "/own-image", "")
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "form-action 'none'", "frame-ancestors 'none'", "script-src 'self' 'wasm-unsafe-eval';"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if inline := regexp.MustCompile(`(?i)<script>|\son\w+=|style=|<style|javascript:`).FindString(w.Body.String()); inline != "" {
		t.Errorf("inline: %s", inline)
	}
	for _, name := range []string{"own-image.css", "own-image.js", "wasm_exec.js", "hasher.wasm"} {
		if w := x.ask("GET", "/own-image/"+name, ""); w.Code != 200 || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for _, name := range []string{"hasher.sum", "hasher.wasm.gz", "..%2fpage.html", "page.html"} {
		if w := x.ask("GET", "/own-image/"+name, ""); w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestTheHasherIsServedPackedAndUnpacked(t *testing.T) {
	x := start(t)
	packed := x.ask("GET", "/own-image/hasher.wasm", "", "Accept-Encoding", "br, gzip")
	plain := x.ask("GET", "/own-image/hasher.wasm", "")
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(unpacked, plain.Body.Bytes()) || !bytes.HasPrefix(unpacked, []byte("\x00asm")) {
		t.Errorf("%v, %d and %d bytes", err, len(unpacked), plain.Body.Len())
	}
	if got := packed.Header(); got.Get("Content-Encoding") != "gzip" || got.Get("Content-Type") != "application/wasm" || plain.Header().Get("Content-Encoding") != "" {
		t.Errorf("headers %v", got)
	}
	if size := packed.Header().Get("Content-Length"); len(size) > 6 {
		t.Errorf("%s bytes are too many for a phone", size)
	}
}

// The committed hasher is made from the sources that stand beside it: go
// generate makes it anew, and with the same Go version the same bytes.
func TestTheHasherIsMadeFromTheseSources(t *testing.T) {
	recorded, err := os.ReadFile("assets/hasher.sum")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := source.Digest("../../../pdq", "wasm")
	if err != nil {
		t.Fatal(err)
	}
	made, version, _ := strings.Cut(strings.TrimSpace(string(recorded)), " ")
	if made != sum {
		t.Error("pdq or the hasher has changed: go generate ./internal/hashlist/ownimage")
	}
	if version != runtime.Version() {
		t.Logf("made with %s, this is %s", version, runtime.Version())
	}
}
