package ncmec

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

// result is one page of entries.
type result struct {
	states  []exchange.State
	skipped int    // entries that name no id or member
	next    string // path and query of the next page; "" if there is none
}

// left estimates how many entries the window has, this page included, from
// what the address of the next page says.
func (r *result) left() int {
	n := len(r.states)
	u, err := url.Parse(r.next)
	if r.next == "" || err != nil {
		return n
	}
	start, err1 := strconv.Atoi(u.Query().Get("start"))
	last, err2 := strconv.Atoi(u.Query().Get("max"))
	if err1 != nil || err2 != nil || last < start {
		return n
	}
	return n + min(last-start+1, 1<<40)
}

// The document, as far as it is read.
type (
	document struct {
		XMLName xml.Name `xml:"queryResult"`
		Images  group    `xml:"images"`
		Videos  group    `xml:"videos"`
		Next    string   `xml:"paging>next"`
	}
	group struct {
		Items []item `xml:",any"`
	}
	item struct {
		XMLName        xml.Name
		Member         member `xml:"member"`
		Timestamp      string `xml:"timestamp"`
		ID             string `xml:"id"`
		Classification string `xml:"classification"`
		Fingerprints   struct {
			All []fingerprint `xml:",any"`
		} `xml:"fingerprints"`
		Feedback struct {
			For     []vote `xml:"affirmativeFeedback"`
			Against []vote `xml:"negativeFeedback"`
		} `xml:"feedback"`
	}
	member struct {
		ID string `xml:"id,attr"`
	}
	fingerprint struct {
		XMLName xml.Name
		Value   string `xml:",chardata"`
	}
	vote struct {
		Type    string   `xml:"type,attr"`
		Members []member `xml:"members>member"`
		Reasons []member `xml:"reasons>members>member"`
	}
	reason struct {
		GUID string `xml:"guid,attr"`
		Name string `xml:"name,attr"`
	}
)

// read reads one page of entries. What it can't make out of a single entry
// does not keep the others from being read.
func read(r io.Reader) (result, error) {
	var doc document
	d := xml.NewDecoder(r)
	if err := d.Decode(&doc); err != nil {
		return result{}, malformed(err)
	}
	if err := whole(d); err != nil {
		return result{}, malformed(err)
	}
	next := strings.TrimSpace(doc.Next)
	if next != "" && !strings.HasPrefix(next, "/v2/entries?") {
		return result{}, errors.New("the next page is not among the entries")
	}
	out := result{next: next}
	for _, g := range []group{doc.Images, doc.Videos} {
		for i := range g.Items {
			if state, ok := g.Items[i].state(); ok {
				out.states = append(out.states, state)
			} else {
				out.skipped++
			}
		}
	}
	return out, nil
}

// malformed keeps the XML package's word for what is wrong, and what it quotes
// of the document out of logs.
func malformed(err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return errors.New("it is not well-formed XML, or cut off, at line " + strconv.Itoa(syntax.Line))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return errors.New("it is not the XML that was asked for")
}

// state is the entry as a bank keeps it: ids are a member's own. Which of its
// hashes can't be compared here, it goes without.
func (i *item) state() (exchange.State, bool) {
	kind, gone := strings.CutPrefix(strings.ToLower(i.XMLName.Local), "deleted")
	member, id := strings.TrimSpace(i.Member.ID), strings.TrimSpace(i.ID)
	if kind != "image" && kind != "video" || member == "" || id == "" || strings.Contains(member, "-") {
		return exchange.State{}, false
	}
	at, _ := time.Parse(time.RFC3339, strings.TrimSpace(i.Timestamp)) // without, it is taken for old
	e := hashlist.Entry{ID: member + "-" + id, Classification: strings.TrimSpace(i.Classification)}
	unreadable := false
	for _, f := range i.Fingerprints.All {
		name := strings.ToLower(f.XMLName.Local)
		put := exchange.Put(&e.Hashes, hashlist.Kind(name), f.Value)
		if put && i.disputed(name) {
			e.Classification = exchange.Disputed
		}
		unreadable = unreadable || !put && (name == "pdq" || name == "md5" || name == "sha1")
	}
	return exchange.State{Entry: e, At: max(at.Unix(), 0), Gone: gone, Unreadable: unreadable}, true
}

// disputed says whether a member voted against a kind of hash, and none for it.
func (i *item) disputed(kind string) bool {
	voted := func(votes []vote) bool {
		return slices.ContainsFunc(votes, func(v vote) bool {
			return strings.EqualFold(v.Type, kind) && len(v.Members)+len(v.Reasons) > 0
		})
	}
	return voted(i.Feedback.Against) && !voted(i.Feedback.For)
}

// readReasons reads for what reasons a hash can be voted against.
func readReasons(r io.Reader) ([]reason, error) {
	var doc struct {
		Reasons []reason `xml:"reason"`
		Nested  []reason `xml:"availableFeedbackReasons>reason"`
	}
	d := xml.NewDecoder(r)
	if err := d.Decode(&doc); err != nil {
		return nil, malformed(err)
	}
	if err := whole(d); err != nil {
		return nil, malformed(err)
	}
	return append(doc.Reasons, doc.Nested...), nil
}
