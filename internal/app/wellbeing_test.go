package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// session is events of a session of one account, minutes after a time. In New
// Zealand no rule of a country's own is about sessions.
func session(account string, band event.Band, from time.Time, minutes ...int) []event.Event {
	var events []event.Event
	for i, minute := range minutes {
		typ := event.SessionHeartbeat
		if i == 0 {
			typ = event.SessionStart
		}
		events = append(events, event.Event{
			ID: fmt.Sprint(account, "-", minute), Type: typ, Time: from.Add(time.Duration(minute) * time.Minute),
			Actor:      event.Actor{ID: account, Age: &event.Age{Band: band, Basis: event.BasisDeclared}, Country: "NZ"},
			Attributes: map[string]any{"time_zone": "UTC"},
		})
	}
	return events
}

// rulesOf are the rules that applied to each event of a batch, by the event.
func (s *server) rulesOf(t testing.TB, events []event.Event) map[string][]string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		t.Fatal(err)
	}
	applied := map[string][]string{}
	for _, a := range s.ok(t, "POST", "/v1/decisions/batch", string(body))["decisions"].([]any) {
		d := a.(map[string]any)
		id, ok := d["event"].(string)
		if !ok {
			t.Fatalf("no decision but %v", d)
		}
		for _, r := range d["reasons"].([]any) {
			applied[id] = append(applied[id], r.(map[string]any)["rule"].(string))
		}
	}
	return applied
}

// The server knows by itself how long a child is online without a break, in
// whatever order the heartbeats come.
func TestBreakReminder(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	from := inNovember().Add(-2 * time.Hour)
	minutes := []int{0, 5, 10, 15, 20, 25, 30, 35, 48, 53}
	backwards := session("u-back", event.Band10to12, from, minutes...)
	slices.Reverse(backwards)
	for _, test := range []struct {
		events []event.Event
		want   string // minutes at which a break is due
	}{
		{session("u-ten", event.Band10to12, from, minutes...), "30 35"},
		{backwards, "30 35"},
		{session("u-teen", event.Band16to17, from, minutes...), ""},
		{session("u-adult", event.Band18Plus, from, minutes...), ""},
	} {
		var due []string
		account := test.events[0].Actor.ID
		applied := s.rulesOf(t, test.events)
		for _, minute := range minutes {
			if slices.Contains(applied[fmt.Sprint(account, "-", minute)], "wellbeing.break") {
				due = append(due, fmt.Sprint(minute))
			}
		}
		if got := strings.Join(due, " "); got != test.want {
			t.Errorf("%s: a break is due at %q, want %q", account, got, test.want)
		}
	}
	// What the platform says itself can only be stricter.
	for said, want := range map[float64]bool{0: true, 600: true} {
		ev := session("u-ten", event.Band10to12, from, 0, 36)[1]
		ev.ID, ev.Attributes["session_minutes"] = fmt.Sprint("said-", said), said
		if got := slices.Contains(s.rulesOf(t, []event.Event{ev})[ev.ID], "wellbeing.break"); got != want {
			t.Errorf("the platform says %v minutes: a break is due: %t", said, got)
		}
	}
	fresh := session("u-new", event.Band10to12, from, 0, 1)[1]
	fresh.Attributes["session_minutes"] = 31.0
	if !slices.Contains(s.rulesOf(t, []event.Event{fresh})[fresh.ID], "wellbeing.break") {
		t.Error("what the platform says is not heard")
	}
}

