// Package hma answers as Hasher-Matcher-Actioner does, over the same banks as
// the rest of the program, so that its clients work unchanged:
// https://facebook.github.io/ThreatExchange/hma/api.html.
//
// Banks have the names that hashlist.Key gives them, and content is known by
// the number of its entry. What HMA has a server's configuration for, and what
// would have this server fetch an address, is not there; docs/matching.md
// lists the differences.
package hma

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/keys"
	"github.com/breakwater-project/breakwater/internal/web"
)

// API is HMA's routes.
type API struct {
	Lists     *hashlist.Lists
	Hasher    *hashlist.Hasher
	FileBytes int64 // of an uploaded file
	Now       func() time.Time
}

const tag = "Hasher-Matcher-Actioner"

var (
	platform = []keys.Role{keys.Platform, keys.Compliance}
	curator  = []keys.Role{keys.Compliance}
)

// Routes registers them.
func (a *API) Routes(api *web.API) {
	for _, o := range a.operations() {
		op := web.Operation{
			Method: o.method, Path: o.path, ID: o.id, Tag: tag, Summary: o.summary, Roles: o.roles,
			Query: o.query, Accepts: []string{"*/*"}, Status: o.status, BodyLimit: a.FileBytes + maxForm,
		}
		handle := func(ctx context.Context, r web.Request) (web.Answer, error) { return answer(o.handle(ctx, r)) }
		if o.method == http.MethodPost || o.method == http.MethodPut {
			web.Raw[anything, anything](api, op, handle)
		} else {
			web.Raw[web.None, anything](api, op, handle)
		}
	}
	web.Handle(api, web.Operation{
		Method: "GET", Path: "/status", ID: "hma-status", Tag: tag, Roles: platform, Answers: "text/plain", Summary: "Is the index ready?",
	}, a.status)
}

// anything is a body of HMA's, which its own documentation describes.
type anything map[string]any

// operation is one of HMA's calls. Its answer is encoded as it is.
type operation struct {
	method, path, id, summary string
	roles                     []keys.Role
	status                    int
	query                     []web.Param
	handle                    func(context.Context, web.Request) (any, error)
}

func (a *API) operations() []operation {
	signal := []web.Param{{Name: "signal_type", Doc: "pdq, video_md5, video_sha256, vpdq or url"}, {Name: "signal", Doc: "The hash"}}
	choice := []web.Param{
		{Name: "banks", Doc: "Names, with commas"}, {Name: "seed", Doc: "Of the coinflip"}, {Name: "bypass_coinflip", Doc: "true: as if every bank were on"},
	}
	types := []web.Param{{Name: "types", Doc: "Signal types, with commas"}}
	one := []web.Param{{Name: "signal_type", Doc: "Only this"}}
	return []operation{
		{"GET", "/site-map", "hma-site-map", "Every path that there is", platform, 0, nil, a.siteMap},
		{"GET", "/h/hash", "hma-hash-url", "Hash what is at an address: not done here", platform, 0, []web.Param{{Name: "url", Doc: "The address"}}, a.hashURL},
		{"POST", "/h/hash", "hma-hash", "Hash a file, in a form field called photo or video", platform, 0, types, a.hashFile},
		{"GET", "/m/raw_lookup", "hma-raw-lookup", "Content near a hash, also what is disabled", platform, 0, append(signal, web.Param{Name: "banks", Doc: "Names, with commas"}, web.Param{Name: "include_distance", Doc: "true"}), a.rawLookup},
		{"GET", "/m/lookup", "hma-lookup", "Banks that have something near a hash", platform, 0, append(signal, choice...), a.lookup},
		{"POST", "/m/lookup", "hma-lookup-file", "Banks that have something near a file", platform, 0, append(types, choice...), a.lookupFile},
		{"POST", "/m/compare", "hma-compare", "How far two hashes are apart", platform, 0, nil, a.compare},
		{"GET", "/m/index/status", "hma-index-status", "How large the indexes are", platform, 0, one, a.indexStatus},

		{"GET", "/c/banks", "hma-banks", "Every bank", platform, 0, nil, a.banks},
		{"POST", "/c/banks", "hma-create-bank", "Make a bank", curator, http.StatusCreated, nil, a.createBank},
		{"GET", "/c/bank/{name}", "hma-bank", "One bank", platform, 0, nil, a.bank},
		{"PUT", "/c/bank/{name}", "hma-update-bank", "Rename, enable or disable a bank", curator, 0, nil, a.updateBank},
		{"DELETE", "/c/bank/{name}", "hma-delete-bank", "Remove a bank", curator, 0, nil, a.deleteBank},
		{"POST", "/c/bank/{name}/content", "hma-add-content", "Hash a file and put it into a bank", curator, 0, types, a.addContent},
		{"POST", "/c/bank/{name}/signal", "hma-add-signal", "Put hashes into a bank", curator, 0, nil, a.addSignal},
		{"GET", "/c/bank/{name}/content/{id}", "hma-content", "One entry", curator, 0, append(one, web.Param{Name: "include_signals", Doc: "true"}), a.content},
		{"PUT", "/c/bank/{name}/content/{id}", "hma-update-content", "Disable an entry, or enable it", curator, 0, nil, a.updateContent},
		{"DELETE", "/c/bank/{name}/content/{id}", "hma-delete-content", "Remove an entry", curator, 0, nil, a.deleteContent},
		{"GET", "/c/signal_type", "hma-signal-types", "Kinds of hashes", platform, 0, nil, a.signalTypes},
		{"GET", "/c/signal_type/index", "hma-signal-type-index", "How large the indexes are, and the database", platform, 0, one, a.signalTypeIndex},
		{"GET", "/c/content_type", "hma-content-types", "Kinds of content", platform, 0, nil, a.contentTypes},
	}
}

// refused is an error as HMA gives it: a status and a message.
type refused struct {
	status  int
	message string
}

func (e *refused) Error() string { return e.message }

func bad(message string) error { return &refused{http.StatusBadRequest, message} }

// answer encodes what an operation gave, or what is wrong in HMA's form.
func answer(v any, err error) (web.Answer, error) {
	var f *fault.Error
	var r *refused
	switch {
	case errors.As(err, &r):
	case errors.Is(err, hashlist.ErrLoading):
		r = &refused{http.StatusServiceUnavailable, "index not yet ready"}
	case errors.As(err, &f) && f.Kind == fault.NotFound:
		r = &refused{http.StatusNotFound, f.Detail}
	case errors.As(err, &f) && f.Kind == fault.Invalid && len(f.Fields) > 0:
		r = &refused{http.StatusBadRequest, f.Fields[0].Location + ": " + f.Fields[0].Message}
	case err != nil:
		return web.Answer{}, err
	}
	status := 0
	if r != nil {
		status, v = r.status, map[string]string{"message": r.message}
	}
	body, err := json.Marshal(v)
	return web.Answer{Status: status, Body: body}, err
}

func (a *API) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := "I-AM-ALIVE"
	if !a.Lists.Loaded() {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = "INDEX-STALE"
	}
	_, _ = w.Write([]byte(text)) // fails if the caller has gone
}

func (a *API) siteMap(context.Context, web.Request) (any, error) {
	paths := []string{"/status"}
	for _, o := range a.operations() {
		path := strings.NewReplacer("{name}", "<bank_name>", "{id}", "<int:content_id>").Replace(o.path)
		if paths[len(paths)-1] != path {
			paths = append(paths, path)
		}
	}
	return sorted(paths), nil
}
