package console

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// How long a link and a session last, and how many are remembered. Where there
// are more, the one that would end first goes.
const (
	linkLife    = 15 * time.Minute
	sessionLife = 12 * time.Hour
	maxSecrets  = 64
)

// cookieName is the session's. It says nothing of whom.
const cookieName = "breakwater_console"

// doors remembers who may come in: links not yet used, and sessions.
type doors struct {
	now      func() time.Time
	mu       sync.Mutex
	links    secrets
	sessions secrets
}

func newDoors(now func() time.Time) *doors {
	return &doors{now: now, links: secrets{}, sessions: secrets{}}
}

// secrets maps the digest of a 256-bit secret to when it ends. Only digests
// are kept, and looking one up compares nothing that an attacker can choose.
type secrets map[[sha256.Size]byte]time.Time

func (s secrets) issue(now time.Time, life time.Duration) string {
	for len(s) >= maxSecrets {
		s.dropFirst()
	}
	var raw [32]byte
	rand.Read(raw[:]) // never fails
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	s[sha256.Sum256([]byte(secret))] = now.Add(life)
	return secret
}

func (s secrets) dropFirst() {
	var first [sha256.Size]byte
	var end time.Time
	for digest, t := range s {
		if end.IsZero() || t.Before(end) {
			first, end = digest, t
		}
	}
	delete(s, first)
}

func (s secrets) valid(secret string, now time.Time) bool {
	end, ok := s[sha256.Sum256([]byte(secret))]
	return ok && now.Before(end)
}

func (s secrets) forget(secret string) { delete(s, sha256.Sum256([]byte(secret))) }

// SignInLink makes a link that signs one browser in, once, within a quarter of
// an hour. The base is the server's address, for example "http://127.0.0.1:8420".
func (c *Console) SignInLink(base string) string {
	c.doors.mu.Lock()
	defer c.doors.mu.Unlock()
	token := c.doors.links.issue(c.doors.now(), linkLife)
	return strings.TrimRight(base, "/") + "/signin?token=" + url.QueryEscape(token)
}

// enter trades a link's token for a session.
func (d *doors) enter(token string) (session string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ok = d.links.valid(token, d.now())
	d.links.forget(token)
	if !ok {
		return "", false
	}
	return d.sessions.issue(d.now(), sessionLife), true
}

func (c *Console) signedIn(r *http.Request) bool {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return false
	}
	c.doors.mu.Lock()
	defer c.doors.mu.Unlock()
	return c.doors.sessions.valid(cookie.Value, c.doors.now())
}

// signIn answers with a page that goes on to the live one by itself, not with
// a redirect: a browser sends a strict cookie only where the visit began on
// this site, and the link may have been opened from another.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // a preview (HEAD) must not use the link up
		c.pages.show(w, http.StatusOK, "signedin")
		return
	}
	session, ok := c.doors.enter(r.URL.Query().Get("token"))
	if !ok {
		c.pages.show(w, http.StatusForbidden, "signedout")
		return
	}
	http.SetCookie(w, c.cookie(session, int(sessionLife.Seconds())))
	c.pages.show(w, http.StatusOK, "signedin")
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		c.doors.mu.Lock()
		c.doors.sessions.forget(cookie.Value)
		c.doors.mu.Unlock()
	}
	http.SetCookie(w, c.cookie("", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *Console) cookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is on wherever there is TLS: Options.Secure
		Name: cookieName, Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: c.opts.Secure, SameSite: http.SameSiteStrictMode,
	}
}
