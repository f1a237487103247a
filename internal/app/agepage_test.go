package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance/provider/providertest"
	"github.com/breakwater-project/breakwater/internal/config"
)

// ageFiles are an operator's providers, one that answers by the browser and one
// by webhook, and the evidence for their methods.
func ageFiles(t *testing.T, issuer *providertest.Issuer) func(*config.Config) {
	t.Helper()
	t.Setenv("TEST_WEBHOOK_SECRET", "a secret of these tests, long enough")
	dir := t.TempDir()
	evidence := "methods:\n"
	for _, method := range []string{"agekey", "photo_id"} {
		evidence += "  - id: " + method + "\n    evidence:\n"
		for _, c := range []string{"technically_accurate", "robust", "reliable", "fair"} {
			evidence += "      " + c + `: [{what: w, source: s, by: b, date: "2026-01-01", expires: "2099-01-01"}]` + "\n"
		}
	}
	files := map[string]string{
		"methods.yaml": evidence,
		"providers.yaml": fmt.Sprintf(`
providers:
  - {name: keys, protocol: oidc, methods: [agekey], level: enhanced, page: "https://issuer.example/use", client_id: %q, issuer: %q, keys: %q}
  - {name: ages, protocol: webhook, methods: [photo_id], level: enhanced, page: "https://ages.example/check", secret: {env: TEST_WEBHOOK_SECRET}}
`, providertest.Client, providertest.Name, issuer.URL+"/jwks"),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(c *config.Config) {
		c.Age.Providers, c.Age.Methods = filepath.Join(dir, "providers.yaml"), filepath.Join(dir, "methods.yaml")
	}
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	*http.Client
	base string
}

func (s *server) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, s.URL()}
}

// visit gets a page, or posts a form; it returns the status, where it leads and
// the page.
func (b *browser) visit(t *testing.T, path string, form url.Values) (status int, to, page string) {
	t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.base + path
	}
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header.Get("Location"), string(text)
}

// checkOf begins an age check of an account; it returns the path of its page.
func (s *server) checkOf(t *testing.T, account string, tokens int) (session string) {
	t.Helper()
	a := s.call(t, request{method: "POST", path: "/v1/age/sessions", key: s.AdminKey,
		body: fmt.Sprintf(`{"account":%q,"profile":"GB-HEAA-18","return_url":"https://site.example/back","tokens":%d}`, account, tokens)})
	var begun struct{ ID, Page string }
	if err := json.Unmarshal(a.body, &begun); a.status != 200 || err != nil || begun.Page != s.URL()+"/age/"+begun.ID {
		t.Fatalf("begin: %d %s, %v", a.status, a.body, err)
	}
	return begun.ID
}

// ageOf is the band of an account, and whether it is proven.
func (s *server) ageOf(t *testing.T, account string) (band string, proven bool) {
	t.Helper()
	a := s.call(t, request{method: "GET", path: "/v1/accounts/" + account, key: s.AdminKey})
	var got struct {
		Age struct {
			Band   string
			Proven bool
		}
	}
	if err := json.Unmarshal(a.body, &got); a.status != 200 || err != nil {
		t.Fatalf("account: %d %s, %v", a.status, a.body, err)
	}
	return got.Age.Band, got.Age.Proven
}

