package console

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

const said = "see you at the lighthouse"

// post is a public post and its decision.
func post(id string) (*event.Event, *decision.Decision) {
	ev := &event.Event{
		ID: id, Type: event.ContentCreate, Surface: event.SurfaceFeed,
		Actor:    event.Actor{ID: "amber-kite", Age: &event.Age{Band: event.Band13to15}, Country: "GB"},
		Audience: event.Audience{Scope: event.Public},
		Content:  event.Content{Text: said},
	}
	d := &decision.Decision{Event: id, Type: ev.Type, Outcome: decision.Allow}
	for _, b := range event.Bands() {
		d.Bands = append(d.Bands, decision.Band{Band: b, Outcome: decision.Allow})
	}
	d.Bands[2].Outcome = decision.Hold
	return ev, d
}

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// open serves a console. The client keeps cookies and follows no redirects.
func open(t *testing.T, opts Options) (*Console, *httptest.Server, *http.Client) {
	t.Helper()
	c := New(opts)
	c.tick = time.Millisecond
	api := web.New(web.Options{Authenticate: nobody})
	c.Routes(api)
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	browser := &http.Client{Transport: &jar{next: srv.Client().Transport}}
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, srv, browser
}

// nobody holds an API key.
func nobody(context.Context, string) (keys.Principal, error) {
	return keys.Principal{}, keys.ErrUnknown
}

// jar sends back the cookie that it was last given.
type jar struct {
	next   http.RoundTripper
	cookie *http.Cookie
}

func (j *jar) RoundTrip(r *http.Request) (*http.Response, error) {
	if j.cookie != nil {
		r.AddCookie(j.cookie)
	}
	resp, err := j.next.RoundTrip(r)
	if err == nil && len(resp.Cookies()) > 0 {
		j.cookie = resp.Cookies()[0]
	}
	return resp, err
}

// answer is what came back for a request.
type answer struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	body    string
}

func do(t *testing.T, browser *http.Client, method, url string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, resp.Cookies(), string(body)}
}

func get(t *testing.T, browser *http.Client, url string) answer {
	t.Helper()
	return do(t, browser, http.MethodGet, url)
}

func TestLinkOpensThePageOnce(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	link := c.SignInLink(srv.URL + "/")
	got := get(t, browser, link)
	cookie := got.cookies[0]
	if got.status != http.StatusOK || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure {
		t.Fatalf("%d, cookie %v", got.status, cookie)
	}
	if !strings.Contains(got.body, `http-equiv="refresh"`) {
		t.Error("the sign-in page does not go on to the live one")
	}
	if got := get(t, browser, srv.URL+"/"); got.status != http.StatusOK || !strings.Contains(got.body, `id="feed"`) {
		t.Fatalf("signed in, but %d", got.status)
	}
	if got := get(t, &http.Client{}, link); got.status != http.StatusForbidden || len(got.cookies) > 0 {
		t.Fatalf("the link worked twice: %d", got.status)
	}
}

func TestPreviewDoesNotUseTheLinkUp(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	link := c.SignInLink(srv.URL)
	if got := do(t, browser, http.MethodHead, link); len(got.cookies) > 0 {
		t.Fatalf("a preview signed in: %d", got.status)
	}
	if got := get(t, browser, link); got.status != http.StatusOK {
		t.Fatalf("after a preview: %d", got.status)
	}
}

func TestCookieOverTLSOnly(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true, Secure: true})
	if got := get(t, browser, c.SignInLink(srv.URL)); !got.cookies[0].Secure {
		t.Fatal("a cookie without Secure")
	}
}

func TestLinksAndSessionsExpire(t *testing.T) {
	at := &clock{time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)}
	c, srv, browser := open(t, Options{Live: true, Now: at.now})
	late := c.SignInLink(srv.URL)
	at.t = at.t.Add(linkLife)
	if got := get(t, browser, late); got.status != http.StatusForbidden {
		t.Fatalf("a link of a quarter of an hour ago: %d", got.status)
	}
	get(t, browser, c.SignInLink(srv.URL))
	at.t = at.t.Add(sessionLife - time.Second)
	if got := get(t, browser, srv.URL+"/"); got.status != http.StatusOK {
		t.Fatalf("within the session: %d", got.status)
	}
	at.t = at.t.Add(time.Second)
	if got := get(t, browser, srv.URL+"/"); got.status != http.StatusForbidden {
		t.Fatalf("after the session: %d", got.status)
	}
}

func TestSignOut(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	get(t, browser, c.SignInLink(srv.URL))
	session := browser.Transport.(*jar).cookie
	if got := do(t, browser, http.MethodPost, srv.URL+"/signout"); got.status != http.StatusSeeOther {
		t.Fatalf("signing out: %d", got.status)
	}
	browser.Transport.(*jar).cookie = session // a copy of the cookie must not work either
	if got := get(t, browser, srv.URL+"/"); got.status != http.StatusForbidden {
		t.Fatalf("after signing out: %d", got.status)
	}
}

