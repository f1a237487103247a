package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/client"
	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
)

// example is the contract's event.
const example = `{"id":"m-1001","type":"message.send","time":"2026-11-24T10:00:00Z",
 "actor":{"id":"u-7","age":{"band":"18+","basis":"verified"},"country":"GB","created":"2026-11-01T00:00:00Z"},
 "audience":{"scope":"direct","members":[{"id":"u-9","age":{"band":"10-12","basis":"estimated"},"country":"GB","connected":false,"mutuals":0}]},
 "content":{"id":"m-1001","text":"hello","language":"en",
            "media":[{"kind":"image","data":"aGVsbG8=","url":"","sha256":"","pdq":"","mime":"image/jpeg"}],
            "links":["https://example.org/"]},
 "conversation":"c-3","parent":"","surface":"dm","private":true,
 "attributes":{"anything":"the platform's own, readable in rules"}}`

// post is published content without an age or a place.
func post(id, text string) string {
	return fmt.Sprintf(`{"id":%q,"type":"content.create","actor":{"id":"u-1"},"audience":{"scope":"public"},"content":{"id":%q,"text":%q}}`, id, id, text)
}

func TestDecisions(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	first := s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: example})
	d := first.object(t)
	has(t, d, "id", "event", "type", "time", "outcome", "members", "reasons", "effects", "signals", "notice", "degraded", "policy", "jurisdictions")
	if first.status != 200 || first.header.Get("Content-Type") != "application/json" || d["outcome"] != "hold" || d["event"] != "m-1001" {
		t.Errorf("%d %s: %s", first.status, first.header.Get("Content-Type"), first.body)
	}
	member := d["members"].([]any)[0].(map[string]any)
	has(t, member, "id", "band", "outcome", "rules")
	if member["band"] != "10-12" || member["outcome"] != "hold" || !slices.Contains(member["rules"].([]any), any("contact.stranger-to-child")) {
		t.Errorf("member %v", member)
	}
	has(t, d["reasons"].([]any)[0].(map[string]any), "rule", "kind", "outcome", "text", "measures", "jurisdictions")
	effect := d["effects"].([]any)[0].(map[string]any)
	if effect["kind"] != "review" || effect["queue"] != "contact" || effect["priority"] != json.Number("2") {
		t.Errorf("effect %v", effect)
	}
	has(t, d["policy"].(map[string]any), "bundle", "digest")

	again := s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: strings.Join(strings.Fields(example), " ")})
	if !bytes.Equal(again.body, first.body) {
		t.Errorf("again %s\nfirst %s", again.body, first.body)
	}
	got := s.call(t, request{method: "GET", path: "/v1/decisions/" + d["id"].(string), key: s.AdminKey})
	if !bytes.Equal(got.body, first.body) {
		t.Errorf("by its id %s\nfirst %s", got.body, first.body)
	}
	other := strings.Replace(example, "hello", "hallo", 1)
	s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: other}).problem(t, http.StatusConflict)
	for _, id := range []string{"d_0000000000000", "m-1001", "d_", "..%2f", "d_zzzzzzzzzzzzz", strings.Repeat("d", 3000)} {
		s.call(t, request{method: "GET", path: "/v1/decisions/" + id, key: s.AdminKey}).problem(t, http.StatusNotFound)
	}

	published := s.ok(t, "POST", "/v1/decisions", post("p-1", "a walk by the sea"))
	var names []string
	for _, b := range published["bands"].([]any) {
		has(t, b.(map[string]any), "band", "outcome")
		names = append(names, b.(map[string]any)["band"].(string))
	}
	if !slices.Equal(names, []string{"0-5", "6-9", "10-12", "13-15", "16-17", "18+"}) || published["outcome"] != "allow" {
		t.Errorf("bands %v, outcome %v", names, published["outcome"])
	}
}

