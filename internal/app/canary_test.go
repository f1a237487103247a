package app_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
)

// lines is a log that many write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// canary is in every value that says something of a person or of what they
// said. Only events have ids without it: their decisions are logged by them.
const canary = "canary"

const canaryEvent = `{"id":"e-1","type":"message.send",
 "actor":{"id":"canary-actor","age":{"band":"18+","basis":"verified"},"country":"GB"},
 "audience":{"scope":"direct","members":[{"id":"canary-member","age":{"band":"10-12","basis":"estimated"}}]},
 "content":{"id":"canary-content","text":"canary text: I will kill you","media":[{"kind":"image","data":"Y2FuYXJ5","url":"https://example.org/canary.png","mime":"image/canary"}],
   "links":["https://canary.example/"]},
 "conversation":"canary-conversation","parent":"canary-parent","attributes":{"a":"canary-attribute"}}`

const canaryComment = `{"comment":{"text":"canary text: I will kill you","type":"PLAIN_TEXT"},"requestedAttributes":{"TOXICITY":{}},
 "languages":["en"],"clientToken":"canary","sessionId":"canary","communityId":"canary","doNotStore":true}`

// No key, id, text or link of anybody reaches what an operator reads (logs,
// metrics, /readyz) or what a caller reads of an error, while all is well and
// while nothing is.
func TestCanary(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			log := &lines{}
			s := start(t, func(c *config.Config) {
				c.Log.Format = format
				if err := c.Log.Level.UnmarshalText([]byte("DEBUG")); err != nil {
					t.Fatal(err)
				}
				c.Policy.Dir = keepEverything(t)
			}, app.Options{Log: log})
			key := s.key(t, "platform")
			secret := key[strings.LastIndexByte(key, '_')+1:]
			refused := s.speak(t, key)
			for _, table := range []string{"db_probe", "journal_tag", "age_account", "label_label", "contact_account", "decide_less", "decide_content", "assurance_session", "assurance_request", "assurance_appeal"} {
				if _, err := s.DB().Write.ExecContext(t.Context(), `ALTER TABLE `+table+` RENAME TO `+table+`_away`); err != nil {
					t.Fatal(err)
				}
			}
			broken := strings.NewReplacer(`"e-1"`, `"e-2"`).Replace(canaryEvent)
			refused = append(refused, s.call(t, request{method: "POST", path: "/v1/decisions", key: key, body: broken}).problem(t, http.StatusInternalServerError))
			refused = append(refused, s.speak(t, key)...)
			ready := s.call(t, request{method: "GET", path: "/readyz"})
			metrics := s.call(t, request{method: "GET", path: "/metrics"})
			for what, text := range map[string]string{
				"the log": log.String(), "an error": strings.Join(refused, "\n"), "/readyz": string(ready.body), "/metrics": string(metrics.body),
			} {
				if text == "" {
					t.Errorf("%s says nothing: the test does not look", what)
				}
				for _, secret := range []string{canary, "kill you", "Y2FuYXJ5", secret} {
					if i := strings.Index(text, secret); i >= 0 {
						t.Errorf("%s holds %q: …%s…", what, secret, text[max(0, i-200):min(len(text), i+100)])
					}
				}
			}
			if !strings.Contains(log.String(), "e-1") || !strings.Contains(log.String(), "request failed") {
				t.Errorf("the log has neither decision nor failure: %s", log)
			}
		})
	}
}