func TestSecretsAreBoundedAndLong(t *testing.T) {
	s := secrets{}
	now := time.Now()
	first := s.issue(now, time.Minute)
	for i := range 2 * maxSecrets {
		if secret := s.issue(now, time.Hour+time.Duration(i)); len(secret) != 43 { // 256 bits in base64
			t.Fatalf("a secret of %d characters", len(secret))
		}
	}
	if len(s) != maxSecrets || s.valid(first, now) {
		t.Fatalf("%d secrets; the one that ends first is kept: %v", len(s), s.valid(first, now))
	}
}

// Nothing that people wrote, and no account, may be had without a session.
func TestNoContentWithoutSession(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	c.Observe(post("p-1"))
	for _, path := range []string{"/", "/console/stream", "/signin", "/signin?token=", "/signin?token=guess", "/console/live.js"} {
		got := get(t, browser, srv.URL+path)
		if strings.Contains(got.body, said) || strings.Contains(got.body, "amber-kite") {
			t.Errorf("%s tells what was written", path)
		}
		if got.status != http.StatusForbidden && path != "/console/live.js" {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestNothingIsKeptUnlessLive(t *testing.T) {
	c, srv, browser := open(t, Options{})
	c.Observe(post("p-1"))
	if _, total := c.feed.after(0, feedSize); total != 0 {
		t.Fatalf("%d events kept", total)
	}
	got := get(t, browser, srv.URL+"/")
	if got.status != http.StatusOK || !strings.Contains(got.body, "breakwater demo") || !strings.Contains(got.body, `href="/docs"`) {
		t.Fatalf("landing page: %d", got.status)
	}
	get(t, browser, c.SignInLink(srv.URL))
	if got := get(t, browser, srv.URL+"/console/stream"); got.status != http.StatusForbidden {
		t.Fatalf("a stream where nothing is live: %d", got.status)
	}
}

func TestHeadersAndNothingInline(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	get(t, browser, c.SignInLink(srv.URL))
	for _, path := range []string{"/", "/signin", "/console/live.js", "/console/page.css", "/console/icon.svg"} {
		got := get(t, browser, srv.URL+path)
		policy := got.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: policy has no %s", path, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := got.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if strings.HasPrefix(got.body, "<!doctype") && (strings.Contains(got.body, "style=") || strings.Contains(got.body, "<style") || strings.Contains(got.body, "onclick")) {
			t.Errorf("%s has something inline", path)
		}
	}
	if got := get(t, browser, srv.URL+"/console/..%2fconsole.go"); got.status != http.StatusNotFound {
		t.Errorf("a file that is no asset: %d", got.status)
	}
}

// messages reads a stream's messages.
func messages(t *testing.T, browser *http.Client, url string) func() batch {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	resp, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %s", resp.Status)
	}
	lines := bufio.NewReaderSize(resp.Body, 1<<20)
	return func() batch {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				var b batch
				if err := json.Unmarshal([]byte(data), &b); err != nil {
					t.Fatal(err)
				}
				return b
			}
		}
	}
}

func TestStreamTellsWhatHappenedAndGoesOn(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	get(t, browser, c.SignInLink(srv.URL))
	c.Observe(post("p-1"))
	next := messages(t, browser, srv.URL+"/console/stream")
	b := next()
	if b.Total != 1 || len(b.Cards) != 1 || b.Cards[0].Text != said || b.Cards[0].Views["10-12"] != decision.Hold {
		t.Fatalf("first message: %+v", b)
	}
	c.Observe(post("p-2"))
	for b.Total < 2 {
		b = next()
	}
	if len(b.Cards) != 1 || b.Cards[0].Number != 2 {
		t.Fatalf("second event: %+v", b)
	}

	again := messages(t, browser, srv.URL+"/console/stream?after="+b.Run+".1")()
	if len(again.Cards) != 1 || again.Cards[0].Number != 2 {
		t.Fatalf("after the first: %d cards", len(again.Cards))
	}
	if other := messages(t, browser, srv.URL+"/console/stream?after=OTHER.1")(); len(other.Cards) != 2 {
		t.Fatalf("after a place in another run: %d cards", len(other.Cards))
	}
}

