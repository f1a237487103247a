package threatexchange

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// opinion is what one member thinks of an indicator.
type opinion int8

const (
	undecided opinion = iota
	harmful
	harmless
)

// The answer, as far as it is read. Ids are strings, and were numbers once.
type (
	answer struct {
		Data   []json.RawMessage `json:"data"`
		Paging struct {
			Next string `json:"next"`
		} `json:"paging"`
	}
	item struct {
		ID          json.Number `json:"id"`
		Type        string      `json:"type"`
		Indicator   string      `json:"indicator"`
		Updated     json.Number `json:"last_updated"`
		Deleted     bool        `json:"should_delete"`
		Descriptors *struct {
			Data []descriptor `json:"data"`
		} `json:"descriptors"`
	}
	descriptor struct {
		ID    json.Number `json:"id"`
		Owner struct {
			ID json.Number `json:"id"`
		} `json:"owner"`
		Status    string `json:"status"`
		Reactions []struct {
			Key   string `json:"key"`
			Value string `json:"value"` // members, with commas
		} `json:"reactions"`
	}
)

// read reads one page. next is the query of the one after it, without the
// token that the API puts there; of its host and path nothing is used.
func read(r io.Reader) (states []exchange.State, next url.Values, skipped int, err error) {
	var a answer
	if err := exchange.JSON(r, &a); err != nil {
		return nil, nil, 0, err
	}
	if a.Data == nil {
		return nil, nil, 0, errors.New("it has no data")
	}
	if a.Paging.Next != "" {
		u, err := url.Parse(a.Paging.Next)
		if err != nil || u.RawQuery == "" {
			return nil, nil, 0, errors.New("the next page has no address")
		}
		next = u.Query()
		next.Del("access_token")
	}
	for _, raw := range a.Data {
		var i item
		if json.Unmarshal(raw, &i) != nil || i.ID == "" {
			skipped++
			continue
		}
		states = append(states, i.state())
	}
	return states, next, skipped, nil
}

// state is the indicator as a bank keeps it. One that nobody has an opinion on
// any more is deleted, also where nothing says so
// (github.com/facebook/ThreatExchange/issues/834); so is one that members call
// harmless, none of whom says otherwise.
func (i *item) state() exchange.State {
	at, _ := i.Updated.Int64() // without, it is taken for old
	s := exchange.State{Entry: hashlist.Entry{ID: i.ID.String()}, At: at}
	if i.Deleted || i.Descriptors == nil || len(i.Descriptors.Data) == 0 {
		s.Gone = true
		return s
	}
	kind := kindOf(i.Type)
	s.Unreadable = !exchange.Put(&s.Entry.Hashes, kind, i.Indicator) && kind != ""
	s.Entry.Note = notePrefix + i.Descriptors.Data[0].ID.String()
	yes, no := weigh(i.Descriptors.Data)
	switch {
	case no > 0 && yes == 0:
		s.Gone = true
	case no > 0:
		s.Entry.Classification = exchange.Disputed
	case yes == 0:
		s.Entry.Classification = exchange.Unverified
	}
	return s
}

// weigh counts the members who call it harmful and harmless: first by what
// each says itself, then by what it thinks of what others say.
func weigh(descriptors []descriptor) (yes, no int) {
	opinions := map[string]opinion{}
	for _, d := range descriptors {
		owner := d.Owner.ID.String()
		switch d.Status {
		case "MALICIOUS":
			opinions[owner] = harmful
		case "NON_MALICIOUS":
			opinions[owner] = harmless
		default:
			opinions[owner] = undecided
		}
	}
	for _, d := range descriptors {
		for _, r := range d.Reactions {
			react(opinions, r.Key, r.Value)
		}
	}
	for _, o := range opinions {
		switch o {
		case harmful:
			yes++
		case harmless:
			no++
		case undecided:
		}
	}
	return yes, no
}

func react(opinions map[string]opinion, reaction, members string) {
	var o opinion
	switch reaction {
	case "HELPFUL":
		o = harmful
	case "DISAGREE_WITH_TAGS":
		o = harmless
	default:
		return
	}
	for member := range strings.SplitSeq(members, ",") {
		if _, said := opinions[member]; !said {
			opinions[member] = o
		}
	}
}
