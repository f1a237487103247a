package urgent

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/decision"
)

const (
	// patience bounds one page: a pager that is slow is one that does not answer.
	patience = 10 * time.Second
	// maxAnswer bounds what is read of its answer, which says nothing of interest.
	maxAnswer = 64 << 10
)

// Signature is the header that shows who sends a page: t=<Unix seconds>,
// v1=<HMAC-SHA256, in hex, of "<t>.<body>" under the shared secret>.
const Signature = "Breakwater-Signature"

// Pager is a webhook that wakes somebody.
type Pager struct {
	address string
	secret  []byte
	client  *http.Client
	now     func() time.Time
}

// minSecret is the fewest bytes of a shared secret.
const minSecret = 16

// NewPager is the webhook at an https address; plain http is for this machine
// only. It follows no redirect. Nothing is contacted yet.
func NewPager(address, secret string, now func() time.Time) (*Pager, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("urgent: the pager's address must be https://…") // not err: it repeats the address
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("urgent: the pager's address must hold no password and no fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("urgent: the pager's address must be https://…: http is for this machine only")
	case len(secret) < minSecret:
		return nil, fmt.Errorf("urgent: a pager needs a shared secret of at least %d characters", minSecret)
	}
	return &Pager{
		address: address, secret: []byte(secret), now: now,
		client: &http.Client{
			Timeout: patience,
			// Elsewhere is not where the operator wants pages to go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// message is what a pager is told: what to look up, and by when. No content,
// nobody's name.
type message struct {
	ID       string        `json:"id"`
	Decision string        `json:"decision"`
	Kind     decision.Kind `json:"kind,omitempty"`
	Priority int           `json:"priority"` // 1: it has just come; 0: it is overdue
	State    State         `json:"state"`
	Page     int           `json:"page"` // the first, second …
	Opened   time.Time     `json:"opened"`
	Due      time.Time     `json:"due"`
}

// send pages once. The error holds no address and nothing of the answer.
func (p *Pager) send(ctx context.Context, m *message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the pager's address is none")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Breakwater")
	request.Header.Set("Idempotency-Key", m.ID+"-"+strconv.Itoa(m.Page))
	request.Header.Set(Signature, p.sign(body))
	response, err := p.client.Do(request)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the pager answers %d", response.StatusCode)
	}
	return nil
}

func (p *Pager) sign(body []byte) string {
	t := strconv.FormatInt(p.now().Unix(), 10)
	mac := hmac.New(sha256.New, p.secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// unreachable says why there was no answer, without the address that
// net/http's errors repeat.
func unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return errors.New("the pager does not answer in time")
		}
		err = u.Err
	}
	return fmt.Errorf("the pager can't be reached: %w", err)
}

// Page is the job of paging for an entry, the first time, the second … It holds
// no personal data.
type Page struct {
	Entry string `json:"entry"`
	Level int    `json:"level"`
}

// Page tells the pager, and from the second page on whoever it escalates to as
// well, unless a person has acted since. An error has it tried again, later
// and later; what is sent twice has one Idempotency-Key.
func (l *Lane) Page(ctx context.Context, p Page) error {
	found, err := entries(ctx, l.opt.DB.Read, `id = $1`, p.Entry)
	if err != nil {
		return fmt.Errorf("urgent: page: %w", err)
	}
	if len(found) == 0 || !found[0].wants(p.Level) {
		return nil
	}
	e := &found[0]
	m := &message{ID: e.ID, Decision: e.Decision, Kind: e.Kind, Priority: 1, State: e.State, Page: p.Level, Opened: e.At, Due: e.Due}
	pagers := []*Pager{l.opt.Pager}
	if p.Level > 1 {
		m.Priority = 0
		pagers = append(pagers, l.opt.Escalation)
	}
	took, err := tell(ctx, pagers, m)
	l.opt.Metrics.page(took, err)
	if took > 0 {
		err = errors.Join(err, l.paged(ctx, e.ID))
	}
	if err != nil {
		return fmt.Errorf("urgent: page: %w", err)
	}
	if took == 0 {
		l.opt.Log.Error("an urgent decision waits, and nobody can be paged: set urgent.pager", slog.String("urgent", e.ID), slog.String("decision", e.Decision))
	}
	return nil
}

// tell sends to all pagers that there are, whatever becomes of one of them.
func tell(ctx context.Context, pagers []*Pager, m *message) (took int, err error) {
	var faults []error
	for _, p := range pagers {
		if p == nil {
			continue
		}
		if err := p.send(ctx, m); err != nil {
			faults = append(faults, err)
			continue
		}
		took++
	}
	return took, errors.Join(faults...)
}

// wants reports whether the entry is still to be paged for at that level: not
// once somebody has acted, nor once a later page is due.
func (e *Entry) wants(level int) bool {
	return e.Level == level && (e.State == Open || e.State == Acknowledged && level > 1 && e.Next.After(e.Due))
}
