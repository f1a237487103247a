package hashlist_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/http/httptest"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
	"github.com/breakwater-project/breakwater/picture"
)

// site is the routes over lists of the test's own.
type site struct {
	*web.API
	lists *hashlist.Lists
	role  keys.Role
}

func newSite(t *testing.T) *site {
	t.Helper()
	d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
	s := &site{lists: open(t, d, options(t, newClock())), role: keys.Admin}
	t.Cleanup(func() { shut(t, s.lists) })
	s.API = web.New(web.Options{Authenticate: func(context.Context, string) (keys.Principal, error) {
		return keys.Principal{ID: "k-1", Roles: []keys.Role{s.role}}, nil
	}})
	(&hashlist.API{
		Lists: s.lists, Hasher: hashlist.NewHasher(picture.Limits{}, nil), HashBytes: 1 << 20, ImageBytes: 1 << 20, ImportBytes: 1 << 20,
	}).Routes(s.API)
	return s
}

// call is the status, the body and the headers of an answer.
func (s *site) call(method, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer k")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *site) want(t *testing.T, status int, method, path, contentType, body string) map[string]any {
	t.Helper()
	w := s.call(method, path, contentType, body)
	if w.Code != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return answer
}

const asJSON = "application/json"

var (
	pdqA  = strings.Repeat("0f", 32)
	pdqA2 = "1f" + strings.Repeat("0f", 31) // a bit from pdqA
	md5A  = strings.Repeat("ab", 16)
	sha2A = strings.Repeat("cd", 32)
)

func TestBanksOverHTTP(t *testing.T) {
	s := newSite(t)
	made := s.want(t, 201, "POST", "/v1/banks", asJSON, `{"name":"hot-line.1","kind":"csam","source":"ncmec","classification":"A1"}`)
	for field, want := range map[string]any{"name": "hot-line.1", "kind": "csam", "distance": 31., "enabled_ratio": 1., "entries": 0., "version": 1.} {
		if made[field] != want {
			t.Errorf("%s is %v, want %v", field, made[field], want)
		}
	}
	s.want(t, 409, "POST", "/v1/banks", asJSON, `{"name":"HOT_LINE_1","kind":"other"}`) // the same name to HMA
	s.want(t, 200, "GET", "/v1/banks/HOT_LINE_1", "", "")
	s.want(t, 404, "GET", "/v1/banks/none", "", "")
	s.want(t, 422, "POST", "/v1/banks", asJSON, `{"name":"x y","kind":"csam"}`)
	s.want(t, 422, "POST", "/v1/banks", asJSON, `{"name":"x","kind":"strange"}`)
	s.want(t, 422, "POST", "/v1/banks", asJSON, `{"name":"x","kind":"csam","colour":"blue"}`)
	changed := s.want(t, 200, "PUT", "/v1/banks/hot-line.1", asJSON, `{"distance":12,"enabled_ratio":0.5}`)
	if changed["distance"] != 12. || changed["enabled_ratio"] != .5 || changed["source"] != "ncmec" || changed["version"] != 2. {
		t.Errorf("changed: %v", changed)
	}
	s.want(t, 200, "PUT", "/v1/banks/second", asJSON, `{"kind":"innocent"}`)
	if banks := s.want(t, 200, "GET", "/v1/banks", "", "")["banks"].([]any); len(banks) != 2 {
		t.Errorf("%d banks", len(banks))
	}
	s.want(t, 204, "DELETE", "/v1/banks/second", "", "")
	s.want(t, 404, "DELETE", "/v1/banks/second", "", "")
}