// Two hours are a long day for a child of eleven, and the time zone that the
// platform names says when the day began and when it is night.
func TestDayAndNight(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	var events []event.Event
	for _, zone := range []string{"UTC", "Pacific/Auckland", "Not/A/Zone", "../../etc/localtime"} {
		var minutes []int
		for m := 0; m <= 130; m += 5 {
			minutes = append(minutes, m)
		}
		day := session("u-"+zone, event.Band10to12, inNovember().Add(-131*time.Minute), minutes...)
		for i := range day {
			day[i].Attributes["time_zone"] = zone
		}
		events = append(events, day...)
	}
	applied := s.rulesOf(t, events)
	for _, test := range []struct {
		zone              string
		minute            int
		day, quiet, doubt bool
	}{
		{"UTC", 115, false, false, false}, {"UTC", 120, true, false, false},
		// 9:49 UTC is 22:49 there, so midnight comes after 71 minutes.
		{"Pacific/Auckland", 130, false, true, false}, {"Pacific/Auckland", 65, false, true, false},
		// What is no zone is not believed: the country's clock is used.
		{"Not/A/Zone", 130, false, true, false}, {"../../etc/localtime", 130, false, true, false},
	} {
		rules := applied[fmt.Sprint("u-", test.zone, "-", test.minute)]
		if day := slices.Contains(rules, "wellbeing.day"); day != test.day {
			t.Errorf("%s after %d minutes: a long day: %t", test.zone, test.minute, day)
		}
		if quiet := slices.Contains(rules, "wellbeing.quiet-hours"); quiet != test.quiet {
			t.Errorf("%s after %d minutes: quiet hours: %t", test.zone, test.minute, quiet)
		}
	}
}

// Pushes are asked about in batches, in any role's stead but the platform's.
func TestPushRoute(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	s.ok(t, "PUT", "/v1/accounts/u-14", `{"country":"GB","age":{"band":"13-15","basis":"estimated"}}`)
	s.ok(t, "PUT", "/v1/accounts/u-adult", `{"country":"GB","age":{"band":"18+","basis":"verified"}}`)
	answers := s.ok(t, "POST", "/v1/usage/push", `{"pushes":[
		{"account":"u-14","opted_in":true},
		{"account":"u-14","opted_in":true,"at":"2026-11-24T22:00:00Z"},
		{"account":"u-14","opted_in":true,"at":"2026-11-24T13:00:00Z","time_zone":"Asia/Tokyo"},
		{"account":"u-14"},
		{"account":"u-14","purpose":"security","at":"2026-11-24T22:00:00Z"},
		{"account":"u-adult","at":"2026-11-24T22:00:00Z"},
		{"band":"13-15","country":"US","opted_in":true,"at":"2026-11-24T20:00:00Z"},
		{"band":"13-15","country":"US","opted_in":true,"at":"2026-11-25T10:00:00Z"},
		{"account":"u-nobody","opted_in":true}]}`)["answers"].([]any)
	for i, want := range []string{
		"true", "false quiet_hours", "false quiet_hours", "false off", "true", "true", "true", "false quiet_hours", "false off",
	} {
		a := answers[i].(map[string]any)
		got := fmt.Sprint(a["send"])
		if a["reason"] != nil {
			got += " " + a["reason"].(string)
		}
		if got != want || (a["reason"] == "quiet_hours") != (a["until"] != nil) || (a["reason"] != nil) != (a["rule"] != nil) {
			t.Errorf("push %d: %v, want %s", i, a, want)
		}
	}
	if until := answers[1].(map[string]any)["until"]; until != "2026-11-25T07:00:00Z" {
		t.Errorf("quiet hours in Britain end at %v", until)
	}
	for body, field := range map[string]string{
		`{"pushes":[{"account":"u-14"},{}]}`:                             "pushes[1].account",
		`{"pushes":[{"account":"u-14","band":"13-15"}]}`:                 "pushes[0].account",
		`{"pushes":[{"account":"u-14","time_zone":"../../etc/passwd"}]}`: "pushes[0].time_zone",
		`{"pushes":[{"account":"u-14","time_zone":"Local"}]}`:            "pushes[0].time_zone",
	} {
		a := s.call(t, request{method: "POST", path: "/v1/usage/push", key: s.AdminKey, body: body})
		a.problem(t, http.StatusUnprocessableEntity, field)
	}
}

