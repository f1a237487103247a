package wallet

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/assurance/wallet/wallettest"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const (
	pid    = "urn:eudi:pid:1"
	origin = "https://age.example"
)

// scene is a question, an issuer that is trusted for it, and documents.
type scene struct {
	*Question
	issuer *wallettest.Issuer
	trust  Trust
}

func newScene(t testing.TB) *scene {
	t.Helper()
	key, err := DeriveKey([]byte("secret"), []byte("seed"), "test")
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{
		Question: &Question{
			Over: 18, Documents: []Document{AgeAttestation(), DrivingLicence(), Credential(pid)}, Key: key,
			Nonce:    "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
			ClientID: "x509_hash:abc", ResponseURI: origin + "/v1/age/openid4vp/1", Origin: origin,
		},
		issuer: wallettest.NewIssuer(t, noon),
	}
	s.trust = func(Document, time.Time) (Issuers, error) {
		return Issuers{Roots: []*x509.Certificate{s.issuer.Root}}, nil
	}
	return s
}

// link is the request by a link as a wallet reads it, api that by the Digital
// Credentials API.
func (s *scene) link(t testing.TB) wallettest.Request { return read(t, s.LinkParameters()) }
func (s *scene) api(t testing.TB) wallettest.Request  { return read(t, s.APIParameters()) }

func read(t testing.TB, p Parameters) (r wallettest.Request) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *scene) av(t testing.TB, claims ...wallettest.Claim) *wallettest.MDoc {
	t.Helper()
	return wallettest.NewMDoc(t, s.issuer, avType, avType, noon, claims...)
}

func over18(value any) wallettest.Claim { return wallettest.Claim{Name: "age_over_18", Value: value} }

