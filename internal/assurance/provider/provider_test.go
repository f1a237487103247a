package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/assurance/provider/providertest"
)

var (
	now    = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	secret = []byte("0123456789abcdef0123456789abcdef")
	ask    = Ask{
		Reference: "r-1", Nonce: "n-1", Over: 18, ChallengeAge: 25, Jurisdiction: "GB",
		ReturnURL: "https://breakwater.example/back", NotifyURL: "https://breakwater.example/hook",
	}
)

var errNotAsked = errors.New("not asked")

// asked knows the references of these tests.
func asked(reference string) (Ask, error) {
	switch reference {
	case "r-1", "7854909b", yotiSession:
		return ask, nil
	}
	return Ask{}, errNotAsked
}

func parse(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// server is a fake provider: it answers every request with what answer says,
// and remembers what it was asked.
type server struct {
	*httptest.Server
	status int
	answer string
	asked  []string
	bodies []string
	header http.Header
}

func newServer(t *testing.T) *server {
	s := &server{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.asked, s.bodies, s.header = append(s.asked, r.Method+" "+r.URL.Path), append(s.bodies, string(body)), r.Header
		w.Header().Set("Content-Type", "application/json")
		if s.status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.answer)
	}))
	t.Cleanup(s.Close)
	return s
}

const webhookBody = `{"reference":"r-1","result":"over","age":25,"method":"facial_estimation","basis":"estimated","checked_on":"2026-11-24","expires_on":"2027-11-24"}`