// Counts are off unless switched on, appear when their day is over, and are of
// groups of ten at least.
func TestUsageRoute(t *testing.T) {
	for _, on := range []bool{false, true} {
		clock := newClock(inNovember())
		s := start(t, func(c *config.Config) { c.Wellbeing.Counts = on }, app.Options{Now: clock.now})
		var events []event.Event
		for i := range 13 {
			events = append(events, session(fmt.Sprint("u-", i), event.Band13to15, clock.now().Add(-time.Hour), 0, 10, 20)...)
		}
		for i := range 9 {
			events = append(events, session(fmt.Sprint("young-", i), event.Band6to9, clock.now().Add(-time.Hour), 0, 10, 20)...)
		}
		s.rulesOf(t, events)
		if err := s.FlushUse(t.Context()); err != nil {
			t.Fatal(err)
		}
		get := func() []any {
			got := s.ok(t, "GET", "/v1/usage?from=2026-11-23&to=2026-11-26", "")
			if got["kept"] != on {
				t.Errorf("kept %v, want %t", got["kept"], on)
			}
			return got["days"].([]any)
		}
		if days := get(); len(days) != 0 {
			t.Errorf("before the day is over: %v", days)
		}
		clock.advance(48 * time.Hour)
		want := "[]"
		if on {
			want = "[map[band:13-15 breaks:0 day:2026-11-24 minutes:260 night_minutes:0 people:15 sessions:15]]"
		}
		if got := fmt.Sprint(get()); got != want {
			t.Errorf("counts are on: %t\n%s\nwant\n%s", on, got, want)
		}
		s.call(t, request{method: "GET", path: "/v1/usage?from=2026-11-26&to=2026-11-23", key: s.AdminKey}).problem(t, http.StatusUnprocessableEntity, "query.to")
		s.call(t, request{method: "GET", path: "/v1/usage?from=yesterday", key: s.AdminKey}).problem(t, http.StatusUnprocessableEntity, "query.from")
		if a := s.call(t, request{method: "GET", path: "/v1/usage", key: s.key(t, keys.Platform)}); a.status != http.StatusForbidden {
			t.Errorf("a platform's key reads counts: %d", a.status)
		}
	}
}

// A feed answers with the budget that acts, and takes what was shown.
func TestFeedBudgetRoute(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	s.ok(t, "PUT", "/v1/accounts/u-14", `{"country":"NZ","age":{"band":"13-15","basis":"estimated"}}`)
	var items []string
	for i := range 20 {
		id := fmt.Sprint("p-", i)
		s.ok(t, "POST", "/v1/decisions", post(id, fmt.Sprint("a walk ", i)))
		s.ok(t, "POST", "/v1/labels", `{"content":"`+id+`","kind":"ndc.depression","source":"platform"}`)
		items = append(items, id)
	}
	list, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"viewer":{"id":"u-14"},"items":%s}`, list)
	in := func(feed map[string]any) (n int, budgets []string) {
		for _, i := range feed["items"].([]any) {
			item := i.(map[string]any)
			if item["rank"].(json.Number).String() != "0" {
				n++
			}
			if b, ok := item["budget"].(map[string]any); ok {
				budgets = append(budgets, fmt.Sprint(b["rule"], " ", b["kind"], " ", b["used"], " of ", b["of"]))
			}
		}
		return n, budgets
	}
	if n, budgets := in(s.ok(t, "POST", "/v1/feeds/filter", body)); n != 2 || len(budgets) != 19 || budgets[0] != "exposure.minors ndc.depression 1 of 10" || budgets[18] != "exposure.minors ndc.depression 2 of 2" {
		t.Errorf("%d items of a list of one kind are in: %q", n, budgets)
	}
	shown := fmt.Sprintf(`{"viewer":{"id":"u-14"},"items":%s,"shown":["p-0","p-1","p-2","p-3","p-4","p-5","p-6","p-7","p-8","p-9"]}`, list)
	for range 2 {
		if n, budgets := in(s.ok(t, "POST", "/v1/feeds/filter", shown)); n != 0 || budgets[0] != "exposure.minors ndc.depression 10 of 10" {
			t.Errorf("with the budget used %d items are in: %q", n, budgets)
		}
	}
}
