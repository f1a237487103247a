// Package ownimage is the page on which a person keeps a picture of themselves
// from being shared: their browser makes the fingerprint of the picture, and
// only the fingerprint is sent. The picture never leaves their device.
//
// What is sent becomes an entry that nobody vouches for yet: what matches it is
// held for a person to look at, and nothing is blocked or reported by it alone.
// Whoever sent it gets a code, and takes it back with that.
//
// Of what is sent again, one entry matches: the others wait for it to be taken
// back. Refusing them would tell strangers what the bank has, and would let who
// sends a picture first take the protection away that its subject asked for.
package ownimage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/web"
	"github.com/breakwater-project/breakwater/pdq"
)

//go:generate go run generate.go

//go:embed page.html texts assets
var files embed.FS

// Classifications of entries: nobody has confirmed them yet. The second is of
// those whose sender says that they are, or may be, under 18 in the picture.
const (
	Unverified      = "unverified"
	UnverifiedMinor = "unverified-minor"
)

// Source is who such entries come from.
const Source = "own-image"

// Page is the page and what it sends. Make it with New.
type Page struct {
	banks *hashlist.Banks
	bank  string
	texts []*text
	page  drawer
	rate  *rate.Limiter
}

const (
	// perSecond and atOnce bound what the page takes from everybody together:
	// somebody who floods it must not fill the bank.
	perSecond = 1
	atOnce    = 60

	maxBody = 1 << 10
)

// New makes the page; what it is sent goes into the bank.
func New(banks *hashlist.Banks, bank string) (*Page, error) {
	texts, err := loadTexts(files)
	if err != nil {
		return nil, err
	}
	page, err := newDrawer(files)
	if err != nil {
		return nil, err
	}
	return &Page{banks: banks, bank: bank, texts: texts, page: page, rate: rate.NewLimiter(perSecond, atOnce)}, nil
}

// Routes adds the page and what belongs to it. They ask for no key.
func (p *Page) Routes(api *web.API) {
	for _, route := range []struct {
		method, path, id string
		status           int
		answer           http.HandlerFunc
	}{
		{http.MethodGet, "/own-image", "own-image", http.StatusOK, p.show},
		{http.MethodGet, "/own-image/{file}", "own-image-file", http.StatusOK, p.asset},
		{http.MethodPost, "/own-image/hashes", "own-image-send", http.StatusCreated, p.refusing(p.send)},
		{http.MethodPost, "/own-image/withdraw", "own-image-withdraw", http.StatusNoContent, p.refusing(p.withdraw)},
	} {
		web.Handle(api, web.Operation{
			Method: route.method, Path: route.path, ID: route.id, Status: route.status,
			Public: true, Hidden: true, BodyLimit: maxBody,
		}, guarded(route.answer))
	}
}

// guarded sets what every answer has: nothing from elsewhere, nothing inline,
// nothing sent elsewhere, nothing framed, nothing remembered. The hasher is
// WebAssembly, which has to be allowed by name.
func guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		web.Protect(w.Header(), "script-src 'self' 'wasm-unsafe-eval'; form-action 'none'")
		next(w, r)
	}
}

// refusing answers with a problem where f has an error.
func (p *Page) refusing(f func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			web.Refuse(r, err)
		}
	}
}

// fingerprint is all that the page sends of a picture.
type fingerprint struct {
	PDQ     string `json:"pdq"`
	Quality int    `json:"quality"`
	Minor   bool   `json:"minor"`
}

func (p *Page) send(w http.ResponseWriter, r *http.Request) error {
	var f fingerprint
	if err := p.read(r, &f); err != nil {
		return err
	}
	if f.Quality < hashlist.LeastQuality || f.Quality > 100 {
		return fault.Fieldwise(fault.Field{Location: "quality", Message: "must be 50 to 100: of less, other pictures look the same"})
	}
	e := hashlist.Entry{
		Quality: f.Quality, Classification: Unverified, Source: Source,
		Note: "Sent by the person shown.",
	}
	hash, err := pdq.Parse(f.PDQ)
	if err != nil {
		return fault.Fieldwise(fault.Field{Location: "pdq", Message: "must be 64 hexadecimal digits"})
	}
	e.Hashes.PDQ = hash.String()
	if f.Minor {
		e.Classification = UnverifiedMinor
	}
	code := rand.Text()
	e.ID = idOf(code)
	applied, err := p.banks.Apply(r.Context(), p.bank, hashlist.Change{Upserts: []hashlist.Entry{e}, Once: true})
	if err != nil {
		return unavailable(err)
	}
	if len(applied.Refused) > 0 {
		return fault.Fieldwise(fault.Field{Location: "pdq", Message: applied.Refused[0].Reason})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(map[string]string{"code": code})
}

// withdraw takes back what was sent. Who has no code learns nothing from the
// answer: that there is no such entry is the same as that it is gone.
func (p *Page) withdraw(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Code string `json:"code"`
	}
	if err := p.read(r, &in); err != nil {
		return err
	}
	code := strings.ToUpper(strings.Map(letters, in.Code))
	if _, err := p.banks.Apply(r.Context(), p.bank, hashlist.Change{Removed: []string{idOf(code)}, Once: true}); err != nil {
		return unavailable(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// letters drops what people put between the groups of a code.
func letters(r rune) rune {
	if strings.ContainsRune(" -\t", r) {
		return -1
	}
	return r
}

// idOf is the entry that a code is of. Who sees the entry can't make the code.
func idOf(code string) string {
	sum := sha256.Sum256([]byte(code))
	return "own-" + hex.EncodeToString(sum[:12])
}

// read reads a small JSON object, if there is room for one more.
func (p *Page) read(r *http.Request, v any) error {
	if !p.rate.Allow() {
		err := fault.New(fault.TooMany, "Many people send something just now. Try again in a minute.")
		err.RetryAfter = time.Minute
		return err
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		return fault.New(fault.Malformed, "The body must be JSON.") // so no other site's form can send it
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fault.New(fault.TooLarge, "A fingerprint is smaller.")
	case err != nil:
		return fault.New(fault.Malformed, "The body broke off.")
	}
	if err := web.CheckJSON(body); err != nil {
		return fault.New(fault.Malformed, "The body must be JSON.")
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fault.New(fault.Invalid, "The body does not say what it must.")
	}
	return nil
}

func unavailable(err error) error {
	if db.IsUnavailable(err) || errors.Is(err, context.DeadlineExceeded) || fault.From(err).Kind == fault.NotFound {
		return fault.Busy(err, time.Minute, "It cannot be kept right now.")
	}
	return err
}
