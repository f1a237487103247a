package age_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// newAPI has the accounts' routes; the key of a role is the role's name.
func newAPI(d *db.DB) *web.API {
	api := web.New(web.Options{Authenticate: func(_ context.Context, credential string) (keys.Principal, error) {
		roles, err := keys.ParseRoles([]string{credential})
		if err != nil {
			return keys.Principal{}, keys.ErrUnknown
		}
		return keys.Principal{ID: credential, Roles: roles}, nil
	}})
	age.New(d, options()).Routes(api)
	return api
}

// call gives the status and the body, which is a problem if it is an error.
func call(api http.Handler, role keys.Role, method, path, body string) (int, []byte) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+string(role))
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

// alike compares JSON.
func alike(t *testing.T, want string, got []byte) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Error(diff)
	}
}

func TestAccountsOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		api := newAPI(d)
		const path, body = "/v1/accounts/u-7", `{"created":"2026-11-01T00:00:00Z","country":"US","region":"US-CA","locale":"en-US","age":{"band":"18+","basis":"verified"}}`
		const account = `{"id":"u-7","created":"2026-11-01T00:00:00Z","country":"US","region":"US-CA","locale":"en-US",
			"age":{"band":"18+","basis":"verified","from":18,"to":150,"proven":true,"doubt":false}}`
		if status, _ := call(api, keys.Platform, "GET", path, ""); status != 404 {
			t.Errorf("GET before PUT: %d", status)
		}
		for range 2 { // PUT is idempotent
			status, got := call(api, keys.Platform, "PUT", path, body)
			if status != 200 {
				t.Fatalf("PUT: %d %s", status, got)
			}
			alike(t, account, got)
		}
		status, got := call(api, keys.Platform, "GET", path, "")
		if status != 200 {
			t.Fatalf("GET: %d", status)
		}
		alike(t, account, got)
		_, got = call(api, keys.Platform, "DELETE", path, "")
		alike(t, `{"id":"u-7","erased":true,"held":[]}`, got)
		_, got = call(api, keys.Platform, "DELETE", path, "")
		alike(t, `{"id":"u-7","erased":false,"held":[]}`, got)
		if status, _ := call(api, keys.Platform, "GET", path, ""); status != 404 {
			t.Errorf("GET after DELETE: %d", status)
		}
	})
}

func TestRaisingNeedsRank(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), age.Migrations())
	api := newAPI(d)
	const child, adult = `{"age":{"band":"10-12","basis":"declared"}}`, `{"age":{"band":"18+","basis":"verified"}}`
	for _, tt := range []struct {
		role keys.Role
		want int
	}{{keys.Platform, 409}, {keys.Compliance, 200}, {keys.Admin, 200}} {
		path := "/v1/accounts/" + string(tt.role)
		if status, _ := call(api, keys.Platform, "PUT", path, child); status != 200 {
			t.Fatalf("first PUT: %d", status)
		}
		status, got := call(api, tt.role, "PUT", path, adult)
		if status != tt.want {
			t.Errorf("%s raises: %d, want %d", tt.role, status, tt.want)
		}
		var problem fault.Problem
		if err := json.Unmarshal(got, &problem); err != nil {
			t.Fatal(err)
		}
		if status == 409 && (len(problem.Errors) != 1 || problem.Errors[0].Location != "age") {
			t.Errorf("the problem does not name the age: %s", got)
		}
	}
}

