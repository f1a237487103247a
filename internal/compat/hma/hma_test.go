package hma_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/compat/hma"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/detect/link"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
	"github.com/breakwater-project/breakwater/picture"
)

// site is HMA's routes over banks of the test's own.
type site struct {
	*web.API
	lists *hashlist.Lists
	role  keys.Role
}

func newSite(t *testing.T) *site {
	t.Helper()
	d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
	lists, err := hashlist.Open(t.Context(), d, hashlist.Options{Canonical: link.Canonical, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lists.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &site{lists: lists, role: keys.Admin}
	s.API = web.New(web.Options{Authenticate: func(context.Context, string) (keys.Principal, error) {
		return keys.Principal{ID: "k", Roles: []keys.Role{s.role}}, nil
	}})
	(&hma.API{Lists: lists, Hasher: hashlist.NewHasher(picture.Limits{}, nil), FileBytes: 1 << 20, Now: time.Now}).Routes(s.API)
	return s
}

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

// is checks an answer: its status and its JSON, every member of it.
func (s *site) is(t *testing.T, status int, want, method, path, body string) {
	t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	s.isOf(t, status, want, method, path, contentType, body)
}

func (s *site) isOf(t *testing.T, status int, want, method, path, contentType, body string) {
	t.Helper()
	w := s.call(method, path, contentType, body)
	var got, wanted any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatalf("the test's own %s: %v", want, err)
	}
	if diff := cmp.Diff(wanted, got); w.Code != status || diff != "" {
		t.Errorf("%s %s: %d, want %d %s", method, path, w.Code, status, diff)
	}
}

// message is {"message": …}, which all of HMA's refusals are.
func message(text string) string { return fmt.Sprintf(`{"message":%q}`, text) }

// The two hashes are those of HMA's own test of /m/compare.
const (
	specimen1 = "facd8bcb2a49bcebdec1985298d5fe84bcd006c187c598c720c3c087b3fdb318"
	specimen2 = "facd8bcb2a49bcebdec1985228d5ae84bcd006c187c598c720c2b087b3fdb318" // 9 bits away
	someMD5   = "d35c785545392755e7e4164457657269"
)

// picture of blots with soft edges, of a good quality.
func blots(t *testing.T, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	type blot struct{ x, y, size, light float64 }
	var all []blot
	for range 40 {
		all = append(all, blot{256 * r.Float64(), 192 * r.Float64(), 8 + 24*r.Float64(), 260 * (r.Float64() - .5)})
	}
	img := image.NewGray(image.Rect(0, 0, 256, 192))
	for y := range 192 {
		for x := range 256 {
			light := 128.
			for _, b := range all {
				light += b.light / (1 + math.Pow(math.Hypot(float64(x)-b.x, float64(y)-b.y)/b.size, 16))
			}
			img.SetGray(x, y, color.Gray{uint8(max(0, min(255, light)))})
		}
	}
	return encode(t, img)
}

// plain has nothing to see in it.
func plain(t *testing.T) string {
	t.Helper()
	return encode(t, image.NewGray(image.Rect(0, 0, 64, 64)))
}

func encode(t *testing.T, img image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// form is pairs of a field and a file.
func form(t *testing.T, fields map[string]string, files ...string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(files); i += 2 {
		part, err := w.CreateFormFile(files[i], "a file")
		if err == nil {
			_, err = part.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

// "Status/Information"
func TestStatus(t *testing.T) {
	s := newSite(t)
	if w := s.call("GET", "/status", "", ""); w.Code != 200 || w.Body.String() != "I-AM-ALIVE" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	var paths []string
	if err := json.Unmarshal(s.call("GET", "/site-map", "", "").Body.Bytes(), &paths); err != nil {
		t.Fatal(err)
	}
	for _, documented := range []string{
		"/c/bank/<bank_name>", "/c/bank/<bank_name>/content", "/c/bank/<bank_name>/content/<int:content_id>", "/c/bank/<bank_name>/signal",
		"/c/banks", "/c/content_type", "/c/signal_type", "/c/signal_type/index", "/h/hash", "/m/compare", "/m/index/status", "/m/lookup",
		"/m/raw_lookup", "/site-map", "/status",
	} {
		if !slices.Contains(paths, documented) {
			t.Errorf("%s is not there", documented)
		}
	}
	if !slices.IsSorted(paths) {
		t.Error("not sorted")
	}
}

// "Hashing content by bytes", and by URL, which is off.
func TestHash(t *testing.T) {
	s := newSite(t)
	p, err := picture.Hash(t.Context(), []byte(blots(t, 1)), picture.Limits{})
	if err != nil || p.Quality < 50 {
		t.Fatal(err, p.Quality)
	}
	contentType, body := form(t, nil, "photo", blots(t, 1))
	s.isOf(t, 200, `{"pdq":"`+p.Hash.String()+`"}`, "POST", "/h/hash", contentType, body)
	s.isOf(t, 200, `{"pdq":"`+p.Hash.String()+`"}`, "POST", "/h/hash?types=pdq,", contentType, body)
	s.isOf(t, 400, message("signal type 'video_md5' doesn't exist or is disabled"), "POST", "/h/hash?types=video_md5", contentType, body)
	s.isOf(t, 400, message("empty signal type selection"), "POST", "/h/hash?types=", contentType, body)

	contentType, body = form(t, nil, "photo", plain(t))
	s.isOf(t, 200, `{"pdq":""}`, "POST", "/h/hash", contentType, body) // quality under 50

	contentType, body = form(t, nil, "video", "a film")
	s.isOf(t, 200, `{"video_md5":"4bb9c7ebce490264f7903f3b8c1bdbf3"}`, "POST", "/h/hash", contentType, body)

	contentType, body = form(t, nil, "photo", "not a photo")
	s.isOf(t, 400, message("The photo cannot be hashed: it is not an image of a format that is decoded"), "POST", "/h/hash", contentType, body)
	contentType, body = form(t, nil, "sculpture", "x")
	s.isOf(t, 400, message("no such content_type: 'sculpture'"), "POST", "/h/hash", contentType, body)
	contentType, body = form(t, nil, "photo", "x", "photo", "y")
	s.isOf(t, 400, message("Only one file allowed per request"), "POST", "/h/hash", contentType, body)
	contentType, body = form(t, nil, "photo", "x", "video", "y")
	s.isOf(t, 400, message("Only one file allowed per request"), "POST", "/h/hash", contentType, body)
	many := map[string]string{}
	for i := range 20 {
		many[fmt.Sprint("field", i)] = "x"
	}
	contentType, body = form(t, many, "photo", "the file after as many fields as are read")
	s.isOf(t, 400, message("the multipart/form-data cannot be read"), "POST", "/h/hash", contentType, body)
	contentType, body = form(t, map[string]string{"photo": "x"})
	s.isOf(t, 400, message("Missing multipart/form-data file upload"), "POST", "/h/hash", contentType, body)
	s.is(t, 400, message("Missing multipart/form-data file upload"), "POST", "/h/hash", `{}`)

	s.is(t, 400, message("url is required"), "GET", "/h/hash", "")
	s.is(t, 403, message("Hashing is disabled for addresses: send the file"), "GET", "/h/hash?url=https%3A%2F%2Fexample.org%2Fa.png", "")
}

// "Looking up a hash", "Hashing and matching"
func TestLookup(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"BANK_A", "BANK_B", "BANK_C"} {
		s.is(t, 201, `{"name":"`+name+`","matching_enabled_ratio":1}`, "POST", "/c/banks", `{"name":"`+name+`"}`)
	}
	s.is(t, 200, `{"id":1,"signals":{"pdq":"`+specimen1+`"}}`, "POST", "/c/bank/BANK_A/signal", `{"pdq":"`+specimen1+`"}`)
	s.is(t, 200, `{"id":2,"signals":{"pdq":"`+specimen2+`"}}`, "POST", "/c/bank/BANK_B/signal", `{"pdq":"`+specimen2+`"}`)
	s.is(t, 200, `{"id":3,"signals":{"video_md5":"`+someMD5+`"}}`, "POST", "/c/bank/BANK_C/signal", `{"video_md5":"`+someMD5+`"}`)

	const pdq = "signal_type=pdq&signal=" + specimen1
	s.is(t, 200, `{"matches":[1,2]}`, "GET", "/m/raw_lookup?"+pdq, "")
	s.is(t, 200, `{"matches":[{"bank_content_id":1,"distance":"0"},{"bank_content_id":2,"distance":"9"}]}`, "GET", "/m/raw_lookup?include_distance=true&"+pdq, "")
	s.is(t, 200, `{"matches":[{"bank_content_id":2,"distance":"9"}]}`, "GET", "/m/raw_lookup?banks=BANK_B,BANK_C&include_distance=1&"+pdq, "")
	s.is(t, 200, `{"matches":[]}`, "GET", "/m/raw_lookup?banks=NON_EXISTENT_BANK&"+pdq, "")
	s.is(t, 200, `{"matches":[3]}`, "GET", "/m/raw_lookup?signal_type=video_md5&signal="+strings.ToUpper(someMD5), "")

	both := `{"BANK_A":[{"bank_content_id":1,"distance":"0"}],"BANK_B":[{"bank_content_id":2,"distance":"9"}]}`
	s.is(t, 200, both, "GET", "/m/lookup?"+pdq, "")
	s.is(t, 200, both, "GET", "/m/lookup?seed=1234&bypass_coinflip=true&"+pdq, "")
	s.is(t, 200, `{"BANK_A":[{"bank_content_id":1,"distance":"0"}]}`, "GET", "/m/lookup?banks=BANK_A&"+pdq, "")
	s.is(t, 200, `{}`, "GET", "/m/lookup?banks=NON_EXISTENT_BANK&"+pdq, "")
	s.is(t, 200, `{}`, "GET", "/m/lookup?signal_type=pdq&signal="+strings.Repeat("0", 64), "")
	s.is(t, 200, `{"BANK_C":[{"bank_content_id":3,"distance":"0"}]}`, "GET", "/m/lookup?signal_type=video_md5&signal="+someMD5, "")

	s.is(t, 400, message("signal is required"), "GET", "/m/raw_lookup?signal_type=pdq", "")
	s.is(t, 400, message("signal_type is required"), "GET", "/m/raw_lookup?signal=x", "")
	s.is(t, 400, message("No such SignalType 'phash'"), "GET", "/m/raw_lookup?signal_type=phash&signal=x", "")
	s.is(t, 400, message("invalid signal: pdq: must be 64 hexadecimal digits"), "GET", "/m/raw_lookup?signal_type=pdq&signal=x", "")
	s.is(t, 400, message("invalid boolean parameter - prefer true/false"), "GET", "/m/raw_lookup?include_distance=maybe&"+pdq, "")
	s.is(t, 400, message("Either url or both signal and signal_type are required"), "GET", "/m/lookup", "")
	s.is(t, 400, message("Either url or both signal and signal_type are required"), "GET", "/m/lookup?signal_type=pdq", "")
	s.is(t, 403, message("Hashing is disabled for addresses: send the file"), "GET", "/m/lookup?url=https%3A%2F%2Fexample.org%2Fa.png", "")

	// A bank that is off has no matches but raw ones, unless the coinflip is passed by.
	s.is(t, 200, `{"name":"BANK_B","matching_enabled_ratio":0}`, "PUT", "/c/bank/BANK_B", `{"enabled":false}`)
	s.is(t, 200, `{"BANK_A":[{"bank_content_id":1,"distance":"0"}]}`, "GET", "/m/lookup?"+pdq, "")
	s.is(t, 200, both, "GET", "/m/lookup?bypass_coinflip=true&"+pdq, "")
	s.is(t, 200, `{"matches":[1,2]}`, "GET", "/m/raw_lookup?"+pdq, "")
	// Content that is disabled has no matches but raw ones.
	s.call("PUT", "/c/bank/BANK_A/content/1", "application/json", `{"disable_until_ts":0}`)
	s.is(t, 200, `{}`, "GET", "/m/lookup?"+pdq, "")
	s.is(t, 200, `{"matches":[1,2]}`, "GET", "/m/raw_lookup?"+pdq, "")
}

// The share of content that a bank is used for is about its ratio, and the
// same content has the same answer.
func TestCoinflip(t *testing.T) {
	s := newSite(t)
	s.call("POST", "/c/banks", "application/json", `{"name":"HALF","enabled_ratio":0.5}`)
	s.call("POST", "/c/bank/HALF/signal", "application/json", `{"pdq":"`+specimen1+`"}`)
	n := 0
	for i := range 400 {
		path := fmt.Sprintf("/m/lookup?signal_type=pdq&signal=%s&seed=%d", specimen1, i)
		first := s.call("GET", path, "", "").Body.String()
		if again := s.call("GET", path, "", "").Body.String(); again != first {
			t.Fatalf("seed %d: %s, then %s", i, first, again)
		}
		if strings.Contains(first, "HALF") {
			n++
		}
	}
	if n < 140 || n > 260 { // six standard deviations
		t.Errorf("%d of 400", n)
	}
}

func TestLookupOfFiles(t *testing.T) {
	s := newSite(t)
	s.call("POST", "/c/banks", "application/json", `{"name":"TEST_BANK"}`)
	contentType, body := form(t, map[string]string{"metadata": `{"content_id":"1197433091","content_uri":"https://example.org/x","json":{"asdf":{}}}`, "note": "blots"}, "photo", blots(t, 1))
	p, err := picture.Hash(t.Context(), []byte(blots(t, 1)), picture.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s.isOf(t, 200, `{"id":1,"signals":{"pdq":"`+p.Hash.String()+`"}}`, "POST", "/c/bank/TEST_BANK/content", contentType, body)
	contentType, body = form(t, nil, "photo", blots(t, 1))
	s.isOf(t, 200, `{"pdq":{"TEST_BANK":[{"bank_content_id":1,"distance":"0"}]}}`, "POST", "/m/lookup", contentType, body)
	s.isOf(t, 200, `{"pdq":{}}`, "POST", "/m/lookup?banks=OTHER", contentType, body)
	contentType, body = form(t, nil, "photo", blots(t, 2))
	s.isOf(t, 200, `{"pdq":{}}`, "POST", "/m/lookup", contentType, body)
	contentType, body = form(t, nil, "photo", plain(t))
	s.isOf(t, 200, `{"pdq":{}}`, "POST", "/m/lookup", contentType, body)
	contentType, body = form(t, nil, "video", "a film")
	s.isOf(t, 200, `{"id":2,"signals":{"video_md5":"4bb9c7ebce490264f7903f3b8c1bdbf3"}}`, "POST", "/c/bank/TEST_BANK/content", contentType, body)
	s.isOf(t, 200, `{"video_md5":{"TEST_BANK":[{"bank_content_id":2,"distance":"0"}]}}`, "POST", "/m/lookup", contentType, body)

	e, err := s.lists.EntryByNumber(t.Context(), "TEST_BANK", 1)
	if err != nil || e.ID != "1197433091" || e.Note != "blots" {
		t.Errorf("%+v %v", e, err)
	}
}

// "Comparing hashes"
func TestCompare(t *testing.T) {
	s := newSite(t)
	s.is(t, 200, `{"pdq":[true,{"distance":9}]}`, "POST", "/m/compare", `{"pdq":["`+specimen1+`","`+specimen2+`"]}`)
	s.is(t, 200, `{"pdq":[false,{"distance":256}],"video_md5":[true,{}]}`, "POST", "/m/compare",
		`{"pdq":["`+strings.Repeat("0", 64)+`","`+strings.Repeat("F", 64)+`"],"video_md5":["`+someMD5+`","`+strings.ToUpper(someMD5)+`"]}`)
	for body, text := range map[string]string{
		`["banana"]`:                      "Request input was not a dict",
		`{"pdq":"banana"}`:                "Comparison hashes for pdq was not a list",
		`{"pdq":[]}`:                      "Comparison hash list length must be exactly 2",
		`{"pdq":["banana","banana"]}`:     "Invalid pdq hash",
		`{"pdq":["banana","banana","c"]}`: "Comparison hash list length must be exactly 2",
		`{"phash":["a","b"]}`:             "No such SignalType 'phash'",
	} {
		s.is(t, 400, message(text), "POST", "/m/compare", body)
	}
}

// "Index Status"
func TestIndexStatus(t *testing.T) {
	s := newSite(t)
	empty := `{"present":false,"built_to":-1,"size":0}`
	s.is(t, 200, `{"pdq":`+empty+`,"video_md5":`+empty+`,"video_sha256":`+empty+`,"vpdq":`+empty+`,"url":`+empty+`}`, "GET", "/m/index/status", "")
	s.call("POST", "/c/banks", "application/json", `{"name":"A"}`)
	s.call("POST", "/c/bank/A/signal", "application/json", `{"pdq":"`+specimen1+`"}`)
	b, err := s.lists.Bank(t.Context(), "A")
	if err != nil {
		t.Fatal(err)
	}
	s.is(t, 200, fmt.Sprintf(`{"pdq":{"present":true,"built_to":%d,"size":1}}`, b.Updated.Unix()), "GET", "/m/index/status?signal_type=pdq", "")
	s.is(t, 400, message("No such signal type 'phash'"), "GET", "/m/index/status?signal_type=phash", "")
	s.is(t, 200, fmt.Sprintf(`{"pdq":{"db_size":1,"index_size":1,"index_out_of_date":false,"newest_db_item":%d,"index_built_to":%[1]d}}`, b.Updated.Unix()),
		"GET", "/c/signal_type/index?signal_type=pdq", "")
	s.is(t, 200, `[{"name":"pdq","enabled_ratio":1},{"name":"url","enabled_ratio":1},{"name":"video_md5","enabled_ratio":1},{"name":"video_sha256","enabled_ratio":1},{"name":"vpdq","enabled_ratio":1}]`, "GET", "/c/signal_type", "")
	s.is(t, 200, `[{"name":"photo","enabled":true},{"name":"video","enabled":true}]`, "GET", "/c/content_type", "")
}

// "Banking / Hash Lists", as HMA's own tests of banks go.
func TestBanks(t *testing.T) {
	s := newSite(t)
	s.is(t, 200, `[]`, "GET", "/c/banks", "")
	for body, text := range map[string]string{
		`{"name":"01_TEST_BANK"}`:             "Bank names must be UPPER_WITH_UNDER",
		`{"name":"my_test_bank"}`:             "Bank names must be UPPER_WITH_UNDER",
		`{}`:                                  "name is required",
		`{"name":"A","enabled_ratio":2}`:      "Invalid float: enabled_ratio must be 0 to 1",
		`{"name":"A","enabled_ratio":"many"}`: "Invalid float: enabled_ratio must be 0 to 1",
		`{"name":"A","enabled":"perhaps"}`:    "invalid boolean parameter - prefer true/false",
	} {
		s.is(t, 400, message(text), "POST", "/c/banks", body)
	}
	s.is(t, 201, `{"name":"MY_TEST_BANK","matching_enabled_ratio":1}`, "POST", "/c/banks", `{"name":"MY_TEST_BANK"}`)
	s.is(t, 201, `{"name":"OFF","matching_enabled_ratio":0}`, "POST", "/c/banks", `{"name":"OFF","enabled":false}`)
	s.is(t, 201, `{"name":"PART","matching_enabled_ratio":0.25}`, "POST", "/c/banks", `{"name":"PART","enabled_ratio":"0.25"}`)
	s.is(t, 403, message("Bank already exists"), "POST", "/c/banks", `{"name":"MY_TEST_BANK"}`)
	s.is(t, 400, message("Bank names must be UPPER_WITH_UNDER"), "PUT", "/c/bank/MY_TEST_BANK", `{"name":"1_invalid_name"}`)
	s.is(t, 403, message("Bank name already exists"), "PUT", "/c/bank/MY_TEST_BANK", `{"name":"OFF"}`)
	s.is(t, 200, `{"name":"RENAMED","matching_enabled_ratio":1}`, "PUT", "/c/bank/MY_TEST_BANK", `{"name":"RENAMED"}`)
	s.is(t, 200, `{"name":"RENAMED","matching_enabled_ratio":0}`, "PUT", "/c/bank/RENAMED", `{"enabled":false}`)
	s.is(t, 200, `{"name":"RENAMED","matching_enabled_ratio":0.5}`, "PUT", "/c/bank/RENAMED", `{"enabled_ratio":0.5}`)
	s.is(t, 200, `{"name":"RENAMED","matching_enabled_ratio":0.5}`, "GET", "/c/bank/RENAMED", "")
	s.is(t, 404, message("bank 'MY_TEST_BANK' not found"), "GET", "/c/bank/MY_TEST_BANK", "")
	s.is(t, 404, message("Bank not found"), "PUT", "/c/bank/MY_TEST_BANK", `{"enabled":true}`)
	s.is(t, 200, `{"message":"Done"}`, "DELETE", "/c/bank/RENAMED", "")
	s.is(t, 200, `{"message":"Done"}`, "DELETE", "/c/bank/RENAMED", "") // "deleting non existing bank should succeed"
	s.is(t, 200, `[{"name":"OFF","matching_enabled_ratio":0},{"name":"PART","matching_enabled_ratio":0.25}]`, "GET", "/c/banks", "")

	// A bank with a name that HMA does not have is there under one that it has.
	if _, err := s.lists.Create(t.Context(), hashlist.NewBank("hot-line.1")); err != nil {
		t.Fatal(err)
	}
	s.is(t, 200, `{"name":"HOT_LINE_1","matching_enabled_ratio":1}`, "GET", "/c/bank/HOT_LINE_1", "")
}

func TestContent(t *testing.T) {
	s := newSite(t)
	s.is(t, 404, message("bank 'A' not found"), "POST", "/c/bank/A/signal", `{"pdq":"`+specimen1+`"}`)
	s.is(t, 404, message("bank 'A' not found"), "POST", "/c/bank/A/content", `{}`)
	s.is(t, 404, message("bank 'A' not found"), "GET", "/c/bank/A/content/1", "")
	s.is(t, 404, message("bank 'A' not found"), "PUT", "/c/bank/A/content/1", `{}`)
	s.is(t, 404, message("bank 'A' not found"), "DELETE", "/c/bank/A/content/1", "")
	s.call("POST", "/c/banks", "application/json", `{"name":"A"}`)
	s.is(t, 404, message("content '1' not found"), "GET", "/c/bank/A/content/1", "")
	s.is(t, 404, message("content 'x' not found"), "GET", "/c/bank/A/content/x", "")
	s.is(t, 200, `{"deleted":0}`, "DELETE", "/c/bank/A/content/1", "")
	s.is(t, 400, message("No signals given"), "POST", "/c/bank/A/signal", `{}`)
	s.is(t, 400, message("No such signal type phash"), "POST", "/c/bank/A/signal", `{"phash":"1"}`)
	s.is(t, 400, message("Invalid pdq signal"), "POST", "/c/bank/A/signal", `{"pdq":"1"}`)
	s.is(t, 400, message("Neither `url` nor multipart file upload was received"), "POST", "/c/bank/A/content", `{}`)
	s.is(t, 403, message("Hashing is disabled for addresses: send the file"), "POST", "/c/bank/A/content?url="+url.QueryEscape("https://example.org/a.png"), `{}`)
	contentType, body := form(t, map[string]string{"metadata": `{"invalid_metadata":5}`}, "photo", blots(t, 1))
	s.isOf(t, 400, message("metadata contains unexpected keys: invalid_metadata"), "POST", "/c/bank/A/content", contentType, body)
	contentType, body = form(t, nil, "photo", plain(t))
	s.isOf(t, 400, message("Invalid pdq signal"), "POST", "/c/bank/A/content", contentType, body) // quality under 50

	s.is(t, 200, `{"id":1,"signals":{"pdq":"`+specimen1+`"}}`, "POST", "/c/bank/A/signal", `{"pdq":"`+specimen1+`","note":"why"}`)
	s.is(t, 200, `{"id":1,"signals":{"pdq":"`+specimen1+`"}}`, "POST", "/c/bank/A/signal", `{"pdq":"`+specimen1+`"}`) // folded
	base := `"id":1,"collab_metadata":{},"original_media_uri":null,"bank":{"name":"A","matching_enabled_ratio":1}`
	s.is(t, 200, `{`+base+`,"disable_until_ts":1}`, "GET", "/c/bank/A/content/1", "")
	s.is(t, 200, `{`+base+`,"disable_until_ts":1,"signals":{"pdq":"`+specimen1+`"}}`, "GET", "/c/bank/A/content/1?include_signals=true", "")
	s.is(t, 200, `{`+base+`,"disable_until_ts":1,"signals":{}}`, "GET", "/c/bank/A/content/1?signal_type=video_md5", "")
	s.is(t, 400, message("No such signal type 'invalid'"), "GET", "/c/bank/A/content/1?signal_type=invalid", "")

	later := time.Now().Add(365 * 24 * time.Hour).Unix()
	s.is(t, 200, fmt.Sprintf(`{%s,"disable_until_ts":%d}`, base, later), "PUT", "/c/bank/A/content/1", fmt.Sprintf(`{"disable_until_ts":%d}`, later))
	s.is(t, 200, `{`+base+`,"disable_until_ts":0}`, "PUT", "/c/bank/A/content/1", `{"disable_until_ts":0}`)
	s.is(t, 200, `{`+base+`,"disable_until_ts":1}`, "PUT", "/c/bank/A/content/1", `{"disable_until_ts":"1"}`)
	s.is(t, 400, message("disable_until_ts must be less than 5 years in the future"), "PUT", "/c/bank/A/content/1", `{"disable_until_ts":9999999999}`)
	s.is(t, 400, message("disable_until_ts must be a non-negative integer"), "PUT", "/c/bank/A/content/1", `{"disable_until_ts":-1}`)
	s.is(t, 400, message("Invalid int: disable_until_ts"), "PUT", "/c/bank/A/content/1", `{"disable_until_ts":1.5}`)
	s.is(t, 404, message("content '7' not found"), "PUT", "/c/bank/A/content/7", `{"disable_until_ts":1}`)
	s.is(t, 200, `{"deleted":1}`, "DELETE", "/c/bank/A/content/1", "")
	s.is(t, 404, message("content '1' not found"), "GET", "/c/bank/A/content/1", "")

	// What an exchange brought is known by its name there.
	change := hashlist.Change{Upserts: []hashlist.Entry{{ID: "76-1", Source: "ncmec", Hashes: hashlist.Hashes{PDQ: specimen2}}}}
	if _, err := s.lists.Apply(t.Context(), "A", change); err != nil {
		t.Fatal(err)
	}
	s.is(t, 200, `{"id":2,"disable_until_ts":1,"collab_metadata":{"ncmec":["76-1"]},"original_media_uri":null,"bank":{"name":"A","matching_enabled_ratio":1}}`,
		"GET", "/c/bank/A/content/2", "")
}

// 503 while the index is being loaded is the status of hashlist.ErrLoading;
// here, what a role may do.
func TestRoles(t *testing.T) {
	s := newSite(t)
	for route, curation := range map[string]bool{
		"GET /status": false, "GET /site-map": false, "GET /h/hash": false, "GET /m/lookup": false, "GET /m/raw_lookup": false, "GET /m/index/status": false,
		"POST /h/hash": false, "POST /m/lookup": false, "POST /m/compare": false, "GET /c/banks": false, "GET /c/bank/A": false,
		"POST /c/banks": true, "PUT /c/bank/A": true, "DELETE /c/bank/A": true, "POST /c/bank/A/signal": true, "POST /c/bank/A/content": true,
		"PUT /c/bank/A/content/1": true, "DELETE /c/bank/A/content/1": true,
	} {
		method, path, _ := strings.Cut(route, " ")
		for _, s.role = range keys.Roles() {
			w := s.call(method, path, "application/json", `{}`)
			may := s.role == keys.Admin || s.role == keys.Compliance || s.role == keys.Platform && !curation
			if (w.Code != 403) != may {
				t.Errorf("%s as %s: %d", route, s.role, w.Code)
			}
		}
	}
}