func TestBatch(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	s.ok(t, "POST", "/v1/decisions", example)
	events := []string{
		post("p-1", "one"),
		`{"id":"p-2","type":"content.shout","actor":{"id":"u-1"}}`,
		strings.Replace(example, "hello", "hallo", 1),
		`{"id":"p-3","type":"content.create","actor":{"id":"u-1"},"content":{"body":"x"}}`,
		example,
		post("p-4", "four"),
	}
	all := s.ok(t, "POST", "/v1/decisions/batch", `{"events":[`+strings.Join(events, ",")+`]}`)
	has(t, all, "decisions")
	answers := all["decisions"].([]any)
	if len(answers) != len(events) {
		t.Fatalf("%d answers to %d events", len(answers), len(events))
	}
	for i, want := range []string{"p-1", "type", "409", "content.body", "m-1001", "p-4"} {
		a := answers[i].(map[string]any)
		problem, refused := a["error"].(map[string]any)
		switch i {
		case 0, 4, 5:
			if refused || a["event"] != want {
				t.Errorf("answer %d is %v, want the decision on %s", i, a, want)
			}
		case 2:
			if problem["status"] != json.Number("409") {
				t.Errorf("answer %d is %v, want a conflict", i, a)
			}
		default:
			has(t, a, "error")
			fields, _ := problem["errors"].([]any)
			if problem["status"] != json.Number("422") || len(fields) != 1 || fields[0].(map[string]any)["location"] != want {
				t.Errorf("answer %d is %v, want %s named", i, a, want)
			}
		}
	}
	if none := s.ok(t, "POST", "/v1/decisions/batch", `{"events":[]}`); len(none["decisions"].([]any)) != 0 {
		t.Errorf("an empty batch has answers: %v", none)
	}
}

func TestAccounts(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	for _, id := range []string{"u-1", "ein Name/mit Strich", "ü?#%", strings.Repeat("x", 256)} {
		path := "/v1/accounts/" + url.PathEscape(id)
		put := s.ok(t, "PUT", path, `{"created":"2026-01-02T03:04:05Z","country":"US","region":"US-CA","locale":"en-US","age":{"band":"10-12","basis":"estimated"}}`)
		has(t, put, "id", "created", "country", "region", "locale", "age")
		if put["id"] != id || put["created"] != "2026-01-02T03:04:05Z" || put["country"] != "US" || put["region"] != "US-CA" || put["locale"] != "en-US" {
			t.Errorf("%s is stored as %v", id, put)
		}
		if a := put["age"].(map[string]any); a["band"] != "10-12" || a["basis"] != "estimated" {
			t.Errorf("age %v", a)
		}
		got := s.ok(t, "GET", path, "")
		if fmt.Sprint(got) != fmt.Sprint(put) {
			t.Errorf("read %v\nput %v", got, put)
		}
		gone := s.ok(t, "DELETE", path, "")
		has(t, gone, "id", "erased", "held")
		if gone["id"] != id || gone["erased"] != true || len(gone["held"].([]any)) != 0 {
			t.Errorf("erased: %v", gone)
		}
		s.call(t, request{method: "GET", path: path, key: s.AdminKey}).problem(t, http.StatusNotFound)
		if again := s.ok(t, "DELETE", path, ""); again["erased"] != false {
			t.Errorf("erased twice: %v", again)
		}
	}
}