func TestWebhook(t *testing.T) {
	p := &Webhook{Page: parse(t, "https://ages.example/check?site=7"), Secret: secret}
	link, err := p.Begin(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	query := parse(t, link.URL).Query()
	for name, want := range map[string]string{"site": "7", "reference": "r-1", "over": "18", "challenge_age": "25", "return_url": ask.ReturnURL} {
		if query.Get(name) != want {
			t.Errorf("page's %s = %q, want %q", name, query.Get(name), want)
		}
	}
	got, err := p.Read(t.Context(), Message{Header: providertest.Standard(webhookBody, now, secret), Body: []byte(webhookBody)}, asked, now)
	if err != nil {
		t.Fatal(err)
	}
	want := Answer{
		Reference: "r-1", Result: Over, Age: 25, Estimated: true, Method: FacialEstimation,
		CheckedOn: day(now), ExpiresOn: time.Date(2027, 11, 24, 0, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestWebhookRefuses(t *testing.T) {
	p := &Webhook{Page: parse(t, "https://ages.example/"), Secret: secret}
	signed := func(body string) Message {
		return Message{Header: providertest.Standard(body, now, secret), Body: []byte(body)}
	}
	without := func(header string) Message {
		m := signed(webhookBody)
		m.Header.Del(header)
		return m
	}
	replace := func(old, with string) Message { return signed(strings.Replace(webhookBody, old, with, 1)) }
	altered := signed(webhookBody)
	altered.Body = []byte(strings.Replace(webhookBody, "over", "under", 1))
	dotted := signed(webhookBody)
	dotted.Header.Set("Webhook-Id", "msg_1.x")
	for name, c := range map[string]struct {
		m    Message
		want error
		says string
	}{
		"by another":           {Message{Header: providertest.Standard(webhookBody, now, []byte("another")), Body: []byte(webhookBody)}, ErrNotAuthentic, ""},
		"altered":              {altered, ErrNotAuthentic, ""},
		"too old":              {Message{Header: providertest.Standard(webhookBody, now.Add(-6*time.Minute), secret), Body: []byte(webhookBody)}, ErrNotAuthentic, ""},
		"too early":            {Message{Header: providertest.Standard(webhookBody, now.Add(6*time.Minute), secret), Body: []byte(webhookBody)}, ErrNotAuthentic, ""},
		"no signature":         {without("Webhook-Signature"), ErrNotAuthentic, ""},
		"no time":              {without("Webhook-Timestamp"), ErrNotAuthentic, ""},
		"no id":                {without("Webhook-Id"), ErrNotAuthentic, ""},
		"id that shifts":       {dotted, ErrNotAuthentic, ""},
		"not JSON":             {signed("over"), ErrMalformed, ""},
		"two documents":        {signed(webhookBody + "{}"), ErrMalformed, "more than one"},
		"a date of birth":      {replace(`"age":25`, `"age":25,"date_of_birth":"2000-01-01"`), ErrMalformed, "date_of_birth"},
		"no reference":         {replace(`"reference":"r-1",`, ""), ErrMalformed, "reference"},
		"unknown result":       {replace(`"over"`, `"maybe"`), ErrMalformed, "result"},
		"self-declaration":     {replace("facial_estimation", "self_declaration"), ErrMalformed, "method"},
		"unknown basis":        {replace("estimated", "declared"), ErrMalformed, "basis"},
		"no age":               {replace(`"age":25,`, ""), ErrMalformed, "age"},
		"of another age":       {replace(`"age":25`, `"age":18`), ErrMalformed, "the age of 18, not of 25"},
		"never asked":          {replace("r-1", "r-2"), errNotAsked, ""},
		"a time for a day":     {replace("2026-11-24", "2026-11-24T10:00:00Z"), ErrMalformed, "checked_on"},
		"expires not on a day": {replace("2027-11-24", "never"), ErrMalformed, "expires_on"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := p.Read(t.Context(), c.m, asked, now)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v; want %v that says %q", a, err, c.want, c.says)
			}
		})
	}
}

func kidMessage(body string, at time.Time, key []byte) Message {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(stamp + body))
	h := http.Header{}
	h.Set("X-Signature-Timestamp", stamp)
	h.Set("X-Signature-Hmac-Sha256", hex.EncodeToString(mac.Sum(nil)))
	return Message{Header: h, Body: []byte(body)}
}

func TestKID(t *testing.T) {
	s := newServer(t)
	p := &KID{API: parse(t, s.URL+"/api/v1"), Key: "key-1", Secret: secret, EstimateAge: 25, Client: NewClient()}
	s.answer = `{"id":"7854909b","url":"https://family.k-id.example/verify?token=x"}`
	link, err := p.Begin(t.Context(), ask)
	if err != nil || link.Reference != "7854909b" || link.URL != "https://family.k-id.example/verify?token=x" {
		t.Fatalf("link %+v, %v", link, err)
	}
	if s.asked[0] != "POST /api/v1/age-verification/perform-access-age-verification" || s.header.Get("Authorization") != "Bearer key-1" {
		t.Errorf("asked %s with %v", s.asked[0], s.header)
	}
	if want := `{"criteria":{"ageCategory":"ADULT"},"jurisdiction":"GB","subject":{"id":"r-1"}}`; s.bodies[0] != want {
		t.Errorf("asked for %s, want %s", s.bodies[0], want)
	}
	if _, err := p.Begin(t.Context(), Ask{Over: 16}); !errors.Is(err, ErrNotOffered) {
		t.Errorf("asked for 16: %v", err)
	}
	for name, c := range map[string]struct {
		data string
		want Answer
	}{
		"document":     {`"status":"PASS","ageCategory":"adult","method":"id-document","age":{"low":34,"high":34}`, Answer{Result: Over, Method: PhotoID}},
		"estimate":     {`"status":"PASS","method":"age-estimation"`, Answer{Result: Over, Method: FacialEstimation, Estimated: true}},
		"attestation":  {`"status":"PASS","method":"age-attestation"`, Answer{Result: Undecided}},
		"no method":    {`"status":"PASS"`, Answer{Result: Undecided}},
		"a child":      {`"status":"FAIL","method":"id-document","failureReason":"age-criteria-not-met"`, Answer{Result: Under, Method: PhotoID}},
		"looks young":  {`"status":"FAIL","method":"age-estimation","failureReason":"age-criteria-not-met"`, Answer{Result: Undecided, Method: FacialEstimation, Estimated: true}},
		"gave up":      {`"status":"FAIL","method":"id-document","failureReason":"max-attempts-exceeded"`, Answer{Result: Undecided, Method: PhotoID}},
		"inconclusive": {`"status":"INCONCLUSIVE"`, Answer{Result: Undecided}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.Read(t.Context(), kidMessage(`{"eventType":"Verification.Result","data":{"id":"7854909b",`+c.data+`}}`, now, secret), asked, now)
			c.want.Reference, c.want.Age, c.want.CheckedOn = "7854909b", 18, day(now)
			if c.want.Estimated {
				c.want.Age = 25
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	good := `{"eventType":"Verification.Result","data":{"id":"7854909b","status":"PASS","method":"id-document"}}`
	forged := kidMessage(good, now, secret)
	forged.Body = []byte(strings.Replace(good, "FAIL", "PASS", 1) + " ")
	for name, c := range map[string]struct {
		m    Message
		want error
	}{
		"by another":   {kidMessage(good, now, []byte("x")), ErrNotAuthentic},
		"altered":      {forged, ErrNotAuthentic},
		"too old":      {kidMessage(good, now.Add(-time.Hour), secret), ErrNotAuthentic},
		"unsigned":     {Message{Header: http.Header{}, Body: []byte(good)}, ErrNotAuthentic},
		"not JSON":     {kidMessage("x", now, secret), ErrMalformed},
		"no id":        {kidMessage(`{"eventType":"Verification.Result","data":{}}`, now, secret), ErrMalformed},
		"another kind": {kidMessage(`{"eventType":"Test","data":{}}`, now, secret), ErrNotAnswer},
	} {
		if a, err := p.Read(t.Context(), c.m, asked, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", name, a, err, c.want)
		}
	}
}

const yotiSession = "69db8ad4-c983-40b3-b95a-a8fa576e70a6"

func TestYoti(t *testing.T) {
	s := newServer(t)
	p := &Yoti{API: parse(t, s.URL), Key: "key-1", SDK: "sdk-1", Client: NewClient()}
	s.answer = `{"id":"` + yotiSession + `","status":"PENDING"}`
	link, err := p.Begin(t.Context(), ask)
	if err != nil || link.Reference != yotiSession || link.URL != s.URL+"/?sdkId=sdk-1&sessionId="+yotiSession {
		t.Fatalf("link %+v, %v", link, err)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(s.bodies[0]), &body); err != nil {
		t.Fatal(err)
	}
	if estimate, _ := body["age_estimation"].(map[string]any); estimate["threshold"] != 25.0 || body["type"] != "OVER" {
		t.Errorf("asked for %s", s.bodies[0])
	}
	if s.header.Get("Yoti-Sdk-Id") != "sdk-1" || s.header.Get("Authorization") != "Bearer key-1" {
		t.Errorf("asked with %v", s.header)
	}
	// The notification lies; what counts is what the API says.
	hint := Message{Body: []byte(`{"session_key":"` + yotiSession + `","state":"COMPLETE","result":true}`)}
	for name, c := range map[string]struct {
		result string
		want   Answer
		err    error
	}{
		"document":       {`"type":"OVER","age":18,"status":"COMPLETE","method":"DOC_SCAN","evidence_id":"x"`, Answer{Result: Over, Age: 18, Method: PhotoID}, nil},
		"estimate":       {`"type":"OVER","age":25,"status":"COMPLETE","method":"AGE_ESTIMATION"`, Answer{Result: Over, Age: 25, Method: FacialEstimation, Estimated: true}, nil},
		"a child":        {`"type":"OVER","age":18,"status":"FAIL","method":"DOC_SCAN"`, Answer{Result: Under, Age: 18, Method: PhotoID}, nil},
		"looks young":    {`"type":"OVER","age":25,"status":"FAIL","method":"AGE_ESTIMATION"`, Answer{Result: Undecided, Age: 25, Method: FacialEstimation, Estimated: true}, nil},
		"failed":         {`"type":"OVER","age":18,"status":"ERROR","method":"DOC_SCAN"`, Answer{Result: Undecided, Age: 18, Method: PhotoID}, nil},
		"unknown method": {`"type":"OVER","age":18,"status":"COMPLETE","method":"HOROSCOPE"`, Answer{Result: Undecided, Age: 18}, nil},
		"not done":       {`"type":"OVER","age":18,"status":"IN_PROGRESS"`, Answer{}, ErrNotAnswer},
		"under asked":    {`"type":"UNDER","age":18,"status":"COMPLETE","method":"DOC_SCAN"`, Answer{}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s.answer = `{"id":"` + yotiSession + `",` + c.result + `}`
			got, err := p.Read(t.Context(), hint, asked, now)
			if c.err == nil {
				c.want.Reference, c.want.CheckedOn = yotiSession, day(now)
			}
			if diff := cmp.Diff(c.want, got); !errors.Is(err, c.err) || diff != "" {
				t.Errorf("%v, want %v (-want +got):\n%s", err, c.err, diff)
			}
		})
	}
	s.answer = `{"id":"00000000-0000-0000-0000-000000000000","type":"OVER","age":18,"status":"COMPLETE","method":"DOC_SCAN"}`
	if a, err := p.Read(t.Context(), hint, asked, now); !errors.Is(err, ErrMalformed) {
		t.Errorf("the result of another session: %+v, %v", a, err)
	}
	before := len(s.asked)
	for _, body := range []string{"", "{}", `{"session_key":"../../admin"}`, `{"session_key":7}`} {
		if a, err := p.Read(t.Context(), Message{Body: []byte(body)}, asked, now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", body, a, err)
		}
	}
	if len(s.asked) != before {
		t.Errorf("the API was asked for what no session is: %v", s.asked[before:])
	}
}

// A provider that does not answer as it should is unavailable; no error of it
// names a key, an address or a session.
func TestUnavailable(t *testing.T) {
	s := newServer(t)
	yoti := &Yoti{API: parse(t, s.URL), Key: "key-1", SDK: "sdk-1", Client: NewClient()}
	kid := &KID{API: parse(t, s.URL), Key: "key-1", Secret: secret, Client: NewClient()}
	for name, c := range map[string]struct {
		status int
		answer string
	}{
		"500": {500, "{}"}, "401": {401, "{}"}, "redirect": {302, "{}"}, "empty": {200, ""}, "not JSON": {200, "<html>"},
		"too long": {200, `{"id":"` + strings.Repeat("x", maxBody) + `"}`}, "wrong types": {200, `{"id":7}`},
		"no address": {200, `{"id":"x"}`}, "script for an address": {200, `{"id":"x","url":"javascript:alert(1)"}`},
	} {
		s.status, s.answer = c.status, c.answer
		for _, begin := range []func(context.Context, Ask) (Link, error){yoti.Begin, kid.Begin} {
			link, err := begin(t.Context(), ask)
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: %+v, %v", name, link, err)
			} else if strings.Contains(err.Error(), "key-1") || strings.Contains(err.Error(), s.URL) {
				t.Errorf("%s: the error says too much: %v", name, err)
			}
		}
	}
	if n := len(s.asked); s.asked[n-1] == "GET /elsewhere" {
		t.Error("a redirect was followed")
	}
	s.Close()
	if _, err := yoti.Read(t.Context(), Message{Body: []byte(`{"session_key":"` + yotiSession + `"}`)}, asked, now); !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), yotiSession) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestOIDC(t *testing.T) {
	i := providertest.NewIssuer(t, now)
	open := func(form bool) *OIDC {
		return OpenOIDC(t.Context(), OIDC{Authorize: parse(t, "https://issuer.example/v1/oidc/use"), ClientID: "client-1", Method: AgeKey, Form: form},
			"https://issuer.example", i.URL+"/jwks", NewClient(), func() time.Time { return now })
	}
	p := open(true)
	link, err := p.Begin(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	query := parse(t, link.URL).Query()
	for name, want := range map[string]string{
		"scope": "openid", "response_type": "id_token", "response_mode": "form_post", "client_id": "client-1",
		"redirect_uri": ask.ReturnURL, "state": "r-1", "nonce": "n-1",
		"claims": `{"age_thresholds":[18],"id_token":{"age_over_18":{"essential":true}},"overrides":{"facial_age_estimation":{"min_age":25}}}`,
	} {
		if query.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, query.Get(name), want)
		}
	}
	if link, err := open(false).Begin(t.Context(), ask); err != nil || parse(t, link.URL).Query().Has("response_mode") {
		t.Errorf("without form: %+v, %v", link, err)
	}
	thresholds := func(m map[string]any) map[string]any { return map[string]any{"age_thresholds": m} }
	for name, c := range map[string]struct {
		claims map[string]any
		want   Result
	}{
		"an AgeKey says yes":    {thresholds(map[string]any{"13": true, "18": true}), Over},
		"an AgeKey says no":     {thresholds(map[string]any{"13": true, "18": false}), Under},
		"of another age":        {thresholds(map[string]any{"13": true}), Undecided},
		"a broker says yes":     {map[string]any{"age_over_18": true, "idp": "euav"}, Over},
		"a broker says no":      {map[string]any{"age_over_18": false}, Under},
		"true is not a word":    {map[string]any{"age_over_18": "true"}, Undecided},
		"nor a number":          {map[string]any{"age_over_18": 1}, Undecided},
		"the thresholds decide": {map[string]any{"age_over_18": true, "age_thresholds": map[string]any{"18": false}}, Under},
		"thresholds not a map":  {map[string]any{"age_thresholds": []int{18}}, Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"state": {"r-1"}, "id_token": {i.Token(t, c.claims)}}
			got, err := p.Read(t.Context(), Message{Form: form}, asked, now)
			want := Answer{Reference: "r-1", Result: c.want, Age: 18, Method: AgeKey, CheckedOn: day(now)}
			if c.want == Over { // an AgeKey may have been made from an estimate
				want.Estimated, want.Age = true, 25
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	if a, err := p.Read(t.Context(), Message{Form: url.Values{"state": {"r-1"}, "error": {"access_denied"}}}, asked, now); err != nil || a.Result != Undecided {
		t.Errorf("the person went back: %+v, %v", a, err)
	}
}

func TestOIDCRefuses(t *testing.T) {
	i, another := providertest.NewIssuer(t, now), providertest.NewIssuer(t, now)
	p := OpenOIDC(t.Context(), OIDC{Authorize: parse(t, "https://issuer.example/"), ClientID: "client-1", Method: AgeKey},
		"https://issuer.example", i.URL+"/jwks", NewClient(), func() time.Time { return now })
	yes := map[string]any{"age_over_18": true}
	with := func(name string, value any) string {
		return i.Token(t, map[string]any{"age_over_18": true, name: value})
	}
	good := i.Token(t, yes)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for name, c := range map[string]struct{ state, token string }{
		"another state":    {"r-2", good},
		"no state":         {"", good},
		"another issuer":   {"r-1", with("iss", "https://another.example")},
		"another audience": {"r-1", with("aud", "client-2")},
		"another nonce":    {"r-1", with("nonce", "n-2")},
		"no nonce":         {"r-1", with("nonce", "")},
		"lapsed":           {"r-1", with("exp", now.Add(-time.Minute).Unix())},
		"another's key":    {"r-1", another.Token(t, yes)},
		"unsigned":         {"r-1", none},
		"altered":          {"r-1", parts[0] + "." + strings.Replace(parts[1], parts[1][10:12], "AA", 1) + "." + parts[2]},
		"no token":         {"r-1", ""},
		"too long":         {"r-1", strings.Repeat("x", maxBody+1)},
	} {
		form := url.Values{"state": {c.state}, "id_token": {c.token}}
		if a, err := p.Read(t.Context(), Message{Form: form}, asked, now); !errors.Is(err, ErrNotAuthentic) && !errors.Is(err, ErrMalformed) && !errors.Is(err, errNotAsked) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

// Whatever comes unsigned, nothing is read from it.
func FuzzRead(f *testing.F) {
	f.Add("1764000000", "msg", "v1,AAAA", webhookBody)
	f.Add("", "", "", "")
	hook := &Webhook{Secret: secret}
	kid := &KID{Secret: secret}
	f.Fuzz(func(t *testing.T, stamp, id, signature, body string) {
		h := http.Header{}
		for _, name := range []string{"Webhook-Timestamp", "X-Signature-Timestamp"} {
			h.Set(name, stamp)
		}
		h.Set("Webhook-Id", id)
		h.Set("Webhook-Signature", signature)
		h.Set("X-Signature-Hmac-Sha256", signature)
		m := Message{Header: h, Body: []byte(body)}
		if a, err := hook.Read(t.Context(), m, asked, now); err == nil {
			t.Errorf("webhook: %+v", a)
		}
		if a, err := kid.Read(t.Context(), m, asked, now); err == nil {
			t.Errorf("k-ID: %+v", a)
		}
		// Signed, it is an answer that holds together, or an error.
		if a, err := hook.Read(t.Context(), Message{Header: providertest.Standard(body, now, secret), Body: []byte(body)}, asked, now); err == nil && (a.Reference == "" || a.Age < 1 || a.Method == "") {
			t.Errorf("signed: %+v", a)
		}
	})
}
