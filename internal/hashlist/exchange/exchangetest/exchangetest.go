// Package exchangetest holds clients of exchanges to the contract of
// exchange.Client, against a server of their protocol that misbehaves:
//
//	func TestContract(t *testing.T) {
//		exchangetest.Run(t, exchangetest.Case{Server: …, Client: …, Want: …})
//	}
package exchangetest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// Case is a client and a server of its protocol that behaves well.
type Case struct {
	Server  http.Handler // of two pages at least
	Client  func(*exchange.Transport) exchange.Client
	Secrets []string // that the client sends
	Plain   bool     // half an answer of this form is as good as a whole one: only its length tells
	Want    []string // what is there after a pull: "id kind:value … classification", sorted
}

// Transport leads to server without real pauses, which it notes in pauses.
func Transport(t *testing.T, server *httptest.Server, pauses *[]time.Duration) *exchange.Transport {
	t.Helper()
	way, err := exchange.NewTransport(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	way.Sleep = func(ctx context.Context, d time.Duration) error {
		if pauses != nil {
			*pauses = append(*pauses, d)
		}
		return ctx.Err()
	}
	return way
}

// Pull is what a bank has after it had the entries in before and a pull was
// applied to it, and the checkpoint that is kept.
func Pull(ctx context.Context, c exchange.Client, checkpoint string, before []hashlist.Entry) (bank map[string]hashlist.Entry, kept string, err error) {
	bank, kept = map[string]hashlist.Entry{}, checkpoint
	for _, e := range before {
		bank[e.ID] = e
	}
	named, whole := map[string]bool{}, false
	for page, err := range c.Pull(ctx, checkpoint) {
		if err != nil {
			return bank, kept, err
		}
		whole = whole || page.Whole
		for _, e := range page.Upserts {
			bank[e.ID], named[e.ID] = e, true
		}
		for _, id := range page.Removed {
			delete(bank, id)
		}
		if page.Checkpoint != "" {
			kept = page.Checkpoint
		}
	}
	if whole {
		maps.DeleteFunc(bank, func(id string, _ hashlist.Entry) bool { return !named[id] })
	}
	return bank, kept, nil
}

// Lines shows a bank as Case.Want has it.
func Lines(bank map[string]hashlist.Entry) []string {
	lines := make([]string, 0, len(bank))
	for _, e := range bank {
		line := e.ID
		for _, h := range [][2]string{{"pdq", e.Hashes.PDQ}, {"vpdq", e.Hashes.VPDQ}, {"md5", e.Hashes.MD5}, {"sha1", e.Hashes.SHA1}, {"sha256", e.Hashes.SHA256}, {"url", e.Hashes.URL}} {
			if h[1] != "" {
				line += " " + h[0] + ":" + h[1]
			}
		}
		lines = append(lines, strings.TrimSpace(line+" "+e.Classification))
	}
	slices.Sort(lines)
	return lines
}

// Run tries everything that a server may do to a client.
func Run(t *testing.T, c Case) {
	t.Helper()
	for name, misbehave := range map[string]func(http.Handler) http.Handler{
		"well-behaved":           func(h http.Handler) http.Handler { return h },
		"busy at first":          once(answer(http.StatusTooManyRequests, "")),
		"failing at first":       once(answer(http.StatusInternalServerError, "<html>")),
		"closing connections":    once(hangUp),
		"cutting answers off":    onceCut(true),
		"sending half an answer": onceCut(false),
	} {
		if !c.Plain || name != "sending half an answer" {
			t.Run(name, func(t *testing.T) { c.recovers(t, misbehave(c.Server)) })
		}
	}
	for name, broken := range map[string]http.Handler{
		"failing for good": answer(http.StatusInternalServerError, ""),
		"refusing":         answer(http.StatusForbidden, ""),
		"not found":        answer(http.StatusNotFound, "<html>not found</html>"),
		"an HTML page":     answer(http.StatusOK, "<html><body>Please sign in</body></html>"),
		"a JSON list":      answer(http.StatusOK, "[1,2,3]"),
		"a JSON string":    answer(http.StatusOK, `"hello"`),
		"binary":           answer(http.StatusOK, "\x00\xff\xfe\x00"),
		"silent":           silent,
		"endless":          endless(),
	} {
		t.Run(name, func(t *testing.T) { c.gives(t, broken) })
	}
	t.Run("sending elsewhere", c.staysHere)
	t.Run("canceled", c.ends)
}

func (c *Case) recovers(t *testing.T, h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	bank, _, err := Pull(t.Context(), c.Client(Transport(t, server, nil)), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Want, Lines(bank)); diff != "" {
		t.Errorf("%d entries of %d (-want +got):\n%.2000s", len(bank), len(c.Want), diff)
	}
}

// gives expects an error, soon, which tells no secret and keeps no checkpoint.
func (c *Case) gives(t *testing.T, h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	way := Transport(t, server, nil)
	way.Time, way.Body = 200*time.Millisecond, 1<<20
	bank, kept, err := Pull(t.Context(), c.Client(way), "", nil)
	if err == nil || kept != "" || len(bank) > 0 {
		t.Fatalf("error %v, checkpoint %q, %d entries", err, kept, len(bank))
	}
	for _, secret := range append(c.Secrets, server.URL, "sign in") {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %q: %v", secret, err)
		}
	}
}

// staysHere expects that a redirect to another host is not followed.
func (c *Case) staysHere(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	if _, _, err := Pull(t.Context(), c.Client(Transport(t, server, nil)), "", nil); err == nil || asked {
		t.Errorf("error %v; the other host was asked: %v", err, asked)
	}
}

func (c *Case) ends(t *testing.T) {
	server := httptest.NewServer(c.Server)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, kept, err := Pull(ctx, c.Client(Transport(t, server, nil)), "", nil); err == nil || kept != "" {
		t.Errorf("error %v, checkpoint %q", err, kept)
	}
}

// once has the first request for each address and method go wrong.
func once(wrong http.Handler) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		seen := firsts{}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && seen.first(r) {
				wrong.ServeHTTP(w, r)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
}

// firsts knows what was asked for before.
type firsts struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (f *firsts) first(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	known := f.seen[r.URL.String()]
	f.seen[r.URL.String()] = true
	return !known
}

func answer(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have gone
	})
}

// silent answers nothing until the client goes. That it does is seen only once
// its request is read.
var silent = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
})

var hangUp = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

// onceCut has the first answer to each address end in the middle; told has the
// server announce the length of the whole.
func onceCut(told bool) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		seen := firsts{}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !seen.first(r) {
				h.ServeHTTP(w, r)
				return
			}
			whole := httptest.NewRecorder()
			h.ServeHTTP(whole, r)
			if told {
				w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
			}
			w.WriteHeader(whole.Code)
			_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		})
	}
}

func endless() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := bytes.Repeat([]byte(" "), 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
}
