package app_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// bodies are the operations that read JSON, each with a body that is right.
var bodies = map[string]string{
	"POST /v1/decisions":       post("p-1", "one"),
	"POST /v1/decisions/batch": `{"events":[` + post("p-2", "two") + `]}`,
	"PUT /v1/accounts/{id}":    `{"created":"2026-01-02T03:04:05Z","country":"GB","region":"GB-SCT","locale":"en-GB","age":{"band":"13-15","basis":"estimated"}}`,
	"POST /v1/feeds/filter":    `{"viewer":{"band":"13-15","country":"GB"},"items":["p-1"]}`,
	"POST /v1/feeds/feedback":  `{"viewer":{"id":"u-1"},"item":"p-1","action":"see_less"}`,
	"POST /v1/match":           `{"hash":{"md5":"000102030405060708090a0b0c0d0e0f"}}`,
	"POST /v1/banks":           `{"name":"b-1","kind":"csam"}`,
	"PUT /v1/banks/{name}":     `{"kind":"csam"}`,
	"POST /v1/usage/push":      `{"pushes":[{"account":"u-1","purpose":"message","time_zone":"Europe/London"}]}`,
	"POST /v1/labels":          `{"content":"p-1","kind":"ppc.porn","source":"trust-team","expires":"2099-01-01T00:00:00Z"}`,

	"POST /v1/banks/{name}/entries/{id}/feedback": `{"verdict":"denied"}`,
	"POST /v1/exchanges/{name}/sync":              `{"shrink":false}`,

	"POST /v1/moderations":                     `{"input":["one","two"],"model":"omni-moderation-latest"}`,
	"POST /v1alpha1/comments:analyze":          `{"comment":{"text":"one"},"requestedAttributes":{"TOXICITY":{}},"languages":["en"]}`,
	"POST /v1/age/sessions":                    `{"account":"u-1","profile":"GB-HEAA-18","flow":"platform","return_url":"https://platform.example/","tokens":3}`,
	"PUT /v1/age/consents/{account}/{purpose}": `{"means":"video_call"}`,
	"POST /v1/age/signals":                     `{"account":"u-1","source":"us_ca_age_bracket","signal":{"ageBracket":"under_13"}}`,
	"POST /v1/age/appeals":                     `{"account":"u-1","profile":"GB-HEAA-18","ground":"wrong_result"}`,
	"POST /v1/age/tokens/issue":                `{"grant":"none","requests":["` + base64.RawURLEncoding.EncodeToString(agetoken.Request{}.Bytes()) + `"]}`,
	"POST /v1/age/tokens/redeem":               `{"token":"` + base64.RawURLEncoding.EncodeToString(agetoken.Token{}.Bytes()) + `"}`,
	"POST /v1/age/dcapi/{id}":                  `{"protocol":"org-iso-mdoc","data":{"response":""}}`,

	"PUT /v1/accounts/{id}/blocks":                        `{"unknown":"mute"}`,
	"PUT /v1/accounts/{id}/blocks/{other}":                `{"mode":"block"}`,
	"POST /v1/accounts/{id}/sanctions/{sanction}/undo":    `{"why":"a mistake"}`,
	"POST /v1/accounts/{id}/sanctions/{sanction}/confirm": `{"why":"seen by a person","hours":24}`,
	"POST /v1/restraint/{rule}":                           `{"do":"drop","why":"a mistake"}`,

	"POST /v1/urgent/{id}/acknowledge": `{"minutes":30}`,
	"POST /v1/urgent/{id}/resolve":     `{"outcome":"no_danger"}`,

	"POST /v1/age/sessions/{id}/complete":  `{"response_code":"x"}`,
	"POST /v1/age/appeals/{id}/decision":   `{"outcome":"over"}`,
	"POST /v1alpha1/comments:suggestscore": `{"comment":{"text":"one"},"attributeScores":{"TOXICITY":{"summaryScore":{"value":1}}}}`,
}

// unfounded are the operations whose bodies here are right in form and refused
// all the same: there is no grant, session or issuer behind them.
var unfounded = []string{
	"POST /v1/banks/{name}/entries/{id}/feedback", "POST /v1/exchanges/{name}/sync",
	"POST /v1/age/tokens/issue", "POST /v1/age/tokens/redeem", "POST /v1/age/sessions", "POST /v1/age/dcapi/{id}",
	"POST /v1/age/sessions/{id}/complete", "POST /v1/age/appeals/{id}/decision",
	"POST /v1/accounts/{id}/sanctions/{sanction}/undo", "POST /v1/accounts/{id}/sanctions/{sanction}/confirm",
	"POST /v1/urgent/{id}/acknowledge", "POST /v1/urgent/{id}/resolve",
}