func TestEntriesOverHTTP(t *testing.T) {
	s := newSite(t)
	s.want(t, 201, "POST", "/v1/banks", asJSON, `{"name":"one","kind":"csam","classification":"A1"}`)
	lines := strings.Join([]string{
		`{"id":"76-1","hash":{"pdq":"` + pdqA + `","md5":"` + md5A + `"},"quality":80,"note":"kept"}`,
		`{"kind":"sha256","value":"` + strings.ToUpper(sha2A) + `"}`,
		``,
		`{"id":"low","pdq":"` + pdqA2 + `","quality":49}`,
		`{"id":"low-but","pdq":"` + pdqA2 + `","md5":"` + strings.Repeat("12", 16) + `","quality":49}`,
		`{"id":"short","md5":"abc"}`,
		`{"id":"none"}`,
		`{"id":"more","md5":"` + md5A + `","colour":"blue"}`,
		`not JSON`,
		`{"id":"link","url":"HTTP://Example.ORG:80/a?utm_source=x"}`, // no line break at the end
	}, "\r\n")
	for round := range 2 {
		done := s.want(t, 200, "POST", "/v1/banks/ONE/entries", "application/x-ndjson", lines)
		added, unchanged := 4., 0.
		if round == 1 {
			added, unchanged = 0, 4
		}
		if done["lines"] != 9. || done["added"] != added || done["unchanged"] != unchanged || done["refused"] != 5. || done["version"] != 2. {
			t.Errorf("round %d: %v", round, done)
		}
		want := []string{
			"4 the quality of its PDQ hash is under 50, and it has no other", "6 md5: must be 32 hexadecimal digits",
			"7 there is no hash", `8 unknown field "colour"`, "9 is not a JSON object",
		}
		var got []string
		for _, e := range done["errors"].([]any) {
			e := e.(map[string]any)
			got = append(got, fmt.Sprint(e["line"], " ", e["message"]))
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	w := s.call("GET", "/v1/banks/one/entries", "", "")
	if w.Code != 200 || w.Header().Get("Breakwater-Bank-Version") != "2" || strings.Contains(strings.ToLower(w.Body.String()), "example") {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	var ids []string
	for line := range strings.Lines(w.Body.String()) {
		var l hashlist.Line
		must(t, json.Unmarshal([]byte(line), &l))
		ids = append(ids, l.ID)
		if l.Classification != "A1" {
			t.Errorf("%s has classification %q", l.ID, l.Classification)
		}
	}
	if want := []string{"76-1", "sha256:" + sha2A, "low-but", "link"}; !gocmp.Equal(want, ids) {
		t.Error(gocmp.Diff(want, ids))
	}
	// What was exported is read again as what it was, in both formats.
	for format, contentType := range map[string]string{"ndjson": "application/x-ndjson", "csv": "text/csv"} {
		out := s.call("GET", "/v1/banks/one/entries?format="+format, "", "")
		done := s.want(t, 200, "POST", "/v1/banks/one/entries", contentType, out.Body.String())
		if done["unchanged"] != 4. || done["refused"] != 0. {
			t.Errorf("%s again: %v\n%s", format, done, out.Body)
		}
	}
	s.want(t, 404, "GET", "/v1/banks/none/entries", "", "")
	s.want(t, 404, "POST", "/v1/banks/none/entries", "application/x-ndjson", lines)
	s.want(t, 415, "POST", "/v1/banks/one/entries", "image/png", lines)
	s.want(t, 422, "GET", "/v1/banks/one/entries?format=xml", "", "")
	s.want(t, 422, "POST", "/v1/banks/one/entries", "text/csv", "id,colour\n1,blue\n")
	s.want(t, 413, "POST", "/v1/banks/one/entries", "application/x-ndjson", strings.Repeat("\n", 2<<20))

	e := s.want(t, 200, "GET", "/v1/banks/one/entries/76-1", "", "")
	if hash := e["hash"].(map[string]any); hash["pdq"] != pdqA || hash["md5"] != md5A || e["note"] != "kept" || e["bank"] != "one" {
		t.Errorf("%v", e)
	}
	e = s.want(t, 200, "POST", "/v1/banks/one/entries/76-1/feedback", asJSON, `{"verdict":"denied","note":"a test pattern"}`)
	if e["verdict"] != "denied" {
		t.Errorf("%v", e)
	}
	if got := s.want(t, 200, "POST", "/v1/match", asJSON, `{"hash":{"pdq":"`+pdqA+`"}}`)["matches"].([]any); len(got) != 0 {
		t.Errorf("a denied entry matches: %v", got)
	}
	opinions, err := s.lists.Unsent(t.Context(), "one", 0, 10)
	must(t, err)
	if len(opinions) != 1 || opinions[0].Entry.ID != "76-1" || opinions[0].Feedback != (hashlist.Feedback{Verdict: "denied", Note: "a test pattern", Who: "k-1"}) {
		t.Errorf("%+v", opinions)
	}
	must(t, s.lists.Sent(t.Context(), opinions[0].Number))
	if opinions, err = s.lists.Unsent(t.Context(), "one", 0, 10); len(opinions) != 0 || err != nil {
		t.Errorf("%+v %v", opinions, err)
	}
	s.want(t, 422, "POST", "/v1/banks/one/entries/76-1/feedback", asJSON, `{}`)
	s.want(t, 404, "POST", "/v1/banks/one/entries/other/feedback", asJSON, `{"verdict":"denied"}`)
	s.want(t, 204, "DELETE", "/v1/banks/one/entries/link", "", "")
	s.want(t, 404, "GET", "/v1/banks/one/entries/link", "", "")
	s.want(t, 404, "DELETE", "/v1/banks/one/entries/link", "", "")
}

func TestMatchHashesOverHTTP(t *testing.T) {
	s := newSite(t)
	s.want(t, 201, "POST", "/v1/banks", asJSON, `{"name":"one","kind":"csam"}`)
	s.want(t, 201, "POST", "/v1/banks", asJSON, `{"name":"fine","kind":"innocent","distance":0}`)
	s.want(t, 200, "POST", "/v1/banks/one/entries", "", `{"id":"a","pdq":"`+pdqA+`"}`+"\n"+`{"id":"u","url":"https://example.org/x"}`)
	got := s.want(t, 200, "POST", "/v1/match", asJSON, `{"hash":{"pdq":"`+pdqA2+`"}}`)
	want := map[string]any{
		"matches": []any{map[string]any{
			"bank": "one", "entry": "a", "distance": 1., "kind": "pdq", "bank_kind": "csam", "confirmed": false, "review": false,
		}},
		"suppressed": []any{}, "hashes": map[string]any{"pdq": pdqA2},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for body, n := range map[string]int{
		`{"hash":{"pdq":"` + pdqA2 + `"},"max_distance":0}`:                          0,
		`{"hash":{"pdq":"` + pdqA2 + `"},"max_distance":1}`:                          1,
		`{"hash":{"md5":"` + md5A + `"},"turned":["` + pdqA2 + `"]}`:                 1,
		`{"hash":{"url":"http://EXAMPLE.org/x"}}`:                                    0, // another scheme
		`{"hash":{"url":"https://user@example.org:443/./x#y"},"banks":["one"]}`:      1,
		`{"hash":{"pdq":"` + pdqA2 + `","sha256":"` + sha2A + `"},"banks":["FINE"]}`: 0,
	} {
		if got := s.want(t, 200, "POST", "/v1/match", asJSON, body)["matches"].([]any); len(got) != n {
			t.Errorf("%s: %v, want %d", body, got, n)
		}
	}
	// The very hash is known to be harmless; one a bit away is not.
	s.want(t, 200, "POST", "/v1/banks/fine/entries", "", `{"id":"ok","pdq":"`+pdqA2+`"}`)
	got = s.want(t, 200, "POST", "/v1/match", asJSON, `{"hash":{"pdq":"`+pdqA2+`"}}`)
	if taken := got["suppressed"].([]any); len(got["matches"].([]any)) != 0 || len(taken) != 1 || taken[0].(map[string]any)["by"].(map[string]any)["entry"] != "ok" {
		t.Errorf("%v", got)
	}
	if got = s.want(t, 200, "POST", "/v1/match", asJSON, `{"hash":{"pdq":"`+pdqA+`"}}`); len(got["matches"].([]any)) != 1 {
		t.Errorf("%v", got)
	}
	for body, status := range map[string]int{
		`{`:                                     400,
		`[]`:                                    422,
		`{}`:                                    422,
		`{"hash":{}}`:                           422,
		`{"hash":{"pdq":"abc"}}`:                422,
		`{"hash":{"pdq":7}}`:                    422,
		`{"hash":{"phash":"abc"}}`:              422,
		`{"hash":{"md5":"` + md5A + `"},"x":1}`: 422,
		`{"hash":{"md5":"` + md5A + `"},"max_distance":65}`: 422,
		`{"hash":{"md5":"` + md5A + `"},"banks":["none"]}`:  404,
	} {
		s.want(t, status, "POST", "/v1/match", asJSON, body)
	}
}

// drawing is a picture of its own for each n: blots with soft edges.
func drawing(n uint64) *image.NRGBA {
	const width, height = 256, 192
	r := rand.New(rand.NewPCG(n, 7))
	type blot struct{ x, y, size, light float64 }
	var blots []blot
	for range 40 {
		blots = append(blots, blot{r.Float64() * width, r.Float64() * height, 8 + 24*r.Float64(), 260 * (r.Float64() - .5)})
	}
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			light := 128.
			for _, b := range blots {
				light += b.light / (1 + math.Pow(math.Hypot(float64(x)-b.x, float64(y)-b.y)/b.size, 16))
			}
			v := uint8(max(0, min(255, light)))
			img.SetNRGBA(x, y, color.NRGBA{v, v / 2, 255 - v, 255})
		}
	}
	return img
}

func mirrored(img *image.NRGBA) *image.NRGBA {
	bounds := img.Bounds()
	to := image.NewNRGBA(bounds)
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			to.SetNRGBA(bounds.Dx()-1-x, y, img.NRGBAAt(x, y))
		}
	}
	return to
}