// A platform may make an account younger or more doubtful; it may not make it
// older. That takes an age check, or somebody responsible.
func TestAgesOnlyFall(t *testing.T) {
	s := start(t, nil, app.Options{})
	platform := s.key(t, "platform")
	put := func(key, age string) answer {
		return s.call(t, request{method: "PUT", path: "/v1/accounts/u-1", key: key, body: `{"country":"GB","age":` + age + `}`})
	}
	if a := put(platform, `{"band":"13-15","basis":"estimated"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	put(platform, `{"band":"18+","basis":"verified"}`).problem(t, http.StatusConflict, "age")
	if a := s.ok(t, "GET", "/v1/accounts/u-1", "")["age"].(map[string]any); a["band"] != "13-15" {
		t.Errorf("after a refusal the age is %v", a)
	}
	if a := put(platform, `{"band":"10-12","basis":"estimated"}`); a.status != 200 {
		t.Errorf("younger: %d %s", a.status, a.body)
	}
	// Inline neither.
	d := s.ok(t, "POST", "/v1/decisions", `{"id":"m-1","type":"message.send","actor":{"id":"u-2","age":{"band":"18+","basis":"verified"},"country":"GB"},
		"audience":{"scope":"direct","members":[{"id":"u-1","age":{"band":"18+","basis":"verified"},"country":"GB"}]},"content":{"text":"hello"}}`)
	if member := d["members"].([]any)[0].(map[string]any); member["band"] != "10-12" || d["outcome"] != "hold" {
		t.Errorf("member %v, outcome %v", member, d["outcome"])
	}
	if a := put(s.AdminKey, `{"band":"18+","basis":"verified"}`); a.status != 200 {
		t.Errorf("by an admin: %d %s", a.status, a.body)
	}
}

// What a rule preserved stays through an erasure, which says so.
func TestErasureSaysWhatIsHeld(t *testing.T) {
	s := start(t, func(c *config.Config) { c.Policy.Dir = keepEverything(t) }, app.Options{})
	s.ok(t, "PUT", "/v1/accounts/u-1", `{"country":"GB"}`)
	d := s.ok(t, "POST", "/v1/decisions", post("p-1", "one"))
	gone := s.ok(t, "DELETE", "/v1/accounts/u-1", "")
	held := gone["held"].([]any)
	if len(held) != 1 {
		t.Fatalf("held %v", held)
	}
	has(t, held[0].(map[string]any), "what", "count", "why")
	if held[0].(map[string]any)["count"] != json.Number("1") {
		t.Errorf("held %v", held)
	}
	if ev, err := s.Engine.Vault.Open(t.Context(), d["id"].(string)); err != nil || ev.Content.Text != "one" {
		t.Errorf("evidence after the erasure: %v", err)
	}
}

func TestSafeguards(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	s.ok(t, "PUT", "/v1/accounts/child", `{"country":"GB","age":{"band":"10-12","basis":"estimated"}}`)
	s.ok(t, "PUT", "/v1/accounts/adult", `{"country":"GB","age":{"band":"18+","basis":"verified"}}`)
	child := s.ok(t, "GET", "/v1/accounts/child/safeguards", "")
	if child["band"] != "10-12" || child["basis"] != "estimated" || child["protective"] != false {
		t.Errorf("%v %v %v", child["band"], child["basis"], child["protective"])
	}
	effects := child["effects"].(map[string]any)
	rules := map[string]string{}
	for _, r := range child["rules"].([]any) {
		has(t, r.(map[string]any), "effect", "rule", "measures")
		rules[r.(map[string]any)["effect"].(string)] = r.(map[string]any)["rule"].(string)
	}
	for name, want := range map[string]any{
		"private_profile": true, "discoverable": false, "dm_from_strangers": "off", "network_prompts": false,
		"show_connections": false, "location": false, "personalised_ads": false, "personalised_feed": false,
		"autoplay": false, "public_likes": false, "live_start": false, "live_gifts": false, "ai_companion": false,
		"push_quiet_hours": effects["push_quiet_hours"], "break_reminder_minutes": effects["break_reminder_minutes"],
	} {
		if got, ok := effects[name]; !ok || !reflect.DeepEqual(got, want) || rules[name] == "" {
			t.Errorf("%s is %v for a child by rule %q, want %v by a rule", name, got, rules[name], want)
		}
	}
	has(t, effects["push_quiet_hours"].(map[string]any), "from", "to")
	if _, ok := effects["break_reminder_minutes"].(json.Number); !ok {
		t.Errorf("break_reminder_minutes is %v", effects["break_reminder_minutes"])
	}
	if len(child["locked"].([]any)) == 0 {
		t.Error("nothing is locked for a child")
	}

	adult := s.ok(t, "GET", "/v1/accounts/adult/safeguards", "")
	if e := adult["effects"].(map[string]any); e["dm_from_strangers"] != "on" || e["live_start"] != true {
		t.Errorf("an adult has %v", e)
	}
	unknown := s.ok(t, "GET", "/v1/accounts/nobody/safeguards", "")
	if e := unknown["effects"].(map[string]any); unknown["band"] != "unknown" || unknown["protective"] != true || e["dm_from_strangers"] != "off" {
		t.Errorf("somebody unknown has %v", unknown)
	}
}

func TestLabelsAndFeeds(t *testing.T) {
	s := start(t, nil, app.Options{})
	s.ok(t, "POST", "/v1/decisions", post("p-1", "a walk by the sea"))
	feed := func(viewer, items string) []any {
		t.Helper()
		f := s.ok(t, "POST", "/v1/feeds/filter", `{"viewer":`+viewer+`,"items":`+items+`}`)
		has(t, f, "items", "policy")
		has(t, f["policy"].(map[string]any), "bundle", "digest")
		return f["items"].([]any)
	}
	item := func(viewer, id string) (outcome, rank string) {
		t.Helper()
		one := feed(viewer, `["`+id+`"]`)[0].(map[string]any)
		has(t, one, "id", "outcome", "rank")
		return one["outcome"].(string), one["rank"].(json.Number).String()
	}
	if o, r := item(`{"band":"13-15","country":"GB"}`, "p-1"); o != "allow" || r != "1" {
		t.Errorf("a walk by the sea is %s, rank %s", o, r)
	}
	if o, _ := item(`{"band":"13-15","country":"GB"}`, "never-seen"); o == "allow" {
		t.Error("an item never seen is assumed to be safe")
	}
	l := s.ok(t, "POST", "/v1/labels", `{"content":"p-1","kind":"ppc.suicide","source":"reviewer","expires":"2099-01-01T00:00:00Z"}`)
	if l["content"] != "p-1" || l["kind"] != "ppc.suicide" || l["source"] != "reviewer" {
		t.Errorf("label %v", l)
	}
	if o, r := item(`{"band":"13-15","country":"GB"}`, "p-1"); o != "block" || r != "0" {
		t.Errorf("labelled as promoting suicide it is %s, rank %s", o, r)
	}
	s.ok(t, "POST", "/v1/labels", `{"account":"u-1","kind":"trusted","source":"trust-team"}`)

	s.ok(t, "POST", "/v1/decisions", post("p-2", "a walk in the woods"))
	s.ok(t, "PUT", "/v1/accounts/viewer", `{"country":"GB","age":{"band":"18+","basis":"verified"}}`)
	if o, r := item(`{"id":"viewer"}`, "p-2"); o != "allow" || r != "1" {
		t.Errorf("for a known viewer it is %s, rank %s", o, r)
	}
	a := s.call(t, request{method: "POST", path: "/v1/feeds/feedback", key: s.AdminKey, body: `{"viewer":{"id":"viewer"},"item":"p-2","action":"see_less"}`})
	if a.status != http.StatusNoContent || len(a.body) != 0 {
		t.Errorf("feedback: %d %s", a.status, a.body)
	}
	if o, r := item(`{"id":"viewer"}`, "p-2"); o != "allow" || r != "0" {
		t.Errorf("after see_less it is %s, rank %s", o, r)
	}
	if none := feed(`{"band":"unknown"}`, `[]`); len(none) != 0 {
		t.Errorf("an empty feed: %v", none)
	}
	many := `["x"` + strings.Repeat(`,"y"`, 1999) + `]`
	if all := feed(`{"band":"10-12","country":"GB"}`, many); len(all) != 2000 {
		t.Errorf("%d of 2000 items", len(all))
	}
}

func TestServerRoutes(t *testing.T) {
	s := start(t, nil, app.Options{Version: "v0.0.0-test"})
	s.ok(t, "POST", "/v1/decisions", post("p-1", "one"))
	for path, want := range map[string]struct{ mediaType, contains string }{
		"/healthz":      {"application/json", `"ok"`},
		"/readyz":       {"application/json", `"ready"`},
		"/metrics":      {"text/plain", `breakwater_decide_decisions_total{outcome="allow",type="content.create"} 1`},
		"/openapi.json": {"application/json", `"v0.0.0-test"`},
		"/docs":         {"text/html", "/v1/decisions/batch"},
		"/":             {"text/html", "Breakwater"},
	} {
		a := s.call(t, request{method: "GET", path: path})
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), want.mediaType) || !strings.Contains(string(a.body), want.contains) {
			t.Errorf("%s: %d %s, want %s with %s", path, a.status, a.header.Get("Content-Type"), want.mediaType, want.contains)
		}
	}
}

// The Go client speaks of the same things as the API.
func TestClient(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	c := s.sdk(s.key(t, "platform"))
	ctx := t.Context()
	age := event.Age{Band: event.Band10to12, Basis: event.BasisEstimated}
	if err := c.PutAccount(ctx, "u-9", client.Account{Country: "GB", Locale: "en-GB", Age: &age}); err != nil {
		t.Fatal(err)
	}
	ev, err := event.Decode([]byte(example), inNovember())
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Decide(ctx, ev)
	if err != nil || d.Outcome != decision.Hold || d.Members[0].Band != event.Band10to12 {
		t.Fatalf("%v, %v", d, err)
	}
	other := ev
	other.Content.Text = "hallo"
	answers, err := c.DecideBatch(ctx, []event.Event{ev, other})
	if err != nil || answers[0].ID != d.ID || answers[1].Problem == nil || answers[1].Problem.Status != http.StatusConflict {
		t.Errorf("%v, %v", answers, err)
	}
	if got, err := c.Decision(ctx, d.ID); err != nil || got.ID != d.ID || got.Reasons[0].Rule != d.Reasons[0].Rule {
		t.Errorf("%v, %v", got, err)
	}
	if g, err := c.Safeguards(ctx, "u-9"); err != nil || g.Band != event.Band10to12 || g.Effects["private_profile"] != true {
		t.Errorf("%v, %v", g, err)
	}
	if items, err := c.FilterFeed(ctx, client.Viewer{ID: "u-9"}, []string{"never-seen"}); err != nil || len(items) != 1 {
		t.Errorf("%v, %v", items, err)
	}
	if err := c.SeeLess(ctx, "u-9", "never-seen"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteAccount(ctx, "u-9"); err != nil {
		t.Error(err)
	}
}
