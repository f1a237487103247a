package app_test

import (
	"fmt"
	"testing"

	"github.com/breakwater-project/breakwater/internal/app"
)

// Who clearly grooms one child can't reach another, sees no reason that names
// a child, and can again when a person takes the restriction back.
func TestRestrictionIsFeltAndTakenBack(t *testing.T) {
	s := start(t, nil, app.Options{Now: inNovember})
	message := func(id, to, text string) map[string]any {
		body := fmt.Sprintf(`{"id":%q,"type":"message.send","private":true,"surface":"dm","conversation":%q,
			"actor":{"id":"adult","age":{"band":"18+","basis":"verified"},"country":"GB"},
			"audience":{"scope":"direct","members":[{"id":%q,"age":{"band":"13-15","basis":"verified"},"country":"GB","connected":true,"mutuals":9}]},
			"content":{"id":%q,"text":%q,"language":"en"}}`, id, to, to, id, text)
		a := s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: body})
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return a.object(t)
	}
	if d := message("m-1", "child-1", "See you at training on Sunday."); d["outcome"] == "block" {
		t.Fatalf("before: %v", d["outcome"])
	}
	if d := message("m-2", "child-1", "send me nudes and i'll give you robux, don't tell your mum"); d["outcome"] != "block" {
		t.Fatalf("the attempt: %v %v", d["outcome"], d["signals"])
	}
	if d := message("m-3", "child-2", "See you at training on Monday."); d["outcome"] != "block" {
		t.Fatalf("another child is reached: %v", d["outcome"])
	}
	list := s.call(t, request{method: "GET", path: "/v1/accounts/adult/sanctions", key: s.AdminKey}).object(t)
	for _, entry := range list["sanctions"].([]any) {
		id := entry.(map[string]any)["id"].(string)
		a := s.call(t, request{method: "POST", path: "/v1/accounts/adult/sanctions/" + id + "/undo", key: s.AdminKey, body: `{"why":"a mistake"}`})
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if d := message("m-4", "child-2", "See you at training on Tuesday."); d["outcome"] == "block" {
		t.Fatalf("it is not taken back: %v", d["reasons"])
	}
}