func encoded(t *testing.T, img image.Image, quality int) string {
	t.Helper()
	var b bytes.Buffer
	if quality == 0 {
		must(t, png.Encode(&b, img))
	} else {
		must(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}))
	}
	return b.String()
}

func form(t *testing.T, field, file string, values map[string]string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range values {
		must(t, w.WriteField(name, value))
	}
	part, err := w.CreateFormFile(field, "x.png")
	must(t, err)
	_, err = part.Write([]byte(file))
	must(t, err)
	must(t, w.Close())
	return w.FormDataContentType(), b.String()
}

func TestMatchFilesOverHTTP(t *testing.T) {
	s := newSite(t)
	s.want(t, 201, "POST", "/v1/banks", asJSON, `{"name":"one","kind":"iia"}`)
	original := encoded(t, drawing(1), 0)
	known := s.want(t, 200, "POST", "/v1/match", "image/png", original)["hashes"].(map[string]any)
	s.want(t, 200, "POST", "/v1/banks/one/entries", "", fmt.Sprintf(`{"id":"drawing","pdq":%q}`, known["pdq"]))
	s.want(t, 200, "POST", "/v1/banks/one/entries", "", `{"id":"clip","md5":"098f6bcd4621d373cade4e832627b4f6"}`) // of "test"

	turned := encoded(t, mirrored(drawing(1)), 0)
	asForm, inForm := form(t, "anything", encoded(t, drawing(1), 60), map[string]string{"banks": "ONE"})
	for _, tt := range []struct {
		what, path, contentType, file string
		n                             int
	}{
		{"itself", "/v1/match", "image/png", original, 1},
		{"itself, again", "/v1/match", "application/octet-stream", original, 1},
		{"as JPEG", "/v1/match", "image/jpeg", encoded(t, drawing(1), 60), 1},
		{"in a form", "/v1/match", asForm, inForm, 1},
		{"mirrored", "/v1/match", "image/png", turned, 1},
		{"mirrored, as it is", "/v1/match?turned=false", "image/png", turned, 0},
		{"another", "/v1/match", "image/png", encoded(t, drawing(5), 0), 0},
		{"no image, but its digest", "/v1/match", "application/octet-stream", "test", 1},
	} {
		got := s.want(t, 200, "POST", tt.path, tt.contentType, tt.file)
		if len(got["matches"].([]any)) != tt.n {
			t.Errorf("%s: %v", tt.what, got)
		}
		if _, unhashed := got["unhashed"]; unhashed != (tt.file == "test") {
			t.Errorf("%s: unhashed is %v", tt.what, got["unhashed"])
		}
	}
	s.want(t, 422, "POST", "/v1/match?max_distance=x", "image/png", original)
	s.want(t, 413, "POST", "/v1/match", "image/png", strings.Repeat("x", 1<<20+1))
	s.want(t, 422, "POST", "/v1/match", asForm, "no form")
	s.want(t, 415, "POST", "/v1/match", "text/html", "x")
}

