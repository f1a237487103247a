package token

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/db"
)

// Source is another issuer whose tokens are accepted, and where its directory
// comes from.
type Source struct {
	Host     string // by which its tokens name it
	Location string // of a file, or an https address
}

// ParseSource reads "HOST=FILE" or "HOST=https://…".
func ParseSource(s string) (Source, error) {
	host, location, ok := strings.Cut(s, "=")
	if _, err := agetoken.NewChallenge(host, nil); !ok || err != nil || location == "" {
		return Source{}, errors.New("token: a trusted issuer is like age.example.org=FILE or age.example.org=https://…, its host and its directory")
	}
	src := Source{host, location}
	if u, err := url.Parse(location); src.remote() && (err != nil || u.Host == "" || u.Scheme == "http" && !isLoopback(u.Hostname())) {
		return Source{}, errors.New("token: a directory is fetched by https, or by http from this machine only")
	}
	return src, nil
}

func (s Source) remote() bool {
	return strings.HasPrefix(s.Location, "https://") || strings.HasPrefix(s.Location, "http://")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Trust is whose tokens are accepted: this issuer's own, and others'. It keeps
// every directory that it has seen, so that it can be shown that everybody was
// shown the same. It is safe for concurrent use.
type Trust struct {
	db   *db.DB
	keys *Keys
	opt  TrustOptions

	mu     sync.Mutex
	cached *issuers
	until  time.Time
}

// TrustOptions of trust. The zero value trusts nobody but the own keys.
type TrustOptions struct {
	Sources []Source
	Client  *http.Client     // with a timeout of 10 s, and no redirects, unless set
	Now     func() time.Time // time.Now unless set
	Log     *slog.Logger     // nowhere unless set
}

// issuers is who is trusted now.
type issuers struct {
	all   []issuer
	byKey map[agetoken.KeyID]int
}

// issuer is one of them, with the challenge of tokens that are kept for later.
type issuer struct {
	host      string
	challenge agetoken.Challenge
	verifier  *agetoken.Verifier
	keys      []agetoken.NamedKey
}

// NewTrust is over the tables that Migrations makes. It reads the directories
// that are files, which must be there and well-formed.
func NewTrust(ctx context.Context, d *db.DB, keys *Keys, o TrustOptions) (*Trust, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the address is the trust
		}
	}
	t := &Trust{db: d, keys: keys, opt: o}
	for _, s := range o.Sources {
		if s.remote() {
			continue
		}
		if err := t.update(ctx, s); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Update reads the directories again, and notes what has changed in them and
// in the own one; run it as a job, each hour. Where one can't be had, what it
// said last stays in force until its keys lapse, and the error says so.
func (t *Trust) Update(ctx context.Context) error {
	var errs []error
	for _, s := range t.opt.Sources {
		if err := t.update(ctx, s); err != nil {
			errs = append(errs, err)
		}
	}
	if t.keys.Host() != "" {
		own, err := t.keys.Directory(ctx)
		if err == nil {
			err = t.note(ctx, t.keys.Host(), own)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (t *Trust) update(ctx context.Context, s Source) error {
	body, err := t.fetch(ctx, s)
	if err == nil {
		var d agetoken.Directory
		if d, err = agetoken.ParseDirectory(body); err == nil {
			err = t.note(ctx, s.Host, d)
		}
	}
	if err != nil {
		return fmt.Errorf("token: directory of %s: %w", s.Host, err)
	}
	return nil
}

// maxDirectory bounds a directory, in bytes.
const maxDirectory = 1 << 20

func (t *Trust) fetch(ctx context.Context, s Source) ([]byte, error) {
	var from io.ReadCloser
	if s.remote() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Location, nil)
		if err != nil {
			return nil, err
		}
		resp, err := t.opt.Client.Do(req)
		if err != nil {
			return nil, err
		}
		if from = resp.Body; resp.StatusCode != http.StatusOK {
			return nil, errors.Join(errors.New("the answer is "+resp.Status), from.Close())
		}
	} else {
		file, err := os.Open(s.Location)
		if err != nil {
			return nil, err
		}
		from = file
	}
	body, err := io.ReadAll(io.LimitReader(from, maxDirectory+1))
	return body, errors.Join(err, from.Close())
}

// note keeps a directory, if it is another than the last one, and logs its
// digest for those who compare.
func (t *Trust) note(ctx context.Context, host string, d agetoken.Directory) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	now := seen{host: host, at: t.opt.Now().UnixMicro(), digest: digest[:], body: string(body)}
	var before seen
	err = t.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := t.db.Lock(ctx, tx, "token.directory:"+host); err != nil {
			return err
		}
		latest, err := readDirectories(ctx, tx)
		if err != nil {
			return err
		}
		if before = latest[host]; string(before.digest) == string(now.digest) {
			return nil
		}
		now.at = max(now.at, before.at+1)
		return writeDirectory(ctx, tx, &now)
	})
	if err != nil || string(before.digest) == string(now.digest) {
		return err
	}
	t.forget()
	t.opt.Log.InfoContext(ctx, "the directory of an issuer of age tokens is another than before",
		slog.String("issuer", host), slog.String("sha256", hex.EncodeToString(digest[:])), slog.Int("keys", len(d.Keys)))
	t.warn(ctx, host, &before, d)
	return nil
}

