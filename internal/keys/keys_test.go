package keys_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/keys"
)

// clock is the time of a test.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time        { return c.at }
func (c *clock) pass(by time.Duration) { c.at = c.at.Add(by) }

func each(t *testing.T, f func(t *testing.T, d *db.DB, c *clock)) {
	dbtest.Each(t, []db.Source{keys.Migrations()}, func(t *testing.T, d *db.DB) { f(t, d, newClock()) })
}

func create(t *testing.T, r *keys.Ring, name string, roles ...keys.Role) (keys.Key, string) {
	t.Helper()
	k, credential, err := r.Create(t.Context(), name, roles)
	if err != nil {
		t.Fatal(err)
	}
	return k, credential
}

// known is who a credential is, "" if unknown.
func known(t *testing.T, r *keys.Ring, credential string) string {
	t.Helper()
	p, err := r.Verify(t.Context(), credential)
	if err != nil && !errors.Is(err, keys.ErrUnknown) {
		t.Fatal(err)
	}
	return p.ID
}

func TestCreateAndVerify(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		r := keys.New(d, c.now)
		k, credential := create(t, r, "shop", keys.Platform, keys.Analyst)
		if !regexp.MustCompile(`^bw_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$`).MatchString(credential) {
			t.Errorf("a credential of %d characters has another form", len(credential))
		}
		p, err := r.Verify(t.Context(), credential)
		if want := (keys.Principal{ID: k.ID, Name: "shop", Roles: []keys.Role{keys.Platform, keys.Analyst}}); err != nil || !cmp.Equal(p, want) {
			t.Errorf("principal %v, %v", p, err)
		}
		_, other := create(t, r, "other", keys.Reviewer)
		for name, wrong := range map[string]string{
			"nothing":            "",
			"the id alone":       "bw_" + k.ID,
			"another's secret":   "bw_" + k.ID + other[11:],
			"a character less":   credential[:len(credential)-1],
			"a character more":   credential + "0",
			"another last one":   credential[:len(credential)-1] + "-",
			"in another case":    strings.ToUpper(credential),
			"a very long one":    credential + strings.Repeat("x", 1000),
			"the configured one": "admin",
		} {
			if id := known(t, r, wrong); id != "" {
				t.Errorf("%s is taken for %s", name, id)
			}
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	r := keys.New(dbtest.Open(t, dbtest.SQLite(t), keys.Migrations()), newClock().now)
	for name, roles := range map[string][]keys.Role{
		"": {keys.Admin}, strings.Repeat("é", 101): {keys.Admin}, "a\nb": {keys.Admin}, "no role": nil,
	} {
		if _, _, err := r.Create(t.Context(), name, roles); err == nil {
			t.Errorf("%.10q with roles %v was made", name, roles)
		}
	}
}

// TestOnlyAHashIsStored looks at every byte on disk.
func TestOnlyAHashIsStored(t *testing.T) {
	path := dbtest.SQLite(t)
	d := dbtest.Open(t, path, keys.Migrations())
	r := keys.New(d, time.Now)
	_, credential := create(t, r, "findable name", keys.Platform)
	if _, err := r.Configure(t.Context(), "canary-canary-canary-canary"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte("findable name")) {
		t.Fatal("the wrong file was searched")
	}
	for _, secret := range []string{credential, credential[12:], "canary"} {
		if bytes.Contains(data, []byte(secret)) {
			t.Error("a secret is in the database")
		}
	}
}

func TestRevoke(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		here, there := keys.New(d, c.now), keys.New(d, c.now)
		k, credential := create(t, here, "shop", keys.Platform)
		if known(t, here, credential) != k.ID || known(t, there, credential) != k.ID {
			t.Fatal("unknown before it was revoked")
		}
		if err := here.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		if known(t, here, credential) != "" {
			t.Error("in force where it was revoked")
		}
		c.pass(2 * time.Second)
		if known(t, there, credential) != "" {
			t.Error("in force elsewhere, seconds later")
		}
		revoked := c.now()
		c.pass(time.Hour)
		if err := there.Revoke(t.Context(), k.ID); err != nil {
			t.Errorf("again: %v", err)
		}
		list, err := here.List(t.Context())
		if err != nil || len(list) != 1 || list[0].Revoked.After(revoked) || list[0].Revoked.IsZero() {
			t.Errorf("listed as %+v, %v", list, err)
		}
		if err := here.Revoke(t.Context(), "nobody"); !errors.Is(err, keys.ErrNotFound) {
			t.Errorf("of a key that never was: %v", err)
		}
	})
}

func TestANewKeyIsKnownElsewhere(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		here, there := keys.New(d, c.now), keys.New(d, c.now)
		known(t, there, "bw_nobodyxx_secret") // has read the keys
		k, credential := create(t, here, "shop", keys.Platform)
		c.pass(300 * time.Millisecond)
		if known(t, there, credential) != k.ID {
			t.Error("unknown a moment later")
		}
	})
}

func TestConfigure(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		r := keys.New(d, c.now)
		configure := func(key string) string {
			t.Helper()
			c.pass(time.Minute)
			made, err := r.Configure(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		const one, two = "the first long admin key", "bw_abcdefgh_the second one"

		made := configure("")
		p, err := r.Verify(t.Context(), made)
		if err != nil || !p.May(keys.Platform) || !p.Has(keys.Admin) {
			t.Fatalf("the key that was made is of %v, %v", p, err)
		}
		if again := configure(""); again != "" {
			t.Error("made again at the second start")
		}
		if configure(one) != "" || known(t, r, one) != "admin" || known(t, r, made) == "" {
			t.Error("the configured key is not in force beside the first")
		}
		if configure(two); known(t, r, two) != "admin" || known(t, r, one) != "" {
			t.Error("a changed key does not take the place of the last")
		}
		if configure(""); known(t, r, two) != "admin" {
			t.Error("gone when it is no longer configured")
		}
		if err := r.Revoke(t.Context(), "admin"); err != nil {
			t.Fatal(err)
		}
		if configure(two); known(t, r, two) != "" {
			t.Error("a restart brings a revoked key back")
		}
		if configure(one); known(t, r, one) != "admin" {
			t.Error("a new key after a revoked one is not in force")
		}
	})
}