func TestRolesOfMatching(t *testing.T) {
	s := newSite(t)
	s.want(t, 201, "POST", "/v1/banks", asJSON, `{"name":"one","kind":"csam"}`)
	may := map[string][]keys.Role{
		"POST /v1/match":                        {keys.Platform, keys.Compliance, keys.Admin},
		"GET /v1/banks/one":                     {keys.Platform, keys.Reviewer, keys.Analyst, keys.Compliance, keys.Admin},
		"POST /v1/banks":                        {keys.Compliance, keys.Admin},
		"PUT /v1/banks/one":                     {keys.Compliance, keys.Admin},
		"DELETE /v1/banks/two":                  {keys.Compliance, keys.Admin},
		"GET /v1/banks/one/entries":             {keys.Compliance, keys.Admin},
		"POST /v1/banks/one/entries":            {keys.Compliance, keys.Admin},
		"GET /v1/banks/one/entries/x":           {keys.Reviewer, keys.Compliance, keys.Admin},
		"DELETE /v1/banks/one/entries/x":        {keys.Compliance, keys.Admin},
		"POST /v1/banks/one/entries/x/feedback": {keys.Reviewer, keys.Compliance, keys.Admin},
	}
	for route, roles := range may {
		method, path, _ := strings.Cut(route, " ")
		for _, role := range keys.Roles() {
			s.role = role
			allowed := false
			for _, r := range roles {
				allowed = allowed || r == role
			}
			if got := s.call(method, path, asJSON, `{}`).Code; (got != 403) != allowed {
				t.Errorf("%s as %s: %d, and may: %t", route, role, got, allowed)
			}
		}
	}
}