// speak says the canary on every route, rightly and wrongly, and gives what
// the refusals say.
func (s *server) speak(t *testing.T, key string) (refused []string) {
	t.Helper()
	for _, r := range []request{
		{method: "POST", path: "/v1/decisions", body: canaryEvent},
		{method: "POST", path: "/v1/decisions", body: strings.Replace(canaryEvent, "canary text", "another canary", 1)},
		{method: "POST", path: "/v1/decisions/batch", body: `{"events":[` + canaryEvent + `]}`},
		{method: "POST", path: "/v1/decisions", body: strings.Replace(canaryEvent, "message.send", "canary.type", 1)},
		{method: "POST", path: "/v1/decisions", body: strings.Replace(canaryEvent, `"GB"`, `"canary"`, 1)},
		{method: "POST", path: "/v1/decisions", body: strings.Replace(canaryEvent, `"18+"`, `"canary"`, 1)},
		{method: "POST", path: "/v1/decisions", body: strings.Replace(canaryEvent, `"direct"`, `"canary"`, 1)},
		{method: "POST", path: "/v1/decisions", body: strings.Replace(canaryEvent, "canary text", "canary \xff text", 1)},
		{method: "POST", path: "/v1/decisions", body: `canary`},
		{method: "POST", path: "/v1/decisions", body: `{"id":"canary","id":"canary"}`},
		{method: "POST", path: "/v1/decisions", body: canaryEvent, header: map[string]string{"Content-Type": "text/canary"}},
		{method: "POST", path: "/v1/decisions", body: canaryEvent, header: map[string]string{"Content-Encoding": "canary"}},
		{method: "POST", path: "/v1/decisions", body: canaryEvent, header: map[string]string{"Authorization": "Bearer bw_canary00_canary"}},
		{method: "GET", path: "/v1/decisions/canary"},
		{method: "GET", path: "/canary"},
		{method: "GET", path: "/v1/decisions/canary?key=canary"},
		{method: "PUT", path: "/v1/accounts/canary-actor", body: `{"country":"GB","locale":"en","age":{"band":"18+","basis":"verified"}}`},
		{method: "PUT", path: "/v1/accounts/canary-actor", body: `{"country":"canary"}`},
		{method: "PUT", path: "/v1/accounts/canary-actor", body: `{"created":"canary"}`},
		{method: "PUT", path: "/v1/accounts/canary-actor", body: `{"age":{"band":"canary"}}`},
		{method: "PUT", path: "/v1/accounts/canary%00", body: `{}`},
		{method: "GET", path: "/v1/accounts/canary-nobody"},
		{method: "GET", path: "/v1/accounts/canary-nobody?other=canary"},
		{method: "PUT", path: "/v1/accounts/canary-member/blocks/canary-actor", body: `{"mode":"block"}`},
		{method: "PUT", path: "/v1/accounts/canary-member/blocks/canary-member", body: `{"mode":"block"}`},
		{method: "PUT", path: "/v1/accounts/canary-member/blocks/canary-actor", body: `{"mode":"canary"}`},
		{method: "PUT", path: "/v1/accounts/canary-member/blocks", body: `{"unknown":"canary"}`},
		{method: "GET", path: "/v1/accounts/canary-member/blocks"},
		{method: "DELETE", path: "/v1/accounts/canary-member/blocks/canary%00"},
		{method: "POST", path: "/v1/labels", body: `{"account":"canary-actor","kind":"trusted","source":"canary"}`},
		{method: "POST", path: "/v1/labels", body: `{"account":"canary","kind":"CANARY canary","source":"canary"}`},
		{method: "POST", path: "/v1/feeds/filter", body: `{"viewer":{"id":"canary-viewer"},"items":["canary-item"]}`},
		{method: "POST", path: "/v1/feeds/filter", body: `{"viewer":{"band":"canary"},"items":["canary-item"]}`},
		{method: "POST", path: "/v1/feeds/feedback", body: `{"viewer":{"id":"canary-viewer"},"item":"canary-item","action":"see_less"}`},
		{method: "POST", path: "/v1/feeds/feedback", body: `{"viewer":{"id":"canary-viewer"},"item":"canary-item","action":"canary"}`},
		{method: "POST", path: "/v1/usage/push", body: `{"pushes":[{"account":"canary-actor"}]}`},
		{method: "POST", path: "/v1/usage/push", body: `{"pushes":[{"account":"canary-actor","time_zone":"canary"}]}`},
		{method: "GET", path: "/v1/usage?from=canary"},
		{method: "DELETE", path: "/v1/accounts/canary-member"},
		{method: "POST", path: "/v1/age/sessions", body: `{"account":"canary-actor","profile":"GB-HEAA-18","tokens":3}`},
		{method: "POST", path: "/v1/age/sessions", body: `{"account":"canary-actor","profile":"canary"}`},
		{method: "POST", path: "/v1/age/sessions", body: `{"account":"canary-actor","profile":"GB-HEAA-18","return_url":"canary"}`},
		{method: "POST", path: "/v1/age/sessions", body: `{"account":"canary-actor","profile":"GB-HEAA-18","birth_date":"canary"}`},
		{method: "GET", path: "/v1/age/sessions/canary"},
		{method: "POST", path: "/v1/age/sessions/canary/complete", body: `{"response_code":"canary"}`},
		{method: "GET", path: "/v1/age/requests/canary"},
		{method: "POST", path: "/v1/age/openid4vp/canary", body: "vp_token=canary&state=canary", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{method: "POST", path: "/v1/age/openid4vp/canary", body: "vp_token=%zzcanary", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{method: "POST", path: "/v1/age/dcapi/canary", body: `{"protocol":"org-iso-mdoc","data":{"response":"canary"},"origin":"canary"}`},
		{method: "POST", path: "/v1/age/dcapi/canary", body: `{"protocol":"canary","data":{"canary":"canary"}}`},
		{method: "POST", path: "/v1/age/appeals", body: `{"account":"canary-actor","profile":"GB-HEAA-18","ground":"wrong_result"}`},
		{method: "POST", path: "/v1/age/appeals", body: `{"account":"canary-actor","profile":"GB-HEAA-18","ground":"canary"}`},
		{method: "GET", path: "/v1/age/appeals/canary"},
		{method: "PUT", path: "/v1/age/consents/canary-actor/service", body: `{"means":"video_call"}`},
		{method: "PUT", path: "/v1/age/consents/canary-actor/service", body: `{"means":"canary","guardian":"canary"}`},
		{method: "GET", path: "/v1/age/consents/canary-actor"},
		{method: "DELETE", path: "/v1/age/consents/canary-actor/service"},
		{method: "POST", path: "/v1/age/signals", body: `{"account":"canary-actor","source":"us_ca_age_bracket","signal":{"ageBracket":"18_or_over"}}`},
		{method: "POST", path: "/v1/age/signals", body: `{"account":"canary-actor","source":"canary","signal":{"canary":"canary"}}`},
		{method: "POST", path: "/v1/age/webhooks/canary", body: `{"canary":"canary"}`},
		{method: "POST", path: "/v1/age/tokens/issue", body: `{"grant":"canary","requests":["canary"]}`},
		{method: "POST", path: "/v1/age/tokens/redeem", body: `{"token":"canary","account":"canary-actor"}`},
		{method: "GET", path: "/age/canary"},
		{method: "GET", path: "/age/canary/return?response_code=canary"},
		{method: "POST", path: "/v1/moderations", body: `{"input":"canary text: I will kill you","model":"canary"}`},
		{method: "POST", path: "/v1/moderations", body: `{"input":[{"type":"canary","text":"canary"}]}`},
		{method: "POST", path: "/v1/moderations", body: `{"input":[{"type":"image_url","image_url":{"url":"data:canary"}}]}`},
		{method: "POST", path: "/v1alpha1/comments:analyze?key=" + key, body: canaryComment, header: map[string]string{"Authorization": ""}},
		{method: "POST", path: "/v1alpha1/comments:analyze?key=canary", body: canaryComment, header: map[string]string{"Authorization": ""}},
		{method: "POST", path: "/v1alpha1/comments:analyze?alt=canary", body: canaryComment},
		{method: "POST", path: "/v1alpha1/comments:analyze", body: strings.Replace(canaryComment, `"en"`, `"canary language"`, 1)},
		{method: "POST", path: "/v1alpha1/comments:analyze", body: strings.Replace(canaryComment, `TOXICITY`, `canary attribute`, 1)},
		{method: "POST", path: "/v1alpha1/comments:analyze", body: strings.Replace(canaryComment, `PLAIN_TEXT`, `canary`, 1)},
		{method: "POST", path: "/v1alpha1/comments:suggestscore?key=" + key, body: `{"comment":{"text":"canary"},"attributeScores":{"INSULT":{"summaryScore":{"value":1}}},"clientToken":"canary"}`},
	} {
		r.key = key
		if a := s.call(t, r); a.status >= 300 {
			refused = append(refused, string(a.body))
		}
	}
	return refused
}
