package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect"
	"github.com/breakwater-project/breakwater/internal/detect/link"
	"github.com/breakwater-project/breakwater/internal/detect/media"
	"github.com/breakwater-project/breakwater/internal/detect/text"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/hashlist/ownimage"
)

// mediaDetectors look for what the banks know of media and links.
func (a *App) mediaDetectors(*text.Detector) []detect.Detector {
	var fetcher *media.Fetcher
	if hosts := a.cfg.Media.FetchHosts; len(hosts) > 0 {
		fetcher = media.NewFetcher(hosts, int64(a.cfg.Media.FetchBytes))
	}
	m := &matcher{lists: a.Lists, hasher: a.Hasher}
	finder := link.New(&link.Banks{}) // of hosts it need not know any
	links := func(ev *event.Event) []string {
		if some, err := m.anyBanks(context.Background()); err == nil && !some {
			return nil // so they need not be found
		}
		return finder.Links(ev)
	}
	return []detect.Detector{media.New(m, fetcher), media.NewLinks(m, links)}
}

// addOwnImage adds the page on which people keep pictures of themselves from
// being shared, and makes its bank if it is not there.
func (a *App) addOwnImage(ctx context.Context) error {
	bank := a.cfg.Media.OwnImageBank
	if bank == "" {
		return nil
	}
	b := hashlist.NewBank(bank)
	b.Kind, b.Source = hashlist.IIA, ownimage.Source
	if _, err := a.Lists.Create(ctx, b); err != nil && fault.From(err).Kind != fault.Conflict {
		return fmt.Errorf("media.own_image_bank: %w", err)
	}
	page, err := ownimage.New(a.Lists.Banks, bank)
	if err != nil {
		return err
	}
	page.Routes(a.api)
	return nil
}

// matcher lets the media detector look into the banks.
type matcher struct {
	lists  *hashlist.Lists
	hasher *hashlist.Hasher

	mu     sync.Mutex
	any    bool      // there are banks
	looked time.Time // when that was found out
}

// stale is how long it is remembered that there are no banks.
const stale = time.Second

// Match implements media.Matcher.
func (m *matcher) Match(ctx context.Context, item media.Item) (media.Known, error) {
	if some, err := m.anyBanks(ctx); err != nil || !some {
		return media.Known{}, err // nothing is known, so a picture need not be decoded
	}
	if item.Link != "" {
		return m.link(ctx, item.Link)
	}
	var known media.Known
	q := hashlist.Query{Hashes: hashlist.Hashes{SHA256: item.SHA256, PDQ: item.PDQ}}
	if len(item.Data) > 0 {
		p, err := m.hasher.Hash(ctx, item.Data)
		if err != nil {
			return media.Known{}, err
		}
		q = p.Query(true)
		known.Unreadable = (p.Unhashed != "" || p.Partial) && p.Visual()
		known.LowQuality = p.Unhashed == "" && p.Quality < hashlist.LeastQuality
		if p.Unhashed != "" {
			q.PDQ = item.PDQ // the platform may have read what we can't
		}
	}
	return known, m.look(ctx, q, &known)
}

// link looks for an address as it is, and under the other of http and https.
func (m *matcher) link(ctx context.Context, address string) (known media.Known, err error) {
	forms := []string{address}
	if rest, ok := strings.CutPrefix(address, "https://"); ok {
		forms = append(forms, "http://"+rest)
	} else if rest, ok := strings.CutPrefix(address, "http://"); ok {
		forms = append(forms, "https://"+rest)
	}
	for _, form := range forms {
		if err := m.look(ctx, hashlist.Query{Hashes: hashlist.Hashes{URL: form}}, &known); err != nil {
			return media.Known{}, err
		}
	}
	return known, nil
}

func (m *matcher) look(ctx context.Context, q hashlist.Query, known *media.Known) error {
	found, err := m.lists.Match(ctx, q)
	if err != nil {
		return err
	}
	for i := range found.Matches {
		if match, ok := matchOf(&found.Matches[i]); ok {
			known.Matches = append(known.Matches, match)
		}
	}
	known.Innocent = known.Innocent || len(found.Suppressed) > 0
	return nil
}

// minorClassification is that of intimate images whose subject is, or may be,
// under 18: they are abuse material, wherever they are listed (R43).
const minorClassification = "minor"

// matchOf is a match as rules see it. A match is for review if its entry is in
// quarantine, or if nobody who shares the list vouches for it.
func matchOf(m *hashlist.Match) (media.Match, bool) {
	class := strings.ToLower(m.Classification)
	doubted := slices.Contains([]string{exchange.Unverified, exchange.Disputed, ownimage.Unverified, ownimage.UnverifiedMinor}, class)
	out := media.Match{Match: decision.Match{
		Bank: m.Bank, Entry: m.Entry, Hash: string(m.Kind), Distance: m.Distance,
		Review: m.Review || doubted && !m.Confirmed,
	}}
	switch m.BankKind {
	case hashlist.CSAM:
		out.Topic = media.CSAM
	case hashlist.IIA:
		out.Topic = media.Intimate
		if class == minorClassification || class == ownimage.UnverifiedMinor {
			out.Topic = media.CSAM
		}
	case hashlist.Terrorism:
		out.Topic = media.Terrorism
	case hashlist.Other:
		out.Topic = media.Listed
	case hashlist.Innocent: // takes back others, and is none itself
		return out, false
	default:
		return out, false
	}
	return out, true
}

// anyBanks reports whether there is a bank at all.
func (m *matcher) anyBanks(ctx context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.any || time.Since(m.looked) < stale {
		return m.any, nil
	}
	banks, err := m.lists.List(ctx)
	if err != nil {
		return false, err
	}
	m.any, m.looked = len(banks) > 0, time.Now()
	return m.any, nil
}