// inPlace is what stands in paths.
var inPlace = strings.NewReplacer("{id}", "u-1", "{name}", "b-2", "{account}", "u-1", "{purpose}", "service", "{other}", "u-2", "{sanction}", "s-1", "{rule}", "some.rule")

// Bad input of every kind, on every route that reads a body: a problem that
// says what is wrong, and nothing is written of it.
func TestBadInputOnEveryRoute(t *testing.T) {
	s := start(t, func(c *config.Config) {
		c.Limits.BodyBytes, c.Limits.EventBytes, c.Limits.BatchBytes = 4096, 4096, 4096
	}, app.Options{})
	for name, op := range s.operations() {
		if name == "POST /v1/age/webhooks/{provider}" {
			continue // what providers send is theirs to say
		}
		reads := op.RequestBody != nil && op.RequestBody.Content["application/json"] != nil
		if _, ok := bodies[name]; ok != reads {
			t.Errorf("%s reads a JSON body: %t, the test has one for it: %t", name, reads, ok)
		}
	}
	before := s.rows(t)
	key := s.key(t, keys.Admin, keys.Reviewer) // some things an admin alone may not
	for name, good := range bodies {
		method, path, _ := strings.Cut(name, " ")
		path = inPlace.Replace(path)
		open, rest, _ := strings.Cut(good, `{`)
		for what, bad := range map[string]struct {
			body   string
			header map[string]string
			status int
			fields []string
		}{
			"no body":             {status: 400, header: map[string]string{"Content-Type": "application/json"}},
			"half of it":          {body: good[:len(good)/2], status: 400},
			"something after it":  {body: good + `{}`, status: 400},
			"a key twice":         {body: open + `{"a":1,"a":1,` + rest, status: 400},
			"invalid UTF-8":       {body: open + "{\"a\":\"\xff\"," + rest, status: 400},
			"half of a surrogate": {body: open + `{"a":"\ud800",` + rest, status: 400},
			"a control character": {body: open + "{\"a\":\"\x00\"," + rest, status: 400},
			"far too deep":        {body: strings.Repeat(`[`, 2000) + strings.Repeat(`]`, 2000), status: 400},
			"UTF-16":              {body: "\xff\xfe{\x00}\x00", status: 400},
			"not JSON":            {body: `<event/>`, status: 400},
			"YAML's idea of it":   {body: `{id: p-1}`, status: 400},
			"an infinite number":  {body: open + `{"a":NaN,` + rest, status: 400},
			"too large":           {body: open + `{"a":"` + strings.Repeat("x", 5000) + `",` + rest, status: 413},
			"another media type":  {body: good, header: map[string]string{"Content-Type": "text/plain"}, status: 415},
			"a form":              {body: good, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: 415},
			"another charset":     {body: good, header: map[string]string{"Content-Type": "application/json; charset=utf-16"}, status: 415},
			"compressed":          {body: good, header: map[string]string{"Content-Encoding": "gzip"}, status: 415},
			"an unknown field":    {body: open + `{"unheard_of":1,` + rest, status: 422, fields: []string{"unheard_of"}},
			"a field miswritten":  {body: miswritten(good), status: 422, fields: []string{strings.ToUpper(firstField(good))}},
			"an array":            {body: `[]`, status: 422, fields: []string{"body"}},
			"null":                {body: `null`, status: 422, fields: []string{"body"}},
			"a number":            {body: `1`, status: 422, fields: []string{"body"}},
			"beyond all numbers":  {body: `1e999`, status: 400},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				a := s.call(t, request{method: method, path: path, key: key, body: bad.body, header: bad.header})
				a.problem(t, bad.status, bad.fields...)
			})
		}
	}
	s.unchanged(t, before)
	for name, good := range bodies { // the test would notice a write
		method, path, _ := strings.Cut(name, " ")
		if a := s.call(t, request{method: method, path: inPlace.Replace(path), key: key, body: good}); a.status >= 300 && !slices.Contains(unfounded, name) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if fmt.Sprint(s.rows(t)) == fmt.Sprint(before) {
		t.Error("nothing was written by what is right either")
	}
}