// warn says which names have another key than before: after a key was
// withdrawn, or because somebody is to be told apart.
func (t *Trust) warn(ctx context.Context, host string, before *seen, d agetoken.Directory) {
	old, err := agetoken.ParseDirectory([]byte(before.body))
	if err != nil {
		return // there was none
	}
	for _, k := range old.Keys {
		if now, ok := d.Named(k.Name); ok && now.Key.ID() != k.Key.ID() {
			t.opt.Log.WarnContext(ctx, "an issuer of age tokens shows another key under a name: ask it why",
				slog.String("issuer", host), slog.String("key", k.Name.String()),
				slog.String("before", k.Key.ID().String()), slog.String("now", now.Key.ID().String()))
		}
	}
}

func (t *Trust) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
}

// now is who is trusted now, as of some seconds ago.
func (t *Trust) now(ctx context.Context) (*issuers, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.opt.Now()
	if left := t.until.Sub(now); left > 0 && left <= fresh { // more is a clock that was set back
		return t.cached, nil
	}
	cached, err := t.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("token: trust: %w", err)
	}
	t.cached, t.until = cached, now.Add(fresh)
	return cached, nil
}

func (t *Trust) read(ctx context.Context) (*issuers, error) {
	latest, err := readDirectories(ctx, t.db.Read)
	if err != nil {
		return nil, err
	}
	list := &issuers{byKey: map[agetoken.KeyID]int{}}
	if host := t.keys.Host(); host != "" {
		own, err := t.keys.Public(ctx)
		if err == nil {
			err = list.add(host, own, t.opt.Now)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, s := range t.opt.Sources {
		stored, ok := latest[s.Host]
		if !ok {
			continue // never seen yet
		}
		d, err := agetoken.ParseDirectory([]byte(stored.body))
		if err == nil {
			err = list.add(s.Host, d.Keys, t.opt.Now)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// add trusts an issuer. A key without a name proves nothing and is left out;
// so is one that another issuer has already.
func (l *issuers) add(host string, keys []agetoken.NamedKey, now func() time.Time) error {
	keys = slices.DeleteFunc(slices.Clone(keys), func(k agetoken.NamedKey) bool {
		_, taken := l.byKey[k.Key.ID()]
		return taken || k.Name == agetoken.KeyName{}
	})
	challenge, err := agetoken.NewChallenge(host, nil)
	if err != nil {
		return err
	}
	verifier, err := agetoken.NewVerifier(challenge, keys...)
	if err != nil {
		return err
	}
	verifier.Now = now
	for id := range maps.Keys(verifier.Keys()) {
		l.byKey[id] = len(l.all)
	}
	l.all = append(l.all, issuer{host, challenge, verifier, keys})
	return nil
}