func TestFaultsNameTheField(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), age.Migrations())
	api := newAPI(d)
	long := strings.Repeat("x", 257)
	tests := []struct {
		path, body, location string
		status               int
	}{
		{"u", `{"age":{"band":"12","basis":"verified"}}`, "age.band", 422},
		{"u", `{"age":{"band":"2014-05-01","basis":"verified"}}`, "age.band", 422},
		{"u", `{"age":{"band":"18+","basis":"sworn"}}`, "age.basis", 422},
		{"u", `{"age":{"basis":"verified"}}`, "age.band", 422},
		{"u", `{"age":{"band":"18+","basis":"verified","birthdate":"2014-05-01"}}`, "age.birthdate", 422},
		{"u", `{"birth_date":"2014-05-01"}`, "birth_date", 422},
		{"u", `{"Country":"GB"}`, "Country", 422},
		{"u", `{"country":"gb"}`, "country", 422},
		{"u", `{"country":"GB","region":"US-CA"}`, "region", 422},
		{"u", `{"region":"US-CA"}`, "region", 422},
		{"u", `{"locale":"2014-05-01"}`, "locale", 422},
		{"u", `{"locale":"en-20140501"}`, "locale", 422},
		{"u", `{"created":"yesterday"}`, "created", 422},
		{"u", `{"created":"1980-01-01T00:00:00Z"}`, "created", 422},
		{"u", `{"created":"2027-01-01T00:00:00Z"}`, "created", 422},
		{"u", `{"country":7}`, "country", 422},
		{long, `{}`, "path.id", 422},
		{"a%00b", `{}`, "path.id", 422},
		{"u", `[]`, "", 422},
		{"u", `{"country":"GB"`, "", 400},
		{"u", ``, "", 400},
	}
	for _, tt := range tests {
		status, got := call(api, keys.Platform, "PUT", "/v1/accounts/"+tt.path, tt.body)
		var problem fault.Problem
		if err := json.Unmarshal(got, &problem); err != nil {
			t.Fatal(err)
		}
		named := tt.location == ""
		for _, f := range problem.Errors {
			named = named || f.Location == tt.location
		}
		if status != tt.status || !named {
			t.Errorf("%s: %d %s, want %d and %q named", tt.body, status, got, tt.status, tt.location)
		}
	}
	var n int
	if err := d.Read.QueryRow(`SELECT count(*) FROM age_account`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d accounts of refused requests: %v", n, err)
	}
}

func TestRolesOfTheRoutes(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), age.Migrations())
	api := newAPI(d)
	for _, role := range append(keys.Roles(), "nobody") {
		want := map[keys.Role]bool{keys.Platform: true, keys.Compliance: true, keys.Admin: true}[role]
		for _, method := range []string{"PUT", "GET", "DELETE"} {
			status, _ := call(api, role, method, "/v1/accounts/u", `{}`)
			if (status == 401 || status == 403) == want {
				t.Errorf("%s by %s: %d", method, role, status)
			}
		}
	}
}

func TestUnavailableIsSaidSo(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), age.Migrations())
	var pages int
	if err := d.Write.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	api := newAPI(d)
	full := func(limit int) {
		if _, err := d.Write.Exec(fmt.Sprint(`PRAGMA max_page_count = `, limit)); err != nil {
			t.Fatal(err)
		}
	}
	full(pages)
	status, n := 200, 0
	for ; status == 200 && n < 10_000; n++ {
		status, _ = call(api, keys.Platform, "PUT", fmt.Sprintf("/v1/accounts/%s%d", strings.Repeat("x", 200), n), `{}`)
	}
	if status != 503 {
		t.Errorf("on a full disk: %d", status)
	}
	full(1 << 20)
	if status, _ = call(api, keys.Platform, "PUT", "/v1/accounts/u", `{}`); status != 200 {
		t.Errorf("once there is room: %d", status)
	}
}

// dateLike is what might be a birth date, in a text or as a number of a time.
var dateLike = regexp.MustCompile(`(19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d|[0-3]?\d[-/.][01]?\d[-/.](19|20)?\d\d`)

// FuzzPut looks for a body that makes the server keep a date, other than when
// the account was made, or an age that it was not told.
func FuzzPut(f *testing.F) {
	for _, body := range []string{
		`{"age":{"band":"10-12","basis":"declared"}}`,
		`{"age":{"band":"2014-05-01","basis":"verified"}}`,
		`{"age":{"band":"18+","basis":"verified","dob":"01.05.2014"}}`,
		`{"age":"2014-05-01"}`, `{"age":20140501}`, `{"age":null}`,
		`{"locale":"en-20140501"}`, `{"region":"GB-201","country":"GB"}`,
		`{"created":"2014-05-01T00:00:00Z","country":"GB","locale":"en-GB"}`,
	} {
		f.Add(body)
	}
	d := dbtest.Open(f, dbtest.SQLite(f), age.Migrations())
	api := newAPI(d)
	n := 0
	f.Fuzz(func(t *testing.T, body string) {
		n++
		path := "/v1/accounts/" + url.PathEscape(fmt.Sprint("u-", n))
		status, got := call(api, keys.Platform, "PUT", path, body)
		if status != 200 {
			if status != 400 && status != 413 && status != 422 {
				t.Fatalf("%d %s", status, got)
			}
			return
		}
		var account map[string]any
		if err := json.Unmarshal(got, &account); err != nil {
			t.Fatal(err)
		}
		delete(account, "created")
		delete(account, "id")
		kept, err := json.Marshal(account)
		if err != nil {
			t.Fatal(err)
		}
		if dateLike.Match(kept) {
			t.Fatalf("kept what looks like a date: %s", kept)
		}
	})
}
