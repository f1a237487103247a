package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/app"
)

// told is what of a decision reaches the one who acted: not its reasons, nor
// what reviewers are asked to look at.
func told(t *testing.T, d map[string]any) string {
	t.Helper()
	if apparent, ok := d["apparent"]; ok {
		d["outcome"] = apparent
	}
	effects := slices.DeleteFunc(slices.Clone(d["effects"].([]any)), func(e any) bool { return e.(map[string]any)["kind"] == "review" })
	shown, err := json.Marshal(map[string]any{"outcome": d["outcome"], "notice": d["notice"], "effects": effects})
	if err != nil {
		t.Fatal(err)
	}
	return string(shown)
}

// An account that a child blocked is told what any other account is told, by
// whatever it tries.
func TestBlocksAreNotToldToTheBlocked(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	s.ok(t, "PUT", "/v1/accounts/of-troll/blocks/troll", `{"mode":"block"}`) // each has a child of their own,
	s.ok(t, "PUT", "/v1/accounts/of-bore/blocks/bore", `{"mode":"mute"}`)    // so that they don't pile on one
	n := 0
	send := func(actor, band, kind, text string, connected bool) map[string]any {
		n++
		return s.ok(t, "POST", "/v1/decisions", fmt.Sprintf(`{"id":"e-%d","type":%q,"time":"2026-11-24T10:00:00Z",
			"actor":{"id":%q,"age":{"band":%q,"basis":"declared"},"country":"GB"},
			"audience":{"scope":"direct","members":[{"id":"of-%s","age":{"band":"10-12","basis":"declared"},"country":"GB","connected":%t}]},
			"content":{"id":"c-%d","text":%q},"surface":"dm"}`, n, kind, actor, band, actor, connected, n, text))
	}
	for _, kind := range []string{"message.send", "contact.request", "group.invite", "payment.send"} {
		for _, band := range []string{"10-12", "18+"} {
			for _, text := range []string{"hello", "you are stupid and ugly", "what is your whatsapp"} {
				for _, connected := range []bool{true, false} {
					other := send("anybody", band, kind, text, connected)
					for _, actor := range []string{"troll", "bore"} {
						blocked := send(actor, band, kind, text, connected)
						got := blocked["members"].([]any)[0].(map[string]any)["outcome"]
						if actor == "troll" && got != "block" || actor == "bore" && got == "allow" && kind != "payment.send" {
							t.Errorf("%s from the %s: %v", kind, actor, got)
						}
						if d := cmp.Diff(told(t, other), told(t, blocked)); d != "" {
							t.Errorf("%s %q from %s (%s, connected %t) (-anybody +blocked):\n%s", kind, text, actor, band, connected, d)
						}
					}
				}
			}
		}
	}
	list := s.ok(t, "GET", "/v1/accounts/troll/blocks", "")
	if list["unknown"] != "off" || len(list["accounts"].([]any)) != 0 {
		t.Errorf("the blocked account's own list: %v", list)
	}
}

// Erasing an account takes it out of everybody's list.
func TestErasureOfBlocks(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	for _, account := range []string{"child", "troll"} {
		s.ok(t, "PUT", "/v1/accounts/"+account, `{"country":"GB"}`)
	}
	s.ok(t, "PUT", "/v1/accounts/child/blocks/troll", `{"mode":"block"}`)
	s.ok(t, "PUT", "/v1/accounts/troll/blocks", `{"unknown":"mute"}`)
	s.ok(t, "DELETE", "/v1/accounts/troll", "")
	for _, account := range []string{"child", "troll"} {
		a := s.call(t, request{method: "GET", path: "/v1/accounts/" + account + "/blocks", key: s.AdminKey})
		if !bytes.Contains(a.body, []byte(`{"unknown":"off","accounts":[]}`)) {
			t.Errorf("%s has %s", account, a.body)
		}
	}
}

// Each default for children that has to do with contact is in the safeguards
// of a child's account, with the rule that sets it, and not in an adult's.
func TestContactDefaultsAreVisible(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	s.ok(t, "PUT", "/v1/accounts/child", `{"country":"NZ","age":{"band":"13-15","basis":"declared"}}`)
	s.ok(t, "PUT", "/v1/accounts/adult", `{"country":"NZ","age":{"band":"18+","basis":"verified"}}`)
	child, adult := s.ok(t, "GET", "/v1/accounts/child/safeguards", ""), s.ok(t, "GET", "/v1/accounts/adult/safeguards", "")
	rules := map[string]string{}
	for _, r := range child["rules"].([]any) {
		r := r.(map[string]any)
		rules[r["effect"].(string)] = r["rule"].(string)
	}
	for name, want := range map[string]any{
		"discoverable":              false,  // not suggested to strangers
		"network_prompts":           false,  // nor strangers to the child
		"show_connections":          false,  // lists hidden
		"dm_from_strangers":         "off",  // no direct messages from people they don't know
		"confirm_first_contact":     true,   // active confirmation, also where a platform has no connections
		"warn_time_critical":        true,   // a notice instead of a hold, in games
		"group_add_without_consent": false,  // groups by invitation only
		"group_details_first":       true,   // with what is known of the group
		"images_from_strangers":     "blur", // unsolicited images: blurred or held
		"comments_from_strangers":   "off",
		"live_gifts":                false, // gifts
		"live_contact":              false, // and live-stream contact
	} {
		if got := child["effects"].(map[string]any)[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
		if rules[name] == "" {
			t.Errorf("%s names no rule", name)
		}
		if got := adult["effects"].(map[string]any)[name]; got == want {
			t.Errorf("an adult has %s %v too", name, got)
		}
	}
	if strings.Contains(fmt.Sprint(adult["locked"]), "dm_from_strangers") {
		t.Error("an adult can't open direct messages")
	}
}