func TestStreamEndsWithTheServer(t *testing.T) {
	done := make(chan struct{})
	c, srv, browser := open(t, Options{Live: true, Done: done})
	get(t, browser, c.SignInLink(srv.URL))
	resp, err := browser.Get(srv.URL + "/console/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	close(done)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
}

// A browser that does not read must neither hold up decisions nor keep its
// connection.
func TestReaderThatDoesNotReadIsDropped(t *testing.T) {
	c := New(Options{Live: true})
	c.tick, c.patience = time.Millisecond, 20*time.Millisecond
	ended := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.stream(w, r)
		close(ended)
	}))
	defer srv.Close()
	session := c.doors.sessions.issue(time.Now(), time.Hour)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /console/stream HTTP/1.1\r\nHost: x\r\nCookie: "+cookieName+"="+session+"\r\n\r\n")
	for {
		select {
		case <-ended:
			return
		default:
			c.Observe(post("p")) // must return although nobody reads
		}
	}
}

func TestFeedIsBounded(t *testing.T) {
	f := newFeed()
	for range 3*feedSize + 7 {
		f.add(&card{})
	}
	cards, total := f.after(0, 10*feedSize)
	if len(cards) != feedSize || total != 3*feedSize+7 {
		t.Fatalf("%d cards of %d", len(cards), total)
	}
	for i, c := range cards {
		if want := total - feedSize + uint64(i) + 1; c.Number != want {
			t.Fatalf("card %d has number %d, want %d", i, c.Number, want)
		}
	}
	if cards, _ := f.after(total-5, 3); len(cards) != 3 || cards[2].Number != total {
		t.Fatalf("the latest three: %d cards", len(cards))
	}
	if cards, _ := f.after(total+9, 3); len(cards) != 0 {
		t.Fatalf("%d cards from the future", len(cards))
	}
}

func TestCardSaysWhatEachAgeMeets(t *testing.T) {
	direct := &event.Event{
		Type: event.MessageSend, Actor: event.Actor{ID: "a"},
		Audience: event.Audience{Scope: event.Group, Members: []event.Member{{ID: "b"}, {ID: "c"}, {ID: "d"}}},
	}
	members := []decision.Member{
		{ID: "b", Band: event.Band10to12, Outcome: decision.Allow},
		{ID: "c", Band: event.Band10to12, Outcome: decision.Hold},
		{ID: "d", Band: event.Band18Plus, Outcome: decision.Allow},
	}
	search := &event.Event{Type: event.SearchQuery, Actor: event.Actor{ID: "a", Age: &event.Age{Band: event.Band13to15}}}
	public, published := post("p-1")
	for name, test := range map[string]struct {
		ev    *event.Event
		d     *decision.Decision
		views map[string]decision.Outcome
		mixed bool
		self  bool
	}{
		"published": {public, published, map[string]decision.Outcome{
			"0-5": decision.Allow, "6-9": decision.Allow, "10-12": decision.Hold, "13-15": decision.Allow, "16-17": decision.Allow, "18+": decision.Allow,
		}, true, false},
		"group: strictest of an age": {direct, &decision.Decision{Outcome: decision.Hold, Members: members}, map[string]decision.Outcome{
			"10-12": decision.Hold, "18+": decision.Allow,
		}, true, false},
		"by themselves": {search, &decision.Decision{Outcome: decision.Inform}, map[string]decision.Outcome{"13-15": decision.Inform}, false, true},
	} {
		c := newCard(test.ev, test.d)
		if diff := cmp.Diff(test.views, c.Views); diff != "" || c.Mixed != test.mixed || c.Self != test.self {
			t.Errorf("%s: mixed %v, self %v, views (-want +got):\n%s", name, c.Mixed, c.Self, diff)
		}
	}
}

func TestCardKeepsLittle(t *testing.T) {
	ev, d := post("p-1")
	ev.Content.Text = strings.Repeat("ш", maxText)
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)
	ev.Content.Media = []event.Media{
		{Kind: event.Image, Data: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), MIME: "image/png"},
		{Kind: event.Image, Data: make([]byte, maxPicture+1)},
		{Kind: event.Image, Data: png, MIME: "text/html"},
	}
	for range 50 {
		ev.Audience.Members = append(ev.Audience.Members, event.Member{ID: "m"})
		d.Reasons = append(d.Reasons, decision.Reason{Rule: "r"})
	}
	c := newCard(ev, d)
	if len(c.Text) != maxText || !c.Cut || strings.ContainsRune(c.Text, '\uFFFD') {
		t.Errorf("text of %d bytes, cut %v", len(c.Text), c.Cut)
	}
	if c.MIME != "image/png" || c.Media != 2 || &c.Picture[0] == &png[0] {
		t.Errorf("picture %s, %d others", c.MIME, c.Media)
	}
	if len(c.People) != maxPeople || c.More != 50-maxPeople || len(c.Reasons) != maxReasons {
		t.Errorf("%d people, %d more, %d reasons", len(c.People), c.More, len(c.Reasons))
	}
}

func BenchmarkObserve(b *testing.B) {
	c := New(Options{Live: true})
	ev, d := post("p-1")
	b.ReportAllocs()
	for b.Loop() {
		c.Observe(ev, d)
	}
}