func TestLastUsed(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		r := keys.New(d, c.now)
		_, used := create(t, r, "used", keys.Platform)
		create(t, r, "idle", keys.Platform)
		last := func() map[string]time.Time {
			list, err := r.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]time.Time{}
			for _, k := range list {
				got[k.Name] = k.LastUsed
			}
			return got
		}
		known(t, r, used)
		if !last()["used"].IsZero() {
			t.Error("written with the request")
		}
		want := c.now()
		for range 2 { // the second time there is nothing to write
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.pass(time.Minute)
		}
		if diff := cmp.Diff(map[string]time.Time{"used": want, "idle": {}}, last()); diff != "" {
			t.Errorf("last used (-want +got):\n%s", diff)
		}
	})
}

// TestTheDatabaseIsAway: keys that are known go on for a while, then nobody is
// let in on an old word.
func TestTheDatabaseIsAway(t *testing.T) {
	c := newClock()
	d := dbtest.Open(t, dbtest.SQLite(t), keys.Migrations())
	r := keys.New(d, c.now)
	k, credential := create(t, r, "shop", keys.Platform)
	known(t, r, credential)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, wait := range []time.Duration{0, 2 * time.Second, 27 * time.Second} {
		c.pass(wait)
		if known(t, r, credential) != k.ID {
			t.Errorf("unknown after %v more", wait)
		}
	}
	c.pass(2 * time.Second)
	if _, err := r.Verify(t.Context(), credential); err == nil || errors.Is(err, keys.ErrUnknown) {
		t.Errorf("after more than 30 seconds: %v", err)
	}
	c.pass(-time.Hour)
	if _, err := r.Verify(t.Context(), credential); err == nil {
		t.Error("a clock that was set back makes an old word new")
	}
}

func TestConcurrentUse(t *testing.T) {
	r := keys.New(dbtest.Open(t, dbtest.SQLite(t), keys.Migrations()), time.Now)
	k, credential := create(t, r, "shop", keys.Platform)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if p, err := r.Verify(t.Context(), credential); err != nil || p.ID != k.ID {
					t.Errorf("%v, %v", p, err)
				}
			}
			if err := r.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() { create(t, r, "other", keys.Analyst) })
	all.Wait()
}

func TestPrincipal(t *testing.T) {
	reviewer, admin := keys.Principal{Roles: []keys.Role{keys.Reviewer}}, keys.Principal{Roles: []keys.Role{keys.Admin}}
	if !reviewer.May(keys.Analyst, keys.Reviewer) || reviewer.May(keys.Platform) || reviewer.May() {
		t.Error("a reviewer may do other than a reviewer's")
	}
	if !admin.May(keys.Platform) || admin.Has(keys.Platform) {
		t.Error("an admin may stand in for all roles, and has none of them")
	}
	if _, ok := keys.From(context.Background()); ok {
		t.Error("nobody is somebody")
	}
	if p, ok := keys.From(keys.With(t.Context(), &reviewer)); !ok || !cmp.Equal(p, reviewer) {
		t.Errorf("the principal became %v", p)
	}
}

func TestParseRoles(t *testing.T) {
	if roles, err := keys.ParseRoles([]string{"platform", "admin", "platform"}); err != nil || !cmp.Equal(roles, []keys.Role{keys.Platform, keys.Admin}) {
		t.Errorf("%v, %v", roles, err)
	}
	for _, names := range [][]string{nil, {"root"}, {"Admin"}, {"platform,admin"}} {
		if _, err := keys.ParseRoles(names); err == nil {
			t.Errorf("%q are roles", names)
		}
	}
}

func TestSecrets(t *testing.T) {
	s := keys.Secrets{Dir: filepath.Join(t.TempDir(), "secrets")}
	get := func(name string) [32]byte {
		t.Helper()
		secret, err := s.Secret(name)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	content := get("content")
	if content == [32]byte{} || get("content") != content || get("other") == content {
		t.Error("a secret is empty, changes, or is the same under two names")
	}
	info, err := os.Stat(filepath.Join(s.Dir, "content"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}

	if err := os.Chmod(filepath.Join(s.Dir, "content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(s.Dir, "other"), 5); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"content", "other", "", "../other", "A", "a/b"} {
		if _, err := s.Secret(name); err == nil {
			t.Errorf("%q was given", name)
		}
	}
}

func TestSecretsMadeAtOnce(t *testing.T) {
	s := keys.Secrets{Dir: filepath.Join(t.TempDir(), "secrets")}
	made := make([][32]byte, 8)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			var err error
			if made[i], err = s.Secret("content"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, secret := range made {
		if secret != made[0] {
			t.Error("two processes have two secrets")
		}
	}
}

func TestVerifyAllocates(t *testing.T) {
	r := keys.New(dbtest.Open(t, dbtest.SQLite(t), keys.Migrations()), newClock().now)
	_, credential := create(t, r, "shop", keys.Platform)
	known(t, r, credential)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.Verify(t.Context(), credential); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	r := keys.New(dbtest.Open(b, dbtest.SQLite(b), keys.Migrations()), time.Now)
	_, credential, err := r.Create(b.Context(), "shop", []keys.Role{keys.Platform})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Verify(b.Context(), credential); err != nil {
			b.Fatal(err)
		}
	}
}