// firstField is the name of the first field of an object.
func firstField(body string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(body, `{"`), `"`)
	return name
}

// miswritten is a body with its first field in capitals.
func miswritten(body string) string {
	name := firstField(body)
	return strings.Replace(body, name, strings.ToUpper(name), 1)
}

// rows counts the rows of every table that requests can write to.
func (s *server) rows(t testing.TB) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, table := range []string{
		"journal_entry", "journal_tag", "journal_rollup", "journal_erasure", "age_account", "age_signal",
		"label_label", "hashlist_bank", "hashlist_entry", "decide_content", "decide_less", "decide_preserved", "river_job", "assurance_session", "assurance_request", "assurance_appeal", "assurance_grant", "assurance_consent",
	} {
		where := ""
		if table == "river_job" { // the server's own come when they come
			where = ` WHERE json(metadata) NOT LIKE '%"periodic":true%'`
		}
		counts[table] = s.number(t, `SELECT count(*) FROM `+table+where)
	}
	return counts
}

func (s *server) unchanged(t testing.TB, before map[string]int) {
	t.Helper()
	if after := s.rows(t); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("rows are %v, were %v", after, before)
	}
}

// number is the only value that a query gives.
func (s *server) number(t testing.TB, query string, args ...any) (n int) {
	t.Helper()
	if err := s.DB().Read.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What is wrong with a field is said at the field.
func TestFieldsAreNamed(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	before := s.rows(t)
	event := func(rest string) string {
		return `{"id":"m-1","type":"message.send","actor":{"id":"u-1"},` + rest + `}`
	}
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ route, body, field string }{
		{"POST /v1/decisions", `{"type":"message.send","actor":{"id":"u-1"}}`, "id"},
		{"POST /v1/decisions", `{"id":"","type":"message.send","actor":{"id":"u-1"}}`, "id"},
		{"POST /v1/decisions", `{"id":"` + long + `","type":"message.send","actor":{"id":"u-1"}}`, "id"},
		{"POST /v1/decisions", `{"id":"a\u0000b","type":"message.send","actor":{"id":"u-1"}}`, "id"},
		{"POST /v1/decisions", `{"id":7,"type":"message.send","actor":{"id":"u-1"}}`, "id"},
		{"POST /v1/decisions", `{"id":"m-1","actor":{"id":"u-1"}}`, "type"},
		{"POST /v1/decisions", `{"id":"m-1","type":"message.shout","actor":{"id":"u-1"}}`, "type"},
		{"POST /v1/decisions", `{"id":"m-1","type":"x.","actor":{"id":"u-1"}}`, "type"},
		{"POST /v1/decisions", `{"id":"m-1","type":"message.send"}`, "actor.id"},
		{"POST /v1/decisions", `{"id":"m-1","type":"message.send","actor":{"id":"u-1","age":{"band":"11"}}}`, "actor.age.band"},
		{"POST /v1/decisions", `{"id":"m-1","type":"message.send","actor":{"id":"u-1","age":{"band":"18+","basis":"sworn"}}}`, "actor.age.basis"},
		{"POST /v1/decisions", `{"id":"m-1","type":"message.send","actor":{"id":"u-1","birthday":"2014-01-01"}}`, "actor.birthday"},
		{"POST /v1/decisions", event(`"time":"2027-01-01T00:00:00Z"`), "time"},
		{"POST /v1/decisions", event(`"time":"1970-01-01T00:00:00Z"`), "time"},
		{"POST /v1/decisions", event(`"time":"yesterday"`), "time"},
		{"POST /v1/decisions", event(`"time":1767225600`), "time"},
		{"POST /v1/decisions", event(`"surface":"wall"`), "surface"},
		{"POST /v1/decisions", event(`"private":"yes"`), "private"},
		{"POST /v1/decisions", event(`"audience":{"scope":"everybody"}`), "audience.scope"},
		{"POST /v1/decisions", event(`"audience":{"scope":"direct"}`), "audience.members"},
		{"POST /v1/decisions", event(`"audience":{"scope":"direct","members":[{"id":"u-2"},{"id":"u-3","country":"gb"}]}`), "audience.members[1].country"},
		{"POST /v1/decisions", event(`"audience":{"scope":"direct","members":[{"id":"u-2","mutuals":-1}]}`), "audience.members[0].mutuals"},
		{"POST /v1/decisions", event(`"audience":{"scope":"direct","members":[{"connected":true}]}`), "audience.members[0].id"},
		{"POST /v1/decisions", event(`"audience":{"scope":"direct","members":[{"id":"u-2","name":"x"}]}`), "audience.members[0].name"},
		{"POST /v1/decisions", event(`"content":{"text":"` + strings.Repeat("x", 200_000) + `"}`), "content.text"},
		{"POST /v1/decisions", event(`"content":{"language":"en_GB"}`), "content.language"},
		{"POST /v1/decisions", event(`"content":{"media":[{"kind":"hologram"}]}`), "content.media[0].kind"},
		{"POST /v1/decisions", event(`"content":{"media":[{"kind":"image","data":"not base64!"}]}`), "content.media[0].data"},
		{"POST /v1/decisions", event(`"content":{"media":[{"kind":"image","sha256":"abc"}]}`), "content.media[0].sha256"},
		{"POST /v1/decisions", event(`"content":{"links":[7]}`), "content.links[0]"},
		{"POST /v1/decisions", event(`"attributes":[1]`), "attributes"},
		{"POST /v1/decisions/batch", `{}`, "events"},
		{"POST /v1/decisions/batch", `{"events":{}}`, "events"},
		{"PUT /v1/accounts/u-1", `{"country":"UK "}`, "country"},
		{"PUT /v1/accounts/u-1", `{"country":"GB","region":"US-CA"}`, "region"},
		{"PUT /v1/accounts/u-1", `{"created":"2030-01-01T00:00:00Z"}`, "created"},
		{"PUT /v1/accounts/u-1", `{"locale":"en_GB"}`, "locale"},
		{"PUT /v1/accounts/u-1", `{"age":{"band":"12"}}`, "age.band"},
		{"PUT /v1/accounts/u-1", `{"age":{"band":"10-12","basis":"sworn"}}`, "age.basis"},
		{"PUT /v1/accounts/u-1", `{"birth_date":"2014-01-01"}`, "birth_date"},
		{"PUT /v1/accounts/u%00", `{}`, "path.id"},
		{"PUT /v1/accounts/" + long, `{}`, "path.id"},
		{"POST /v1/age/sessions", `{"account":"u-1"}`, "profile"},
		{"POST /v1/age/sessions", `{"account":"u-1","profile":"MARS-18"}`, "profile"},
		{"POST /v1/age/sessions", `{"account":"u\u0000","profile":"GB-HEAA-18"}`, "account"},
		{"PUT /v1/age/consents/u-1/service", `{"means":"word of mouth"}`, "means"},
		{"PUT /v1/age/consents/u-1/service", `{"means":"age_check"}`, "session"},
		{"PUT /v1/age/consents/u-1/third_party", `{"means":"text_plus"}`, "means"},
		{"PUT /v1/age/consents/u-1/service", `{"means":"video_call","guardian_name":"x"}`, "guardian_name"},
		{"PUT /v1/age/consents/u-1/all", `{"means":"video_call"}`, "path.purpose"},
		{"POST /v1/age/sessions", `{"account":"u-1","profile":"GB-HEAA-18","flow":"fast"}`, "flow"},
		{"POST /v1/age/sessions", `{"account":"u-1","profile":"GB-HEAA-18","flow":"platform"}`, "return_url"},
		{"POST /v1/age/sessions", `{"account":"u-1","profile":"GB-HEAA-18","return_url":"javascript:alert(1)"}`, "return_url"},
		{"POST /v1/age/sessions", `{"account":"u-1","profile":"GB-HEAA-18","tokens":31}`, "tokens"},
		{"POST /v1/age/sessions", `{"account":"u-1","profile":"GB-HEAA-18","birth_date":"2000-01-01"}`, "birth_date"},
		{"POST /v1/age/appeals", `{"account":"u-1","profile":"GB-HEAA-18","ground":"I was born in 2000"}`, "ground"},
		{"POST /v1/age/appeals", `{"account":"u-1","profile":"GB-HEAA-18","ground":"wrong_result","document":"x"}`, "document"},
		{"POST /v1/age/dcapi/x", `{"protocol":"smoke signals","data":{}}`, "protocol"},
		{"POST /v1/feeds/filter", `{"items":[]}`, "viewer"},
		{"POST /v1/feeds/filter", `{"viewer":{},"items":[]}`, "viewer"},
		{"POST /v1/feeds/filter", `{"viewer":{"id":"u-1","band":"18+"},"items":[]}`, "viewer"},
		{"POST /v1/feeds/filter", `{"viewer":{"band":"11"},"items":[]}`, "viewer.band"},
		{"POST /v1/feeds/filter", `{"viewer":{"band":"10-12","country":"gb"},"items":[]}`, "viewer.country"},
		{"POST /v1/feeds/filter", `{"viewer":{"id":"u-1"}}`, "items"},
		{"POST /v1/feeds/filter", `{"viewer":{"id":"u-1"},"items":[1]}`, "items[0]"},
		{"POST /v1/feeds/filter", `{"viewer":{"id":"u-1"},"items":["x"` + strings.Repeat(`,"x"`, 2000) + `]}`, "items"},
		{"POST /v1/feeds/feedback", `{"viewer":{"band":"18+"},"item":"p-1","action":"see_less"}`, "viewer.id"},
		{"POST /v1/feeds/feedback", `{"viewer":{"id":"u-1"},"item":"p-1","action":"like"}`, "action"},
		{"POST /v1/feeds/feedback", `{"viewer":{"id":"u-1"},"action":"see_less"}`, "item"},
		{"POST /v1/labels", `{"kind":"ppc.porn","source":"x"}`, "content"},
		{"POST /v1/labels", `{"content":"a","account":"b","kind":"ppc.porn","source":"x"}`, "content"},
		{"POST /v1/labels", `{"content":"a","kind":"What a label","source":"x"}`, "kind"},
		{"POST /v1/labels", `{"content":"a","kind":"ppc.porn"}`, "source"},
		{"POST /v1/labels", `{"content":"a","kind":"ppc.porn","source":"x","expires":"soon"}`, "expires"},
	} {
		method, path, _ := strings.Cut(c.route, " ")
		t.Run(fmt.Sprintf("%.60s %.60s", c.route, c.body), func(t *testing.T) {
			s.call(t, request{method: method, path: path, key: s.AdminKey, body: c.body}).problem(t, http.StatusUnprocessableEntity, c.field)
		})
	}
	s.unchanged(t, before)
}

