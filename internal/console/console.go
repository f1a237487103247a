// Package console is what a person sees of a server in a browser: a live page
// of events and of what each age is shown, behind a one-time link, or else a
// plain page that says what the server is.
//
// Texts are kept in memory only, for the latest events only, and only while
// Options.Live is on.
package console

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/web"
)

// Options say how the console behaves.
type Options struct {
	Live   bool             // show what arrives: for demos and for platforms under test
	Secure bool             // the console is served over TLS: cookies travel on nothing else
	Now    func() time.Time // time.Now unless set
	Done   <-chan struct{}  // closed when the server begins to stop: ends the streams
}

// Console serves the pages. Make it with New; it is safe for concurrent use.
type Console struct {
	opts  Options
	feed  *feed
	doors *doors
	pages pages

	streams atomic.Int32 // open now

	tick     time.Duration // between two messages of a stream
	patience time.Duration // how long a browser may take to read one
}

// New is a console that has seen nothing yet.
func New(opts Options) *Console {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Console{
		opts: opts, feed: newFeed(), doors: newDoors(opts.Now), pages: loadPages(),
		tick: 250 * time.Millisecond, patience: 10 * time.Second,
	}
}

// Observe takes note of a decision for the live page. It copies what it needs
// and never waits for a reader; without Options.Live it does nothing.
func (c *Console) Observe(ev *event.Event, d *decision.Decision) {
	if c.opts.Live {
		c.feed.add(newCard(ev, d))
	}
}

// Routes adds the console's pages to an API: the page at "/", sign-in and
// sign-out, the stream and the page's own files below /console/. They ask for
// no API key; what people wrote is behind the session.
func (c *Console) Routes(api *web.API) {
	for _, page := range []struct {
		method, path, id string
		timeout          time.Duration // below zero is none, zero the API's
		answer           http.HandlerFunc
	}{
		{http.MethodGet, "/{$}", "console-home", 0, c.home},
		{http.MethodGet, "/signin", "console-sign-in", 0, c.signIn},
		{http.MethodPost, "/signout", "console-sign-out", 0, c.signOut},
		{http.MethodGet, "/console/stream", "console-stream", -1, c.stream},
		{http.MethodGet, "/console/{file}", "console-file", 0, c.asset},
	} {
		web.Handle(api, web.Operation{
			Method: page.method, Path: page.path, ID: page.id,
			Public: true, Hidden: true, Timeout: page.timeout,
		}, guarded(page.answer))
	}
}

// guarded sets the headers that every answer has: nothing from elsewhere,
// nothing inline, nothing framed, nothing remembered by caches.
func guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		web.Protect(w.Header(), "script-src 'self'; img-src 'self' data:; form-action 'self'")
		next(w, r)
	}
}

func (c *Console) home(w http.ResponseWriter, r *http.Request) {
	switch {
	case !c.opts.Live:
		c.pages.show(w, http.StatusOK, "landing")
	case !c.signedIn(r):
		c.pages.show(w, http.StatusForbidden, "signedout")
	default:
		c.pages.show(w, http.StatusOK, "live")
	}
}