func TestHonestAnswers(t *testing.T) {
	s := newScene(t)
	plain := newScene(t)
	plain.issuer, plain.Key = s.issuer, nil
	av := s.av(t, over18(true))
	mdl := wallettest.NewMDoc(t, s.issuer, mdlType, mdlNames, noon, over18(true))
	vc := wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true})
	for name, answer := range map[string]func() (Finding, error){
		"av direct_post":      func() (Finding, error) { return plain.FromLink(av.ByLink(t, plain.link(t), "av"), s.trust, noon) },
		"av direct_post.jwt":  func() (Finding, error) { return s.FromLink(av.ByLink(t, s.link(t), "av"), s.trust, noon) },
		"mdl direct_post.jwt": func() (Finding, error) { return s.FromLink(mdl.ByLink(t, s.link(t), "mdl"), s.trust, noon) },
		"vc direct_post":      func() (Finding, error) { return plain.FromLink(vc.ByLink(t, plain.link(t), "vc", noon), s.trust, noon) },
		"vc direct_post.jwt":  func() (Finding, error) { return s.FromLink(vc.ByLink(t, s.link(t), "vc", noon), s.trust, noon) },
		"av dc_api": func() (Finding, error) {
			return plain.FromAPI(ProtocolOpenID4VP, av.ByAPI(t, plain.api(t), "av", origin), s.trust, noon)
		},
		"av dc_api.jwt": func() (Finding, error) {
			return s.FromAPI(ProtocolOpenID4VP, av.ByAPI(t, s.api(t), "av", origin), s.trust, noon)
		},
		"vc dc_api.jwt": func() (Finding, error) {
			return s.FromAPI(ProtocolOpenID4VP, vc.ByAPI(t, s.api(t), "vc", origin, noon), s.trust, noon)
		},
		"av org-iso-mdoc": func() (Finding, error) {
			return s.FromAPI(ProtocolISO, av.ByISO(t, s.ISORequest(AgeAttestation()).EncryptionInfo, origin), s.trust, noon)
		},
		"mdl org-iso-mdoc": func() (Finding, error) {
			return s.FromAPI(ProtocolISO, mdl.ByISO(t, s.ISORequest(DrivingLicence()).EncryptionInfo, origin), s.trust, noon)
		},
	} {
		t.Run(name, func(t *testing.T) {
			document, _, _ := strings.Cut(name, " ")
			if got, err := answer(); err != nil || got != (Finding{document, true}) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// The nearest age answers (ISO/IEC 18013-5 §7.2.5); what lies on the wrong
// side of it says nothing.
func TestNearestAge(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"age_over_18", true, "reached"},
		{"age_over_18", false, "not reached"},
		{"age_over_21", true, "reached"},
		{"age_over_16", false, "not reached"},
		{"age_over_21", false, "says_nothing"},
		{"age_over_16", true, "says_nothing"},
		{"age_over_18", 1, "says_nothing"},
		{"age_over_18", "true", "says_nothing"},
		{"age_over_18", nil, "says_nothing"},
		{"age_over_+18", true, "over_disclosed"},
		{"age_over_0x12", true, "over_disclosed"},
		{"age_in_years", 40, "over_disclosed"},
	} {
		s := newScene(t)
		f, err := s.FromLink(s.av(t, wallettest.Claim{Name: tt.name, Value: tt.value}).ByLink(t, s.link(t), "av"), s.trust, noon)
		got := map[bool]string{true: "reached", false: "not reached"}[f.Reached]
		if r, ok := errors.AsType[*Refusal](err); ok {
			got = string(r.Defect)
		}
		if got != tt.want {
			t.Errorf("%s %v: %s (%v), want %s", tt.name, tt.value, got, err, tt.want)
		}
	}
}

// defects are answers with one thing wrong each.
var defects = map[string]struct {
	want   Defect
	answer func(t *testing.T, s *scene) (Finding, error)
}{
	"wrong nonce": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		r := s.link(t)
		r.Nonce = "another"
		return s.FromLink(s.av(t, over18(true)).ByLink(t, r, "av"), s.trust, noon)
	}},
	"wrong client": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		r := s.link(t)
		r.ClientID = "x509_hash:another"
		return s.FromLink(s.av(t, over18(true)).ByLink(t, r, "av"), s.trust, noon)
	}},
	"wrong response_uri": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		r := s.link(t)
		r.ResponseURI = "https://elsewhere.example/"
		return s.FromLink(s.av(t, over18(true)).ByLink(t, r, "av"), s.trust, noon)
	}},
	"wrong origin": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		return s.FromAPI(ProtocolOpenID4VP, s.av(t, over18(true)).ByAPI(t, s.api(t), "av", "https://elsewhere.example"), s.trust, noon)
	}},
	"wrong origin, org-iso-mdoc": {Undecryptable, func(t *testing.T, s *scene) (Finding, error) {
		return s.FromAPI(ProtocolISO, s.av(t, over18(true)).ByISO(t, s.ISORequest(AgeAttestation()).EncryptionInfo, "https://elsewhere.example"), s.trust, noon)
	}},
	"an answer by a link, to the API": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		form := s.av(t, over18(true)).ByLink(t, s.link(t), "av")
		return s.FromAPI(ProtocolOpenID4VP, []byte(`{"response":"`+form.Get("response")+`"}`), s.trust, noon)
	}},
	"untrusted root": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		m := wallettest.NewMDoc(t, wallettest.NewIssuer(t, noon), avType, avType, noon, over18(true))
		return s.FromLink(m.ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"lapsed": {Expired, func(t *testing.T, s *scene) (Finding, error) {
		m := s.av(t, over18(true))
		m.Until = noon.Add(-time.Second)
		return s.FromLink(m.ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"lapsed and untrusted": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		m := wallettest.NewMDoc(t, wallettest.NewIssuer(t, noon), avType, avType, noon, over18(true))
		m.Until = noon.Add(-time.Second)
		return s.FromLink(m.ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"replayed: encrypted to another question's key": {Undecryptable, func(t *testing.T, s *scene) (Finding, error) {
		form := s.av(t, over18(true)).ByLink(t, s.link(t), "av")
		s.Key, _ = DeriveKey([]byte("secret"), []byte("another seed"), "test")
		return s.FromLink(form, s.trust, noon)
	}},
	"missing claim with a valid signature": {SaysNothing, func(t *testing.T, s *scene) (Finding, error) {
		return s.FromLink(s.av(t).ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"over-disclosed": {OverDisclosed, func(t *testing.T, s *scene) (Finding, error) {
		return s.FromLink(s.av(t, over18(true), wallettest.Claim{Name: "family_name", Value: "Doe"}).ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"over-disclosed: two ages": {OverDisclosed, func(t *testing.T, s *scene) (Finding, error) {
		return s.FromLink(s.av(t, over18(true), wallettest.Claim{Name: "age_over_21", Value: true}).ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"another namespace": {OverDisclosed, func(t *testing.T, s *scene) (Finding, error) {
		m := s.av(t, over18(true))
		m.Namespace = mdlNames
		return s.FromLink(m.ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"wrong algorithm": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		m := s.av(t, over18(true))
		m.Alg = -35
		return s.FromLink(m.ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"another document under its name": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		m := wallettest.NewMDoc(t, s.issuer, mdlType, mdlNames, noon, over18(true))
		return s.FromLink(m.ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"a document that was not asked for": {NotAsked, func(t *testing.T, s *scene) (Finding, error) {
		s.Documents = s.Documents[1:]
		return s.FromLink(s.av(t, over18(true)).ByLink(t, s.link(t), "av"), s.trust, noon)
	}},
	"a document that was not asked for, org-iso-mdoc": {NotAsked, func(t *testing.T, s *scene) (Finding, error) {
		s.Documents = s.Documents[1:]
		return s.FromAPI(ProtocolISO, s.av(t, over18(true)).ByISO(t, s.ISORequest(DrivingLicence()).EncryptionInfo, origin), s.trust, noon)
	}},
	"in the clear": {Malformed, func(t *testing.T, s *scene) (Finding, error) {
		r := s.link(t)
		r.ResponseMode = "direct_post"
		return s.FromLink(s.av(t, over18(true)).ByLink(t, r, "av"), s.trust, noon)
	}},
	"twice": {Malformed, func(t *testing.T, s *scene) (Finding, error) {
		form := s.av(t, over18(true)).ByLink(t, s.link(t), "av")
		form.Add("response", form.Get("response"))
		return s.FromLink(form, s.trust, noon)
	}},
	"two presentations": {NotAsked, func(t *testing.T, s *scene) (Finding, error) {
		s.Key = nil
		p := base64.RawURLEncoding.EncodeToString(s.av(t, over18(true)).Present(t, ptr(s.link(t)).LinkTranscript(t)))
		return s.FromLink(url.Values{"vp_token": {`{"av":["` + p + `","` + p + `"]}`}}, s.trust, noon)
	}},
	"duplicate key": {Malformed, func(t *testing.T, s *scene) (Finding, error) {
		s.Key = nil
		p := base64.RawURLEncoding.EncodeToString(s.av(t, over18(true)).Present(t, ptr(s.link(t)).LinkTranscript(t)))
		return s.FromLink(url.Values{"vp_token": {`{"av":["` + p + `"],"av":["` + p + `"]}`}}, s.trust, noon)
	}},
	"truncated": {Malformed, func(t *testing.T, s *scene) (Finding, error) {
		s.Key = nil
		token := s.av(t, over18(true)).ByLink(t, s.link(t), "av").Get("vp_token")
		return s.FromLink(url.Values{"vp_token": {token[:len(token)/2]}}, s.trust, noon)
	}},
	"truncated mdoc": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		response := s.av(t, over18(true)).Present(t, ptr(s.link(t)).LinkTranscript(t))
		return s.FromLink(ptr(s.link(t)).Form(t, "av", base64.RawURLEncoding.EncodeToString(response[:len(response)-1])), s.trust, noon)
	}},
	"declined": {Declined, func(_ *testing.T, s *scene) (Finding, error) {
		return s.FromLink(url.Values{"error": {"access_denied"}}, s.trust, noon)
	}},
	"nobody is trusted now": {NoTrust, func(t *testing.T, s *scene) (Finding, error) {
		stale := func(Document, time.Time) (Issuers, error) { return Issuers{}, errors.New("stale") }
		return s.FromLink(s.av(t, over18(true)).ByLink(t, s.link(t), "av"), stale, noon)
	}},
	"nobody is trusted at all": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		none := func(Document, time.Time) (Issuers, error) { return Issuers{}, nil }
		return s.FromLink(s.av(t, over18(true)).ByLink(t, s.link(t), "av"), none, noon)
	}},
	"sd-jwt for another nonce": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		r := s.link(t)
		r.Nonce = "another"
		return s.FromLink(wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true}).ByLink(t, r, "vc", noon), s.trust, noon)
	}},
	"sd-jwt for another audience": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		r := s.link(t)
		r.ClientID = "x509_hash:another"
		return s.FromLink(wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true}).ByLink(t, r, "vc", noon), s.trust, noon)
	}},
	"sd-jwt of long ago": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true})
		return s.FromLink(v.ByLink(t, s.link(t), "vc", noon.Add(-time.Hour)), s.trust, noon)
	}},
	"sd-jwt of an untrusted issuer": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, wallettest.NewIssuer(t, noon), pid, noon, map[string]any{"18": true})
		return s.FromLink(v.ByLink(t, s.link(t), "vc", noon), s.trust, noon)
	}},
	"sd-jwt of another type": {NotAsked, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, s.issuer, "urn:another", noon, map[string]any{"18": true})
		return s.FromLink(v.ByLink(t, s.link(t), "vc", noon), s.trust, noon)
	}},
	"sd-jwt over-disclosed": {OverDisclosed, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true})
		v.Also = map[string]any{"family_name": "Doe"}
		return s.FromLink(v.ByLink(t, s.link(t), "vc", noon), s.trust, noon)
	}},
	"sd-jwt with two ages": {OverDisclosed, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true, "21": true})
		return s.FromLink(v.ByLink(t, s.link(t), "vc", noon), s.trust, noon)
	}},
	"sd-jwt that says nothing": {SaysNothing, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, s.issuer, pid, noon, nil)
		return s.FromLink(v.ByLink(t, s.link(t), "vc", noon), s.trust, noon)
	}},
	"sd-jwt without a holder's proof": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true})
		p := v.Present(t, s.ClientID, s.Nonce, noon)
		return s.FromLink(ptr(s.link(t)).Form(t, "vc", p[:strings.LastIndex(p, "~")+1]), s.trust, noon)
	}},
	"sd-jwt lapsed": {Unproven, func(t *testing.T, s *scene) (Finding, error) {
		v := wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true})
		v.Until = noon.Add(-time.Hour)
		return s.FromLink(v.ByLink(t, s.link(t), "vc", noon), s.trust, noon)
	}},
	"an unknown protocol": {Malformed, func(_ *testing.T, s *scene) (Finding, error) {
		return s.FromAPI("preview", []byte(`{}`), s.trust, noon)
	}},
}

