// Package page draws the page on which a person shows their age: why they are
// asked, what ways there are, what is kept and what is not, and how to have a
// person look at it. It works without a script but for one way that is the
// script's; it is in several languages, right-to-left ones among them, in words
// for a thirteen year old, and keeps to WCAG 2.2 AA.
//
// What the age is for is not on it: that stays hidden until the check is done.
package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/breakwater-project/breakwater/internal/web"
)

//go:embed page.html texts assets
var files embed.FS

// State is what the page is about.
type State string

// States.
const (
	Open      State = "open"
	Passed    State = "passed"
	Under     State = "under"
	Ended     State = "ended"     // too many tries
	Missing   State = "missing"   // there is no such check
	Elsewhere State = "elsewhere" // another browser began it
	Number    State = "number"    // on the wallet's device: what to type where it began
)

// Reason is why an answer was refused, as far as a person is helped by it.
type Reason string

// Reasons.
const (
	NotRefused    Reason = ""
	Wallet        Reason = "reason_wallet"
	OverDisclosed Reason = "reason_over_disclosed"
	Untrusted     Reason = "reason_untrusted"
	Lapsed        Reason = "reason_lapsed"
	Provider      Reason = "reason_provider"
	WrongNumber   Reason = "reason_number"
)

// Known reports whether it is one of the reasons.
func (r Reason) Known() bool {
	return slices.Contains([]Reason{Wallet, OverDisclosed, Untrusted, Lapsed, Provider, WrongNumber}, r)
}

// View is what one page shows.
type View struct {
	State   State
	Age     int // that must be reached, in completed years
	Choices []Choice
	Refused Reason
	Minutes int    // left to try; 0 is not shown
	Return  string // address of the site they came from; "" is not shown
	Appeal  string // where the form of an appeal goes; "" offers none
	Number  string // where the form goes in which the number is typed; "" offers none
	Typed   string // State Number: what is to be typed
	// Appealed says that an appeal was passed on.
	Appealed bool
	// Collect is where a form goes that leads back to the site with what tokens
	// are given for; "" leads back by a plain link.
	Collect string
}

// Choice is one way to show an age.
type Choice struct {
	Method       string // as package assurance names it
	GovernmentID bool
	Wallet       string // link that opens a wallet on this device, and as a code on another
	// Digital is a request for the browser's Digital Credentials API, and where
	// its answer goes.
	Digital  json.RawMessage
	Endpoint string
	Action   string // where a form goes that leads to a provider
	Host     string // whose website that is
}

// Pages draws pages. Make it with New; it is safe for concurrent use.
type Pages struct {
	page  *template.Template
	texts []*text
	tags  matcher
}

// New reads the files, which are part of the program: a fault in one is the
// program's.
func New() (*Pages, error) {
	texts, err := loadTexts(files)
	if err != nil {
		return nil, err
	}
	t, err := template.New("page.html").Funcs(template.FuncMap{"code": code, "wallet": walletLink, "host": hostName}).ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return &Pages{page: t, texts: texts, tags: newMatcher(texts)}, nil
}

// drawn is what the template sees.
type drawn struct {
	View
	Text      *text
	Languages []*text
	Back      string
}

// Show answers a request with a page in the language that it asks for.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request, status int, v View) error {
	t := p.tags.choose(p.texts, r)
	d := drawn{View: v, Text: t.about(v.Age), Languages: p.texts, Back: backLink(v.Return)}
	var b bytes.Buffer
	if err := p.page.Execute(&b, d); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	forms := []string{backLink(v.Return)}
	for _, c := range v.Choices {
		if c.Host != "" {
			forms = append(forms, "https://"+c.Host)
		}
	}
	guard(w.Header(), forms...)
	w.Header().Set("Content-Language", t.Tag)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // who went away needs no page
	return nil
}

// Back answers with the page that an answer in its own address's fragment comes
// to: its script posts it to where it stands.
func (p *Pages) Back(w http.ResponseWriter, r *http.Request) error {
	t := p.tags.choose(p.texts, r)
	var b bytes.Buffer
	if err := p.page.ExecuteTemplate(&b, "back", drawn{Text: t.about(0)}); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	guard(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // who went away needs no page
	return nil
}

// guard sets the headers of such a page. Its forms may also lead to the
// addresses given, of hosts that may begin with a star.
func guard(h http.Header, addresses ...string) {
	forms := "'self'"
	for _, address := range addresses {
		scheme, rest, ok := strings.Cut(address, "://")
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, "?")
		if origin := scheme + "://" + host; ok && formHost.MatchString(host) && !strings.Contains(forms+" ", " "+origin+" ") {
			forms += " " + origin
		}
	}
	web.Protect(h, "script-src 'self'; img-src 'self'; form-action "+forms, "digital-credentials-get=(self)")
	h.Set("Vary", "Accept-Language")
}

// formHost is a host, and perhaps a port, as a policy may name it.
var formHost = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:]+\](:[0-9]+)?$`)

// Asset serves the page's style or script, by its name.
func (p *Pages) Asset(w http.ResponseWriter, r *http.Request, name string) {
	types := map[string]string{"age.css": "text/css; charset=utf-8", "age.js": "text/javascript; charset=utf-8", "back.js": "text/javascript; charset=utf-8"}
	if types[name] == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", types[name])
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeFileFS(w, r, files, "assets/"+name)
}

// backLink is an address that a page may link to, or "".
func backLink(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return address
}

// hostName is whose website a host is, as a person reads it.
func hostName(host string) string { return strings.TrimPrefix(host, "*.") }

// walletSchemes are those of links that open wallets.
var walletSchemes = []string{"av", "openid4vp", "mdoc-openid4vp", "haip", "eudi-openid4vp"}

// walletLink is a link that a template would take for a dangerous one.
func walletLink(address string) (template.URL, error) {
	scheme, _, _ := strings.Cut(address, ":")
	if !slices.Contains(walletSchemes, scheme) {
		return "", fmt.Errorf("page: %q opens no wallet", scheme)
	}
	return template.URL(address), nil //nolint:gosec // its scheme was looked at, its characters are escaped
}

// code draws a QR code as the path of an SVG, with the quiet zone that readers
// need; "" if the text is longer than a screen can show well.
func code(text string) (template.HTML, error) {
	if len(text) > 1500 {
		return "", nil
	}
	c, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("page: %w", err)
	}
	const quiet = 4
	size := strconv.Itoa(c.Size + 2*quiet)
	var b strings.Builder
	b.WriteString(`<svg viewBox="0 0 ` + size + ` ` + size + `" shape-rendering="crispEdges" aria-hidden="true"><rect width="` + size + `" height="` + size + `" fill="#fff"/><path fill="#000" d="`)
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			run := 0
			for x+run < c.Size && c.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil //nolint:gosec // numbers alone
}
