package hma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/web"
)

// bank is a bank as HMA writes it.
type bank struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"matching_enabled_ratio"`
}

func bankOf(b hashlist.Bank) bank { return bank{hashlist.Key(b.Name), b.Ratio} }

// bankName is what HMA takes for the name of a new bank.
var bankName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,254}$`)

func (a *API) banks(ctx context.Context, _ web.Request) (any, error) {
	banks, err := a.Lists.List(ctx)
	all := make([]bank, len(banks))
	for i, b := range banks {
		all[i] = bankOf(b)
	}
	return all, err
}

func (a *API) bank(ctx context.Context, r web.Request) (any, error) {
	b, err := a.named(ctx, r)
	return bankOf(b), err
}

// named is the bank in the path.
func (a *API) named(ctx context.Context, r web.Request) (hashlist.Bank, error) {
	b, err := a.Lists.Bank(ctx, r.Path("name"))
	if errors.Is(err, fault.NotFound) {
		err = &refused{http.StatusNotFound, fmt.Sprintf("bank '%s' not found", shortened(r.Path("name")))}
	}
	return b, err
}

// settings are what is said of a bank: all of it is optional where one is
// changed.
type settings struct {
	Name    *string `json:"name"`
	Ratio   any     `json:"enabled_ratio"` // a number, or one in a string
	Enabled any     `json:"enabled"`       // a boolean, or one in a string
}

// ratio is the share that is set, if one is.
func (s *settings) ratio() (*float64, error) {
	if s.Ratio != nil {
		text := fmt.Sprint(s.Ratio)
		ratio, err := strconv.ParseFloat(text, 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, bad("Invalid float: enabled_ratio must be 0 to 1")
		}
		return &ratio, nil
	}
	if s.Enabled != nil {
		switch fmt.Sprint(s.Enabled) {
		case "true", "True", "1":
			return new(1.0), nil
		case "false", "False", "0":
			return new(0.0), nil
		}
		return nil, bad("invalid boolean parameter - prefer true/false")
	}
	return nil, nil
}

func (a *API) createBank(ctx context.Context, r web.Request) (any, error) {
	var s settings
	if err := decode(r.Body, &s); err != nil {
		return nil, bad("the body must be a JSON object")
	}
	ratio, err := s.ratio()
	switch {
	case s.Name == nil:
		return nil, bad("name is required")
	case !bankName.MatchString(*s.Name):
		return nil, bad("Bank names must be UPPER_WITH_UNDER")
	case err != nil:
		return nil, err
	}
	b := hashlist.NewBank(*s.Name)
	if ratio != nil {
		b.Ratio = *ratio
	}
	b, err = a.Lists.Create(ctx, b)
	if errors.Is(err, fault.Conflict) {
		return nil, &refused{http.StatusForbidden, "Bank already exists"}
	}
	return bankOf(b), err
}

func (a *API) updateBank(ctx context.Context, r web.Request) (any, error) {
	var s settings
	if err := decode(r.Body, &s); err != nil {
		return nil, bad("the body must be a JSON object")
	}
	if s.Name != nil && !bankName.MatchString(*s.Name) {
		return nil, bad("Bank names must be UPPER_WITH_UNDER")
	}
	ratio, err := s.ratio()
	if err != nil {
		return nil, err
	}
	b, err := a.Lists.Update(ctx, r.Path("name"), func(to *hashlist.Bank) {
		if s.Name != nil {
			to.Name = *s.Name
		}
		if ratio != nil {
			to.Ratio = *ratio
		}
	})
	switch {
	case errors.Is(err, fault.NotFound):
		return nil, &refused{http.StatusNotFound, "Bank not found"}
	case errors.Is(err, fault.Conflict):
		return nil, &refused{http.StatusForbidden, "Bank name already exists"}
	}
	return bankOf(b), err
}