func TestNoSuchRoute(t *testing.T) {
	s := start(t, nil, app.Options{})
	for _, path := range []string{"/v1", "/v1/", "/v2/decisions", "/v1/decision", "/v1/decisions/", "/metrics/x", "/.git/config", "/v1/accounts/"} {
		s.call(t, request{method: "GET", path: path, key: s.AdminKey}).problem(t, http.StatusNotFound)
	}
	a := s.call(t, request{method: "PUT", path: "/v1/decisions", key: s.AdminKey, body: `{}`})
	a.problem(t, http.StatusMethodNotAllowed)
	if a.header.Get("Allow") != "POST" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
}

// A key may send so many events, counted one by one wherever they come. Other
// keys have their own count.
func TestRateOfAKey(t *testing.T) {
	s := start(t, func(c *config.Config) {
		c.Limits.RatePerKey, c.Limits.Burst, c.Limits.BatchEvents = 1, 5, 5
	}, app.Options{Now: inNovember})
	key, other := s.key(t, "platform"), s.key(t, "platform")
	send := func(key, path, body string) answer {
		return s.call(t, request{method: "POST", path: path, key: key, body: body})
	}
	events := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = post(fmt.Sprint("p-", n, "-", i), "one")
		}
		return `{"events":[` + strings.Join(all, ",") + `]}`
	}
	send(key, "/v1/decisions/batch", events(6)).problem(t, http.StatusUnprocessableEntity, "events")
	if a := send(key, "/v1/decisions/batch", events(3)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	before := s.rows(t)
	send(key, "/v1/decisions/batch", events(2)).problem(t, http.StatusTooManyRequests)
	s.unchanged(t, before)
	if a := send(other, "/v1/decisions", post("p-9", "nine")); a.status != 200 {
		t.Errorf("another key: %d %s", a.status, a.body)
	}
	for range 5 {
		a := send(key, "/v1/decisions", post("p-10", "ten"))
		if a.status == 200 {
			continue
		}
		a.problem(t, http.StatusTooManyRequests)
		return
	}
	t.Error("a key that sent all it may is not stopped")
}
