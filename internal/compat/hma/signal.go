package hma

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/breakwater-project/breakwater/hamming"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/web"
)

// signals are the signal types by HMA's names, and whether they are enabled:
// all are.
var signals = []struct {
	name string
	kind hashlist.Kind
}{
	{"pdq", hashlist.PDQ}, {"url", hashlist.URL}, {"video_md5", hashlist.MD5}, {"video_sha256", hashlist.SHA256}, {"vpdq", hashlist.VPDQ},
}

// content types, and the signal types that are made of them.
var contents = map[string][]string{"photo": {"pdq"}, "video": {"video_md5"}}

func kindOf(name string) (hashlist.Kind, error) {
	for _, s := range signals {
		if s.name == name {
			return s.kind, nil
		}
	}
	return "", bad(fmt.Sprintf("No such SignalType '%s'", shortened(name)))
}

// shortened bounds what of a request is repeated.
func shortened(s string) string { return s[:min(len(s), 64)] }

func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

// hashesOf is one hash of a signal type.
func hashesOf(kind hashlist.Kind, value string) hashlist.Hashes {
	var h hashlist.Hashes
	*place(&h, kind) = strings.TrimSpace(value)
	return h
}

func place(h *hashlist.Hashes, kind hashlist.Kind) *string {
	return map[hashlist.Kind]*string{
		hashlist.PDQ: &h.PDQ, hashlist.URL: &h.URL, hashlist.MD5: &h.MD5, hashlist.SHA256: &h.SHA256, hashlist.VPDQ: &h.VPDQ,
	}[kind]
}

// signalsOf are hashes by signal type.
func signalsOf(h hashlist.Hashes) map[string]string {
	all := map[string]string{}
	for _, s := range signals {
		if value := *place(&h, s.kind); value != "" {
			all[s.name] = value
		}
	}
	return all
}

func (a *API) hashURL(_ context.Context, r web.Request) (any, error) {
	if !r.Query().Has("url") {
		return nil, bad("url is required")
	}
	return nil, noFetching()
}

// noFetching refuses addresses as HMA does where it has no hasher's role.
func noFetching() error {
	return &refused{http.StatusForbidden, "Hashing is disabled for addresses: send the file"}
}

func (a *API) hashFile(ctx context.Context, r web.Request) (any, error) {
	f, err := readForm(r)
	if err != nil {
		return nil, err
	}
	return a.hash(ctx, r, f)
}

// hash hashes the file of a form for the signal types that are asked for. A
// picture of low quality has an empty hash.
func (a *API) hash(ctx context.Context, r web.Request, f *form) (map[string]string, error) {
	wanted, err := wantedTypes(r, f.contentType)
	if err != nil {
		return nil, err
	}
	p, err := a.Hasher.Hash(ctx, f.file)
	if err != nil {
		return nil, err
	}
	if f.contentType == "photo" && p.Unhashed != "" {
		return nil, bad("The photo cannot be hashed: " + p.Unhashed)
	}
	if p.Quality < hashlist.LeastQuality {
		p.Hashes.PDQ = ""
	}
	hashes := map[string]string{}
	for _, name := range wanted {
		kind, err := kindOf(name)
		if err != nil {
			return nil, err
		}
		hashes[name] = *place(&p.Hashes, kind)
	}
	return hashes, nil
}

func wantedTypes(r web.Request, contentType string) ([]string, error) {
	there := contents[contentType]
	query := r.Query()
	if !query.Has("types") {
		return there, nil
	}
	var wanted []string
	for name := range strings.SplitSeq(query.Get("types"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(there, name) {
			return nil, bad(fmt.Sprintf("signal type '%s' doesn't exist or is disabled", shortened(name)))
		}
		wanted = append(wanted, name)
	}
	if wanted == nil {
		return nil, bad("empty signal type selection")
	}
	return wanted, nil
}

// compare says for each signal type whether two hashes match, and how far they
// are apart.
func (a *API) compare(_ context.Context, r web.Request) (any, error) {
	var pairs map[string]any
	if err := decode(r.Body, &pairs); err != nil {
		return nil, bad("Request input was not a dict")
	}
	results := map[string][]any{}
	for name, value := range pairs {
		pair, ok := value.([]any)
		if !ok {
			return nil, bad(fmt.Sprintf("Comparison hashes for %s was not a list", shortened(name)))
		}
		if len(pair) != 2 {
			return nil, bad("Comparison hash list length must be exactly 2")
		}
		kind, err := kindOf(name)
		if err != nil {
			return nil, err
		}
		left, ok1 := pair[0].(string)
		right, ok2 := pair[1].(string)
		if !ok1 || !ok2 {
			return nil, bad(fmt.Sprintf("Invalid %s hash", name))
		}
		if results[name], err = a.comparison(name, kind, left, right); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (a *API) comparison(name string, kind hashlist.Kind, left, right string) ([]any, error) {
	if kind == hashlist.VPDQ {
		return nil, bad("vpdq does not support hash comparison")
	}
	// A name is the same where the hashes are, however they are written.
	one, err1 := a.Lists.NameOf(hashesOf(kind, left))
	two, err2 := a.Lists.NameOf(hashesOf(kind, right))
	if err1 != nil || err2 != nil {
		return nil, bad(fmt.Sprintf("Invalid %s hash", name))
	}
	if kind != hashlist.PDQ {
		return []any{one == two, map[string]int{}}, nil
	}
	x, err1 := hamming.Parse(strings.TrimSpace(left))
	y, err2 := hamming.Parse(strings.TrimSpace(right))
	if err1 != nil || err2 != nil {
		return nil, bad(fmt.Sprintf("Invalid %s hash", name))
	}
	distance := x.Distance(y)
	return []any{distance <= hashlist.DefaultDistance, map[string]int{"distance": distance}}, nil
}