func ptr[T any](v T) *T { return &v }

func TestDefects(t *testing.T) {
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			f, err := d.answer(t, s)
			r, ok := errors.AsType[*Refusal](err)
			if !ok || r.Defect != d.want || f != (Finding{}) {
				t.Fatalf("%+v, %v, want %s", f, err, d.want)
			}
			if strings.Contains(err.Error(), "Doe") {
				t.Errorf("the refusal repeats what was disclosed: %v", err)
			}
		})
	}
}

// Every bit of a response, and every character of a credential, flipped: it is
// refused, and never proves an age.
func TestFlippedBits(t *testing.T) {
	s := newScene(t)
	transcript := ptr(s.link(t)).LinkTranscript(t)
	response := s.av(t, over18(false)).Present(t, transcript)
	for i := 0; i < len(response)*8; i += 5 {
		flipped := slices.Clone(response)
		flipped[i/8] ^= 1 << (i % 8)
		if f, _ := s.mdoc(AgeAttestation(), flipped, transcript, s.trust, noon); f.Reached {
			t.Fatalf("bit %d proves an age: %+v", i, f)
		}
	}
	response = s.av(t, over18(true)).Present(t, transcript)
	for i := range len(response) * 8 {
		flipped := slices.Clone(response)
		flipped[i/8] ^= 1 << (i % 8)
		if f, err := s.mdoc(AgeAttestation(), flipped, transcript, s.trust, noon); err == nil {
			t.Errorf("bit %d is not noticed: %+v", i, f)
		}
	}
	vc := wallettest.NewSDJWT(t, s.issuer, pid, noon, map[string]any{"18": true}).Present(t, s.ClientID, s.Nonce, noon)
	for i := range vc {
		for _, bit := range []byte{1, 4, 0x20} {
			flipped := []byte(vc)
			flipped[i] ^= bit
			if f, err := s.sdjwt(Credential(pid), string(flipped), s.ClientID, s.trust, noon); err == nil {
				t.Errorf("character %d: %+v", i, f)
			}
		}
	}
}

func FuzzAnswers(f *testing.F) {
	s := newScene(f)
	f.Add(s.av(f, over18(true)).ByLink(f, s.link(f), "av").Encode(), s.av(f, over18(true)).ByISO(f, s.ISORequest(AgeAttestation()).EncryptionInfo, origin))
	f.Add("vp_token=%7B%7D&error=x", []byte(`{"response":"gmVkY2FwaaA"}`))
	s.issuer = wallettest.NewIssuer(f, noon) // from now on nobody whom the seeds know is trusted
	f.Fuzz(func(t *testing.T, form string, data []byte) {
		values, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		if got, err := s.FromLink(values, s.trust, noon); err == nil {
			t.Errorf("link: %+v", got)
		}
		for _, protocol := range []string{ProtocolISO, ProtocolOpenID4VP} {
			if got, err := s.FromAPI(protocol, data, s.trust, noon); err == nil {
				t.Errorf("%s: %+v", protocol, got)
			}
		}
		if enc, text, err := readSealed(data); err == nil && (enc == nil || text == nil) {
			t.Error("a sealed response of nothing")
		}
	})
}