// deleteBank is content where there is no such bank.
func (a *API) deleteBank(ctx context.Context, r web.Request) (any, error) {
	err := a.Lists.Remove(ctx, r.Path("name"))
	if errors.Is(err, fault.NotFound) {
		err = nil
	}
	return map[string]string{"message": "Done"}, err
}

// added is content that is in a bank now.
type added struct {
	ID      int64             `json:"id"`
	Signals map[string]string `json:"signals"`
}

func (a *API) addContent(ctx context.Context, r web.Request) (any, error) {
	b, err := a.named(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.Query().Get("url") != "" {
		return nil, noFetching()
	}
	f, err := readForm(r)
	if err != nil {
		return nil, bad("Neither `url` nor multipart file upload was received")
	}
	hashes, err := a.hash(ctx, r, f)
	if err != nil {
		return nil, err
	}
	e := hashlist.Entry{Note: f.fields["note"]}
	if e.ID, err = contentID(f.fields["metadata"]); err != nil {
		return nil, err
	}
	return a.add(ctx, b, e, hashes)
}

// contentID is the content_id in metadata. Its other members are not kept: an
// address of what is banked should not be lying about.
func contentID(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var fields map[string]json.RawMessage
	if err := decode([]byte(text), &fields); err != nil {
		return "", bad("metadata should be a json object")
	}
	for name := range fields {
		if name != "content_id" && name != "content_uri" && name != "json" {
			return "", bad("metadata contains unexpected keys: " + shortened(name))
		}
	}
	var id string
	if raw, ok := fields["content_id"]; ok && json.Unmarshal(raw, &id) != nil {
		return "", bad("Invalid metadata: content_id must be a string")
	}
	return id, nil
}

func (a *API) addSignal(ctx context.Context, r web.Request) (any, error) {
	b, err := a.named(ctx, r)
	if err != nil {
		return nil, err
	}
	var hashes map[string]string
	if err := decode(r.Body, &hashes); err != nil {
		return nil, bad("the body must be a JSON object of strings")
	}
	e := hashlist.Entry{Note: hashes["note"]}
	delete(hashes, "note")
	return a.add(ctx, b, e, hashes)
}

// add puts hashes into a bank. The same hashes again are the same content.
func (a *API) add(ctx context.Context, b hashlist.Bank, e hashlist.Entry, hashes map[string]string) (any, error) {
	if len(hashes) == 0 {
		return nil, bad("No signals given")
	}
	for name, value := range hashes {
		kind, err := kindOf(name)
		if err != nil {
			return nil, bad("No such signal type " + shortened(name))
		}
		if _, err := a.Lists.NameOf(hashesOf(kind, value)); err != nil {
			return nil, bad(fmt.Sprintf("Invalid %s signal", name))
		}
		*place(&e.Hashes, kind) = value
	}
	id := e.ID
	if id == "" {
		var err error
		if id, err = a.Lists.NameOf(e.Hashes); err != nil {
			return nil, err
		}
	}
	applied, err := a.Lists.Apply(ctx, b.Name, hashlist.Change{Upserts: []hashlist.Entry{e}})
	if err != nil {
		return nil, err
	}
	for _, refusal := range applied.Refused {
		return nil, bad("Invalid content: " + refusal.Reason)
	}
	kept, err := a.Lists.Entry(ctx, b.Name, id)
	return added{kept.Number, hashes}, err
}

// Times until which content is disabled that mean something else, as HMA has
// them.
const (
	off = 0
	on  = 1
)

// content is one entry as HMA writes it.
type content struct {
	ID           int64               `json:"id"`
	DisableUntil int64               `json:"disable_until_ts"`
	Collab       map[string][]string `json:"collab_metadata"`
	URI          *string             `json:"original_media_uri"`
	Bank         bank                `json:"bank"`
	Signals      map[string]string   `json:"signals,omitzero"`
}

func contentOf(b hashlist.Bank, e hashlist.Entry) content {
	c := content{ID: e.Number, DisableUntil: on, Collab: map[string][]string{}, Bank: bankOf(b)}
	switch {
	case e.Verdict == hashlist.Denied, e.Until.Equal(hashlist.Forever):
		c.DisableUntil = off
	case !e.Until.IsZero():
		c.DisableUntil = e.Until.Unix()
	}
	if e.Source != "" {
		c.Collab[e.Source] = []string{e.ID}
	}
	return c
}

// entry is the content in the path, and its bank.
func (a *API) entry(ctx context.Context, r web.Request) (hashlist.Bank, hashlist.Entry, error) {
	b, err := a.named(ctx, r)
	if err != nil {
		return b, hashlist.Entry{}, err
	}
	missing := &refused{http.StatusNotFound, fmt.Sprintf("content '%s' not found", shortened(r.Path("id")))}
	number, err := strconv.ParseInt(r.Path("id"), 10, 64)
	if err != nil {
		return b, hashlist.Entry{}, missing
	}
	e, err := a.Lists.EntryByNumber(ctx, b.Name, number)
	if errors.Is(err, fault.NotFound) {
		err = missing
	}
	return b, e, err
}

func (a *API) content(ctx context.Context, r web.Request) (any, error) {
	b, e, err := a.entry(ctx, r)
	if err != nil {
		return nil, err
	}
	c := contentOf(b, e)
	q := r.Query()
	withSignals, err := boolean(q, "include_signals")
	if err != nil {
		return nil, err
	}
	if withSignals {
		c.Signals = signalsOf(e.Hashes)
	}
	if name := q.Get("signal_type"); name != "" {
		kind, err := kindOf(name)
		if err != nil {
			return nil, bad(fmt.Sprintf("No such signal type '%s'", shortened(name)))
		}
		c.Signals = map[string]string{}
		if value := *place(&e.Hashes, kind); value != "" {
			c.Signals[name] = value
		}
	}
	return c, nil
}

// fiveYears is how far ahead content may be disabled.
const fiveYears = 5 * 365 * 24 * time.Hour

func (a *API) updateContent(ctx context.Context, r web.Request) (any, error) {
	b, e, err := a.entry(ctx, r)
	if err != nil {
		return nil, err
	}
	var change struct {
		Until any `json:"disable_until_ts"` // a number, or one in a string
	}
	if err := decode(r.Body, &change); err != nil {
		return nil, bad("the body must be a JSON object")
	}
	if change.Until == nil {
		return contentOf(b, e), nil
	}
	seconds, err := whole(change.Until)
	switch {
	case err != nil:
		return nil, bad("Invalid int: disable_until_ts")
	case seconds < 0:
		return nil, bad("disable_until_ts must be a non-negative integer")
	case seconds > a.Now().Add(fiveYears).Unix():
		return nil, bad("disable_until_ts must be less than 5 years in the future")
	}
	until := time.Unix(seconds, 0)
	if seconds == off {
		until = hashlist.Forever
	}
	e, err = a.Lists.Disable(ctx, b.Name, e.ID, until)
	if err == nil && seconds == on && e.Verdict == hashlist.Denied {
		e, err = a.Lists.Judge(ctx, b.Name, e.ID, hashlist.Feedback{Note: "enabled by disable_until_ts"})
	}
	return contentOf(b, e), err
}

func whole(v any) (int64, error) {
	switch v := v.(type) {
	case float64:
		if v == float64(int64(v)) {
			return int64(v), nil
		}
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	return 0, errors.New("not a whole number")
}

func (a *API) deleteContent(ctx context.Context, r web.Request) (any, error) {
	b, e, err := a.entry(ctx, r)
	var r404 *refused
	if errors.As(err, &r404) && b.Name != "" {
		return map[string]int{"deleted": 0}, nil
	}
	if err != nil {
		return nil, err
	}
	applied, err := a.Lists.Apply(ctx, b.Name, hashlist.Change{Removed: []string{e.ID}})
	return map[string]int{"deleted": applied.Removed}, err
}
