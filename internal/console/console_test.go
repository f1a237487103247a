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

func get(t *testing.T, browser *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := browser.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestLinkOpensThePageOnce(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	link := c.SignInLink(srv.URL + "/")
	resp, body := get(t, browser, link)
	cookie := resp.Cookies()[0]
	if resp.StatusCode != http.StatusOK || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure {
		t.Fatalf("%s, cookie %v", resp.Status, cookie)
	}
	if !strings.Contains(body, `http-equiv="refresh"`) {
		t.Error("the sign-in page does not go on to the live one")
	}
	if resp, body := get(t, browser, srv.URL+"/"); resp.StatusCode != http.StatusOK || !strings.Contains(body, `id="feed"`) {
		t.Fatalf("signed in, but %s", resp.Status)
	}
	if resp, _ := get(t, &http.Client{}, link); resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 {
		t.Fatalf("the link worked twice: %s", resp.Status)
	}
}

func TestPreviewDoesNotUseTheLinkUp(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	link := c.SignInLink(srv.URL)
	if resp, err := browser.Head(link); err != nil || len(resp.Cookies()) > 0 {
		t.Fatal(resp, err)
	}
	if resp, _ := get(t, browser, link); resp.StatusCode != http.StatusOK {
		t.Fatalf("after a preview: %s", resp.Status)
	}
}

func TestCookieOverTLSOnly(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true, Secure: true})
	if resp, _ := get(t, browser, c.SignInLink(srv.URL)); !resp.Cookies()[0].Secure {
		t.Fatal("a cookie without Secure")
	}
}

func TestLinksAndSessionsExpire(t *testing.T) {
	at := &clock{time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)}
	c, srv, browser := open(t, Options{Live: true, Now: at.now})
	late := c.SignInLink(srv.URL)
	at.t = at.t.Add(linkLife)
	if resp, _ := get(t, browser, late); resp.StatusCode != http.StatusForbidden {
		t.Fatalf("a link of a quarter of an hour ago: %s", resp.Status)
	}
	get(t, browser, c.SignInLink(srv.URL))
	at.t = at.t.Add(sessionLife - time.Second)
	if resp, _ := get(t, browser, srv.URL+"/"); resp.StatusCode != http.StatusOK {
		t.Fatalf("within the session: %s", resp.Status)
	}
	at.t = at.t.Add(time.Second)
	if resp, _ := get(t, browser, srv.URL+"/"); resp.StatusCode != http.StatusForbidden {
		t.Fatalf("after the session: %s", resp.Status)
	}
}

func TestSignOut(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	get(t, browser, c.SignInLink(srv.URL))
	session := browser.Transport.(*jar).cookie
	resp, err := browser.Post(srv.URL+"/signout", "", nil)
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatal(resp, err)
	}
	browser.Transport.(*jar).cookie = session // a copy of the cookie must not work either
	if resp, _ := get(t, browser, srv.URL+"/"); resp.StatusCode != http.StatusForbidden {
		t.Fatalf("after signing out: %s", resp.Status)
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
		resp, body := get(t, browser, srv.URL+path)
		if strings.Contains(body, said) || strings.Contains(body, "amber-kite") {
			t.Errorf("%s tells what was written", path)
		}
		if resp.StatusCode != http.StatusForbidden && path != "/console/live.js" {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

func TestNothingIsKeptUnlessLive(t *testing.T) {
	c, srv, browser := open(t, Options{})
	c.Observe(post("p-1"))
	if _, total := c.feed.after(0, feedSize); total != 0 {
		t.Fatalf("%d events kept", total)
	}
	resp, body := get(t, browser, srv.URL+"/")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "breakwater demo") || !strings.Contains(body, `href="/docs"`) {
		t.Fatalf("landing page: %s", resp.Status)
	}
	get(t, browser, c.SignInLink(srv.URL))
	if resp, _ := get(t, browser, srv.URL+"/console/stream"); resp.StatusCode != http.StatusForbidden {
		t.Fatalf("a stream where nothing is live: %s", resp.Status)
	}
}

func TestHeadersAndNothingInline(t *testing.T) {
	c, srv, browser := open(t, Options{Live: true})
	get(t, browser, c.SignInLink(srv.URL))
	for _, path := range []string{"/", "/signin", "/console/live.js", "/console/page.css", "/console/icon.svg"} {
		resp, body := get(t, browser, srv.URL+path)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: policy has no %s", path, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if strings.HasPrefix(body, "<!doctype") && (strings.Contains(body, "style=") || strings.Contains(body, "<style") || strings.Contains(body, "onclick")) {
			t.Errorf("%s has something inline", path)
		}
	}
	if resp, _ := get(t, browser, srv.URL+"/console/..%2fconsole.go"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is no asset: %s", resp.Status)
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