// A person meets the page, leaves for a provider and comes back with a signed
// answer: their account is an adult's. The answer alone, in a browser that did
// not begin, is worth nothing.
func TestAgePage(t *testing.T) {
	issuer := providertest.NewIssuer(t, time.Now())
	s := start(t, ageFiles(t, issuer), app.Options{})
	id := s.checkOf(t, "u-1", 5)
	person, stranger := s.browser(t), s.browser(t)

	status, _, page := person.visit(t, "/age/"+id, nil)
	if status != 200 || !strings.Contains(page, "Show that you are 18 or over") || !strings.Contains(page, `action="/age/`+id+`/start/keys"`) {
		t.Fatalf("page: %d\n%s", status, page)
	}
	if status, _, page := stranger.visit(t, "/age/"+id, nil); status != 403 || !strings.Contains(page, "begun somewhere else") {
		t.Errorf("another browser: %d\n%s", status, page)
	}
	if status, _, _ := stranger.visit(t, "/age/"+id+"/start/keys", url.Values{}); status != 403 {
		t.Errorf("another browser leaves: %d", status)
	}
	status, to, _ := person.visit(t, "/age/"+id+"/start/keys", url.Values{})
	there, err := url.Parse(to)
	if err != nil || status != 303 || there.Host != "issuer.example" {
		t.Fatalf("leave: %d %s", status, to)
	}
	asked := there.Query()
	answer := url.Values{"state": asked["state"], "id_token": {issuer.Token(t, map[string]any{
		"nonce": asked.Get("nonce"), "age_thresholds": map[string]bool{"18": true}, "birthdate": "1990-01-01",
	})}}

	// The fragment comes back by a script, without cookies: a POST from elsewhere.
	if status, _, page := person.visit(t, "/age/"+id+"/back/keys", nil); status != 200 || !strings.Contains(page, "/age/back.js") {
		t.Errorf("back: %d\n%s", status, page)
	}
	status, to, _ = stranger.visit(t, "/age/"+id+"/back/keys", answer)
	if status != 303 || !strings.HasPrefix(to, s.URL()+"/age/"+id+"/return?response_code=") {
		t.Fatalf("answer: %d %s", status, to)
	}
	// Another browser is shown a number, to be typed where the check began, and
	// nothing counts for it; typed by nobody else than who began.
	status, _, page = stranger.visit(t, to, nil)
	number := regexp.MustCompile(`\b\d{4} \d{4}\b`).FindString(page)
	if status != 200 || number == "" {
		t.Errorf("another browser comes back: %d\n%s", status, page)
	}
	if status, _, _ := stranger.visit(t, "/age/"+id+"/number", url.Values{"number": {number}}); status != 403 {
		t.Errorf("another browser types the number: %d", status)
	}
	if band, proven := s.bandOrNone(t, "u-1"); proven {
		t.Errorf("before the person is back: %s", band)
	}
	if status, to, _ = person.visit(t, to, nil); status != 303 || !strings.HasSuffix(to, "/age/"+id) {
		t.Fatalf("come back: %d %s", status, to)
	}
	if band, proven := s.ageOf(t, "u-1"); band != "18+" || !proven {
		t.Errorf("after the check: %s, proven %v", band, proven)
	}
	if status, _, _ := stranger.visit(t, "/age/"+id+"/back/keys", answer); status != 409 {
		t.Errorf("replayed: %d", status)
	}

	// What tokens are given for goes back to the site, where no server sees it.
	if status, _, page = person.visit(t, to, nil); status != 200 || !strings.Contains(page, "/age/"+id+"/collect") {
		t.Errorf("the end: %d\n%s", status, page)
	}
	if status, _, _ := stranger.visit(t, "/age/"+id+"/collect", url.Values{}); status != 403 {
		t.Errorf("another browser collects: %d", status)
	}
	if status, to, _ = person.visit(t, "/age/"+id+"/collect", url.Values{}); status != 303 || !strings.HasPrefix(to, "https://site.example/back#age_grant=") {
		t.Errorf("collect: %d %s", status, to)
	}
	if status, _, _ := s.browser(t).visit(t, "/age/nothing", nil); status != 404 {
		t.Errorf("no session: %d", status)
	}
}

// bandOrNone is ageOf for an account that there may not be.
func (s *server) bandOrNone(t *testing.T, account string) (band string, proven bool) {
	t.Helper()
	if a := s.call(t, request{method: "GET", path: "/v1/accounts/" + account, key: s.AdminKey}); a.status == 404 {
		return "", false
	}
	return s.ageOf(t, account)
}

