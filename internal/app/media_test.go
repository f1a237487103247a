package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/draw"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/pdq"
	images "github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

// pattern is a picture of coloured boxes, another for each seed.
func pattern(seed uint64) image.Image {
	r := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for range 60 {
		x, y := r.IntN(320), r.IntN(240)
		box := image.Rect(x, y, x+10+r.IntN(120), y+10+r.IntN(90))
		c := color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
		draw.Draw(m, box, image.NewUniform(c), image.Point{}, draw.Src)
	}
	return m
}

func encoded(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// copyOf is the picture smaller and worse, as it comes back.
func copyOf(t *testing.T, m image.Image) []byte {
	t.Helper()
	small := image.NewRGBA(image.Rect(0, 0, 240, 180))
	draw.CatmullRom.Scale(small, small.Bounds(), m, m.Bounds(), draw.Src, nil)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, small, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// matching is a server whose detectors wait for a busy machine.
func matching(t *testing.T) *server {
	return start(t, func(c *config.Config) { c.Media.Deadline = c.Limits.RequestTimeout }, app.Options{})
}

func (s *server) bank(t *testing.T, name string, kind hashlist.BankKind, entries ...hashlist.Entry) {
	t.Helper()
	if _, err := s.Lists.Create(t.Context(), hashlist.Bank{Name: name, Kind: kind, Distance: 31, Ratio: 1}); err != nil {
		t.Fatal(err)
	}
	s.enter(t, name, entries...)
}

func (s *server) enter(t *testing.T, bank string, entries ...hashlist.Entry) {
	t.Helper()
	applied, err := s.Lists.Apply(t.Context(), bank, hashlist.Change{Upserts: entries})
	if err != nil || len(applied.Refused) > 0 {
		t.Fatalf("%v %+v", err, applied)
	}
}

func (s *server) pdq(t *testing.T, m image.Image) string {
	t.Helper()
	p, err := s.Hasher.Hash(t.Context(), encoded(t, m))
	if err != nil || p.Quality < hashlist.LeastQuality {
		t.Fatalf("%v, quality %d", err, p.Quality)
	}
	return p.Hashes.PDQ
}

// upload is the decision on an event with a picture or a link, published.
func (s *server) upload(t *testing.T, id, content string) decision.Decision {
	t.Helper()
	return s.send(t, id, content, "")
}

func (s *server) send(t *testing.T, id, content, more string) decision.Decision {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"type":"content.create","actor":{"id":"u-1","age":{"band":"18+","basis":"declared"},"country":"NZ"},
		"audience":{"scope":"public"},"content":{"id":%q,%s}%s}`, id, id, content, more)
	a := s.call(t, request{method: "POST", path: "/v1/decisions", key: s.AdminKey, body: body})
	var d decision.Decision
	if err := json.Unmarshal(a.body, &d); err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return d
}

func picture(data []byte) string {
	return fmt.Sprintf(`"media":[{"kind":"image","data":%q}]`, base64.StdEncoding.EncodeToString(data))
}

func rules(d decision.Decision) (ids []string) {
	for _, r := range d.Reasons {
		ids = append(ids, r.Rule)
	}
	return ids
}

// A known video that comes back compressed again is stopped by its frames. What
// nobody can look at is said, not passed over.
func TestKnownVideos(t *testing.T) {
	if err := new(vpdq.FFmpeg).Installed(); err != nil {
		t.Skip(err)
	}
	film := func(name string, arguments ...string) []byte {
		path := filepath.Join(t.TempDir(), name)
		all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=4", "-c:v", "mpeg4"}, arguments...)
		if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(all, path)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	known, again := film("known.mp4", "-q:v", "2"), film("again.mp4", "-q:v", "9", "-vf", "scale=280:210")
	video := fmt.Sprintf(`"media":[{"kind":"video","data":%q}]`, base64.StdEncoding.EncodeToString(again))
	for _, ffmpeg := range []string{"", "off"} {
		s := start(t, func(c *config.Config) { c.Media.Deadline, c.Matching.FFmpeg = c.Limits.RequestTimeout, ffmpeg }, app.Options{})
		p, err := hashlist.NewHasher(images.Limits{}, new(vpdq.FFmpeg)).Hash(t.Context(), known)
		if err != nil || p.Hashes.VPDQ == "" {
			t.Fatalf("%+v, %v", p, err)
		}
		s.bank(t, "hotline", hashlist.CSAM, hashlist.Entry{ID: "42-v", Hashes: hashlist.Hashes{VPDQ: p.Hashes.VPDQ}})
		var names []string
		d := s.upload(t, "v-1", video)
		for _, signal := range d.Signals {
			names = append(names, signal.Name)
		}
		if want := map[string]string{"": "media.csam", "off": "media.unreadable"}[ffmpeg]; !slices.Contains(names, want) {
			t.Errorf("ffmpeg %q: no %s in %v", ffmpeg, want, names)
		}
		if blocked := d.Outcome == decision.Block; blocked != (ffmpeg == "") {
			t.Errorf("ffmpeg %q: %s by %v", ffmpeg, d.Outcome, rules(d))
		}
	}
}

// A known picture that comes back smaller is stopped, and the journal says
// which entry of which bank it matched.
func TestKnownPictures(t *testing.T) {
	s := matching(t)
	abuse, other := pattern(1), pattern(2)
	s.bank(t, "hotline", hashlist.CSAM, hashlist.Entry{ID: "42-a", Hashes: hashlist.Hashes{PDQ: s.pdq(t, abuse)}, Quality: 100})
	d := s.upload(t, "m-1", picture(copyOf(t, abuse)))
	if d.Outcome != decision.Block || !slices.Contains(rules(d), "known.csam-image") {
		t.Errorf("%s by %v", d.Outcome, rules(d))
	}
	kept := s.call(t, request{method: "GET", path: "/v1/decisions/" + d.ID, key: s.AdminKey})
	var again decision.Decision
	if err := json.Unmarshal(kept.body, &again); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(again.Signals, func(s decision.Signal) bool { return s.Name == "media.csam" })
	if i < 0 || len(again.Signals[i].Matches) != 1 {
		t.Fatalf("signals %+v", again.Signals)
	}
	m := again.Signals[i].Matches[0]
	if m.Bank != "hotline" || m.Entry != "42-a" || m.Hash != "pdq" || m.Distance > 31 || m.Place != "content.media[0]" || m.Review {
		t.Errorf("match %+v", m)
	}
	for _, kind := range []decision.EffectKind{decision.Preserve, decision.Report, decision.Review} {
		if !slices.ContainsFunc(d.Effects, func(e decision.Effect) bool { return e.Kind == kind }) {
			t.Errorf("no effect %s", kind)
		}
	}
	if d := s.upload(t, "m-2", picture(encoded(t, other))); d.Outcome != decision.Allow || len(d.Degraded) > 0 {
		t.Errorf("another picture: %s, degraded %v", d.Outcome, d.Degraded)
	}
}

func TestWhatBanksMean(t *testing.T) {
	s := matching(t)
	seeds := map[string]uint64{"intimate": 11, "unverified": 12, "minor": 13, "terrorism": 14, "listed": 15, "harmless": 16, "quarantined": 17}
	hash := func(name string) hashlist.Hashes { return hashlist.Hashes{PDQ: s.pdq(t, pattern(seeds[name]))} }
	s.bank(t, "abuse", hashlist.CSAM, hashlist.Entry{ID: "h", Hashes: hash("harmless")}, hashlist.Entry{ID: "q", Hashes: hash("quarantined")},
		hashlist.Entry{ID: "url", Hashes: hashlist.Hashes{URL: "http://listed.example/page"}})
	s.bank(t, "ncii", hashlist.IIA, hashlist.Entry{ID: "i", Hashes: hash("intimate")},
		hashlist.Entry{ID: "u", Hashes: hash("unverified"), Classification: exchange.Unverified},
		hashlist.Entry{ID: "m", Hashes: hash("minor"), Classification: "Minor"})
	s.bank(t, "terror", hashlist.Terrorism, hashlist.Entry{ID: "t", Hashes: hash("terrorism")})
	s.bank(t, "ours", hashlist.Other, hashlist.Entry{ID: "o", Hashes: hash("listed")})
	s.bank(t, "fine", hashlist.Innocent, hashlist.Entry{ID: "f", Hashes: hash("harmless")})
	if _, err := s.Lists.Quarantine(t.Context(), "abuse", "q", true); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		outcome decision.Outcome
		rule    string
		signal  string
	}{
		"intimate":    {decision.Block, "known.intimate", "media.intimate"},
		"unverified":  {decision.Hold, "known.intimate-doubted", "media.intimate_review"},
		"minor":       {decision.Block, "known.csam-image", "media.csam"},
		"terrorism":   {decision.Block, "known.terrorism", "media.terrorism"},
		"listed":      {decision.Hold, "known.listed", "media.listed"},
		"harmless":    {decision.Allow, "", "media.innocent"},
		"quarantined": {decision.Hold, "known.csam-doubted", "media.csam_review"},
	} {
		d := s.upload(t, name, picture(encoded(t, pattern(seeds[name]))))
		if d.Outcome != want.outcome || want.rule != "" && !slices.Contains(rules(d), want.rule) ||
			!slices.ContainsFunc(d.Signals, func(s decision.Signal) bool { return s.Name == want.signal && s.Score == 1 }) {
			t.Errorf("%s: %s by %v, signals %v", name, d.Outcome, rules(d), d.Signals)
		}
	}
	for name, content := range map[string]string{
		"link":         `"links":["HTTPS://listed.example:443/page#top"]`,
		"link in text": `"text":"look at listed[.]example/page"`,
	} {
		if d := s.upload(t, name, content); d.Outcome != decision.Block || !slices.Contains(rules(d), "known.csam-link") {
			t.Errorf("%s: %s by %v", name, d.Outcome, rules(d))
		}
	}
	byHash := fmt.Sprintf(`"media":[{"kind":"image","pdq":%q}]`, hash("intimate").PDQ)
	if d := s.upload(t, "by hash", byHash); d.Outcome != decision.Block {
		t.Errorf("by the platform's hash: %s", d.Outcome)
	}
	for name, data := range map[string][]byte{"broken": []byte("\x89PNG\r\n\x1a\nnothing"), "no picture": []byte("words")} {
		d := s.upload(t, name, picture(data))
		if d.Outcome != decision.Allow || !slices.ContainsFunc(d.Signals, func(s decision.Signal) bool { return s.Name == "media.unreadable" }) {
			t.Errorf("%s: %s, signals %v", name, d.Outcome, d.Signals)
		}
	}
}

// Reviewers and logs learn of a match by bank and entry: of a hash, an address
// or a picture there is nothing in a decision.
func TestDecisionsHoldNoHash(t *testing.T) {
	s := matching(t)
	m := pattern(1)
	hash := s.pdq(t, m)
	s.bank(t, "abuse", hashlist.CSAM, hashlist.Entry{ID: "a", Hashes: hashlist.Hashes{PDQ: hash}})
	d := s.upload(t, "m-1", picture(encoded(t, m)))
	kept := s.call(t, request{method: "GET", path: "/v1/decisions/" + d.ID, key: s.AdminKey})
	if strings.Contains(string(kept.body), hash) {
		t.Error("the hash is in the decision")
	}
}

// Whoever fills the bank that anybody can add to hides nothing of another: not
// even where theirs are nearer.
func TestNoBankHidesAnother(t *testing.T) {
	s := matching(t)
	hash := s.pdq(t, pattern(31))
	near, err := pdq.Parse(hash)
	if err != nil {
		t.Fatal(err)
	}
	near[0] ^= 0xff // 8 bits
	s.bank(t, "hotline", hashlist.CSAM, hashlist.Entry{ID: "42-a", Hashes: hashlist.Hashes{PDQ: near.String()}})
	var flood []hashlist.Entry
	for n := range hashlist.DefaultLimit {
		flood = append(flood, hashlist.Entry{ID: fmt.Sprint("own-", n), Hashes: hashlist.Hashes{PDQ: hash}, Classification: "unverified"})
	}
	s.bank(t, "own-images", hashlist.IIA, flood...)
	d := s.upload(t, "m-1", picture(encoded(t, pattern(31))))
	if d.Outcome != decision.Block || !slices.Contains(rules(d), "known.csam-image") {
		t.Errorf("%s by %v", d.Outcome, rules(d))
	}
}

// What a person sends from their own device is held for a person to look at;
// if they may be under 18 in it, it goes the way of abuse material.
func TestOwnImages(t *testing.T) {
	s := start(t, func(c *config.Config) {
		c.Media.Deadline = c.Limits.RequestTimeout
		c.Media.OwnImageBank = "own-images"
	}, app.Options{})
	for _, tt := range []struct {
		seed  uint64
		minor string
		rule  string
	}{{21, "false", "known.intimate-doubted"}, {22, "true", "known.csam-doubted"}} {
		body := fmt.Sprintf(`{"pdq":%q,"quality":100,"minor":%s}`, s.pdq(t, pattern(tt.seed)), tt.minor)
		a := s.call(t, request{method: "POST", path: "/own-image/hashes", body: body})
		if a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		accuses := func(e decision.Effect) bool { return e.Kind == decision.Report || e.Kind == decision.Label }
		for _, attributes := range []string{"", `,"attributes":{"depicted_minor":true}`} {
			d := s.send(t, "m-"+tt.minor+attributes, picture(copyOf(t, pattern(tt.seed))), attributes)
			if d.Outcome != decision.Hold || !slices.Contains(rules(d), tt.rule) || slices.ContainsFunc(d.Effects, accuses) {
				t.Errorf("minor %s%s: %s by %v, effects %v", tt.minor, attributes, d.Outcome, rules(d), d.Effects)
			}
		}
		var code struct{ Code string }
		if err := json.Unmarshal(a.body, &code); err != nil {
			t.Fatal(err)
		}
		if a := s.call(t, request{method: "POST", path: "/own-image/withdraw", body: fmt.Sprintf(`{"code":%q}`, code.Code)}); a.status != 204 {
			t.Errorf("%d %s", a.status, a.body)
		}
		if d := s.upload(t, "n-"+tt.minor, picture(copyOf(t, pattern(tt.seed)))); d.Outcome != decision.Allow {
			t.Errorf("taken back: %s by %v", d.Outcome, rules(d))
		}
	}
}
