package hma

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/web"
)

// most is how many matches an answer has.
const most = 1000

// match is content that is near, as HMA writes it.
type match struct {
	Content  int64  `json:"bank_content_id"`
	Distance string `json:"distance"`
}

func matchOf(m hashlist.Match) match { return match{m.Number, strconv.Itoa(m.Distance)} }

// required are the signal and its type, which GETs must have.
func required(q url.Values) (kind hashlist.Kind, signal string, err error) {
	for _, name := range []string{"signal", "signal_type"} {
		if !q.Has(name) {
			return "", "", bad(name + " is required")
		}
	}
	kind, err = kindOf(q.Get("signal_type"))
	return kind, q.Get("signal"), err
}

// boolean reads true, false, 1 or 0; absent is false.
func boolean(q url.Values, name string) (bool, error) {
	switch strings.ToLower(q.Get(name)) {
	case "true", "1":
		return true, nil
	case "", "false", "0":
		return false, nil
	}
	return false, bad("invalid boolean parameter - prefer true/false")
}

// only narrows a query to the banks that are named; false if none of them is
// there, in which case nothing matches.
func (a *API) only(q url.Values, to *hashlist.Query) bool {
	if q.Get("banks") == "" {
		return true
	}
	to.Banks = []string{}
	for name := range strings.SplitSeq(q.Get("banks"), ",") {
		if name = strings.TrimSpace(name); a.Lists.Has(name) {
			to.Banks = append(to.Banks, name)
		}
	}
	return len(to.Banks) > 0
}

// rawLookup has the numbers of everything that is near, whether it is enabled
// or not, and whatever takes it back.
func (a *API) rawLookup(ctx context.Context, r web.Request) (any, error) {
	q := r.Query()
	kind, signal, err := required(q)
	if err != nil {
		return nil, err
	}
	withDistance, err := boolean(q, "include_distance")
	if err != nil {
		return nil, err
	}
	query := hashlist.Query{Hashes: hashesOf(kind, signal), Everything: true, Disabled: true, Limit: most}
	matches := []any{}
	if !a.only(q, &query) {
		return map[string]any{"matches": matches}, nil
	}
	result, err := a.find(ctx, query)
	if err != nil {
		return nil, err
	}
	for _, s := range result.Suppressed {
		result.Matches = append(result.Matches, s.Match)
	}
	for _, m := range result.Matches {
		if withDistance {
			matches = append(matches, matchOf(m))
		} else {
			matches = append(matches, m.Number)
		}
	}
	return map[string]any{"matches": matches}, nil
}

func (a *API) find(ctx context.Context, q hashlist.Query) (hashlist.Result, error) {
	result, err := a.Lists.Match(ctx, q)
	if f := fault.From(err); err != nil && f.Kind == fault.Invalid && len(f.Fields) > 0 {
		return result, bad("invalid signal: " + f.Fields[0].Message)
	}
	return result, err
}

// byBank are matches by the name of their bank.
type byBank map[string][]match

func (a *API) lookup(ctx context.Context, r web.Request) (any, error) {
	q := r.Query()
	if q.Get("url") != "" && q.Get("signal") == "" {
		return nil, noFetching()
	}
	if q.Get("signal") == "" || q.Get("signal_type") == "" {
		return nil, bad("Either url or both signal and signal_type are required")
	}
	kind, signal, err := required(q)
	if err != nil {
		return nil, err
	}
	return a.look(ctx, q, kind, signal)
}

func (a *API) look(ctx context.Context, q url.Values, kind hashlist.Kind, signal string) (byBank, error) {
	bypass, err := boolean(q, "bypass_coinflip")
	if err != nil {
		return nil, err
	}
	found := byBank{}
	query := hashlist.Query{Hashes: hashesOf(kind, signal), Seed: q.Get("seed"), Everything: bypass, Limit: most}
	if !a.only(q, &query) {
		return found, nil
	}
	result, err := a.find(ctx, query)
	if err != nil {
		return nil, err
	}
	for _, m := range result.Matches {
		name := hashlist.Key(m.Bank)
		found[name] = append(found[name], matchOf(m))
	}
	return found, nil
}

// lookupFile hashes a file and looks it up. HMA refuses a picture whose
// quality is too low for a hash; here it matches nothing.
func (a *API) lookupFile(ctx context.Context, r web.Request) (any, error) {
	f, err := readForm(r)
	if err != nil {
		return nil, err
	}
	hashes, err := a.hash(ctx, r, f)
	if err != nil {
		return nil, err
	}
	all := map[string]byBank{}
	for name, value := range hashes {
		all[name] = byBank{}
		if value == "" {
			continue
		}
		kind, err := kindOf(name)
		if err != nil {
			return nil, err
		}
		if all[name], err = a.look(ctx, r.Query(), kind, value); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (a *API) indexStatus(ctx context.Context, r web.Request) (any, error) {
	newest, err := a.newest(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for _, s := range signals {
		if !asked(r, s.name) {
			continue
		}
		status := map[string]any{"present": false, "built_to": int64(-1), "size": 0}
		if size := a.Lists.Size(s.kind); a.Lists.Loaded() && size > 0 {
			status = map[string]any{"present": true, "built_to": newest, "size": size}
		}
		all[s.name] = status
	}
	return oneOrAll(r, all)
}

func (a *API) signalTypeIndex(ctx context.Context, r web.Request) (any, error) {
	newest, err := a.newest(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for _, s := range signals {
		if asked(r, s.name) {
			size := a.Lists.Size(s.kind)
			all[s.name] = map[string]any{
				"db_size": size, "index_size": size, "index_out_of_date": !a.Lists.Loaded(),
				"newest_db_item": newest, "index_built_to": newest,
			}
		}
	}
	return oneOrAll(r, all)
}

func asked(r web.Request, name string) bool {
	q := r.Query()
	return !q.Has("signal_type") || q.Get("signal_type") == name
}

func oneOrAll(r web.Request, all map[string]any) (any, error) {
	if len(all) == 0 {
		return nil, bad(fmt.Sprintf("No such signal type '%s'", shortened(r.Query().Get("signal_type"))))
	}
	return all, nil
}

// newest is when a bank last changed, in seconds since 1970; -1 is never.
func (a *API) newest(ctx context.Context) (int64, error) {
	banks, err := a.Lists.List(ctx)
	newest := int64(-1)
	for _, b := range banks {
		newest = max(newest, b.Updated.Unix())
	}
	return newest, err
}

func (a *API) signalTypes(context.Context, web.Request) (any, error) {
	all := make([]any, len(signals))
	for i, s := range signals {
		all[i] = map[string]any{"name": s.name, "enabled_ratio": 1.0}
	}
	return all, nil
}

func (a *API) contentTypes(context.Context, web.Request) (any, error) {
	return []map[string]any{{"name": "photo", "enabled": true}, {"name": "video", "enabled": true}}, nil
}