// By webhook a provider says that somebody is a child: the page says so kindly,
// and a person can be asked to look at it, who decides.
func TestAgePageUnderAndAppeal(t *testing.T) {
	s := start(t, ageFiles(t, providertest.NewIssuer(t, time.Now())), app.Options{})
	id := s.checkOf(t, "u-1", 0)
	person := s.browser(t)
	person.visit(t, "/age/"+id, nil)
	_, to, _ := person.visit(t, "/age/"+id+"/start/ages", url.Values{})
	there, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"reference":%q,"result":"under","age":18,"method":"photo_id","basis":"verified","checked_on":%q}`,
		there.Query().Get("reference"), time.Now().UTC().Format(time.DateOnly))
	post := func(body string, header http.Header) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/v1/age/webhooks/ages", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header.Clone()
		r.Header.Set("Content-Type", "application/json")
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		return a.StatusCode
	}
	secret := []byte(os.Getenv("TEST_WEBHOOK_SECRET"))
	if got := post(body, providertest.Standard(body, time.Now(), []byte("another"))); got != 401 {
		t.Errorf("by another: %d", got)
	}
	more := strings.Replace(body, `"age":18`, `"age":18,"date_of_birth":"2010-01-01"`, 1)
	if got := post(more, providertest.Standard(more, time.Now(), secret)); got != 400 {
		t.Errorf("with a date of birth: %d", got)
	}
	if got := post(body, providertest.Standard(body, time.Now(), secret)); got != 200 {
		t.Errorf("the answer: %d", got)
	}
	if got := post(body, providertest.Standard(body, time.Now(), secret)); got != 409 {
		t.Errorf("replayed: %d", got)
	}
	if _, proven := s.ageOf(t, "u-1"); proven {
		t.Error("a child is proven an adult")
	}
	if _, _, page := person.visit(t, "/age/"+id+"?lang=de", nil); !strings.Contains(page, "Du hast nichts falsch gemacht") || !strings.Contains(page, "/age/"+id+"/appeal") {
		t.Errorf("page: %s", page)
	}
	if status, to, _ := person.visit(t, "/age/"+id+"/appeal", url.Values{}); status != 303 || !strings.Contains(to, "appealed") {
		t.Errorf("appeal: %d %s", status, to)
	}
	var open struct{ Appeals []struct{ ID string } }
	if a := s.call(t, request{method: "GET", path: "/v1/age/appeals", key: s.key(t, "reviewer")}); json.Unmarshal(a.body, &open) != nil || len(open.Appeals) != 1 {
		t.Fatalf("appeals: %d %s", a.status, a.body)
	}
	if a := s.call(t, request{method: "POST", path: "/v1/age/appeals/" + open.Appeals[0].ID + "/decision", key: s.key(t, "reviewer"), body: `{"outcome":"over"}`}); a.status != 200 {
		t.Errorf("decision: %d %s", a.status, a.body)
	}
	if band, proven := s.ageOf(t, "u-1"); band != "18+" || !proven {
		t.Errorf("after the appeal: %s, %v", band, proven)
	}
}

// A device can protect and never prove; what it tells beside the range is gone.
func TestDeviceSignals(t *testing.T) {
	s := start(t, nil, app.Options{})
	send := func(account, source, signal string) answer {
		t.Helper()
		return s.call(t, request{method: "POST", path: "/v1/age/signals", key: s.AdminKey, body: fmt.Sprintf(`{"account":%q,"source":%q,"signal":%s}`, account, source, signal)})
	}
	if a := send("u-1", "google_play_age_signals", `{"userStatus":"SUPERVISED","ageLower":10,"ageUpper":12,"installId":"canary-7"}`); a.status != 200 || !strings.Contains(string(a.body), `"used":true`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if band, proven := s.ageOf(t, "u-1"); band != "10-12" || proven {
		t.Errorf("supervised: %s, %v", band, proven)
	}
	if a := send("u-2", "apple_declared_age_range", `{"lowerBound":18,"ageRangeDeclaration":"governmentIDChecked"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if band, proven := s.ageOf(t, "u-2"); proven {
		t.Errorf("a device proved an adult: %s", band)
	}
	// Another source, or the same one later, makes nobody older.
	for _, raise := range [][2]string{{"meta_age_category", `{"ageCategory":"AD"}`}, {"google_play_age_signals", `{"userStatus":"VERIFIED"}`}} {
		if a := send("u-1", raise[0], raise[1]); a.status != 200 {
			t.Errorf("%s: %d %s", raise[0], a.status, a.body)
		}
		if band, _ := s.ageOf(t, "u-1"); band != "10-12" {
			t.Errorf("%s made a child older: %s", raise[0], band)
		}
	}
	if a := s.call(t, request{method: "GET", path: "/v1/age/counts", key: s.AdminKey}); a.status != 200 || strings.Contains(string(a.body), "signal") {
		t.Errorf("device signals are in a statistic: %d %s", a.status, a.body)
	}
	if a := send("u-3", "apple_declared_age_range", `{"response":"declinedSharing"}`); a.status != 200 || !strings.Contains(string(a.body), `"used":false`) {
		t.Errorf("not shared: %d %s", a.status, a.body)
	}
	if a := send("u-3", "us_ca_age_bracket", `{"ageBracket":"21"}`); a.status != 422 || !strings.Contains(string(a.body), "ageBracket") {
		t.Errorf("unknown bracket: %d %s", a.status, a.body)
	}
}

func TestPracticeStatement(t *testing.T) {
	s := start(t, ageFiles(t, providertest.NewIssuer(t, time.Now())), app.Options{})
	a := s.call(t, request{method: "GET", path: "/v1/age/practice-statement"})
	var got struct {
		Methods []struct {
			ID      string
			Kept    string
			Verdict struct {
				Effective bool `json:"highly_effective"`
			}
		}
	}
	if err := json.Unmarshal(a.body, &got); a.status != 200 || err != nil {
		t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	for _, m := range got.Methods {
		if m.Kept == "" || m.Verdict.Effective != (m.ID != "review") {
			t.Errorf("%+v", m)
		}
	}
	if len(got.Methods) != 3 {
		t.Errorf("%d methods, want those that are configured and an appeal: %s", len(got.Methods), a.body)
	}
}
