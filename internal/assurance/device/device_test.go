package device

import (
	"errors"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		source   Source
		text     string
		from, to int
		basis    event.Basis
	}{
		"Apple, said by the person":   {Apple, `{"response":"sharing","lowerBound":13,"upperBound":15,"ageRangeDeclaration":"selfDeclared","activeParentalControls":[]}`, 13, 16, event.BasisDeclared},
		"Apple, said by a guardian":   {Apple, `{"lowerBound":16,"upperBound":17,"ageRangeDeclaration":"guardianDeclared"}`, 16, 18, event.BasisGuardian},
		"Apple, an adult, checked":    {Apple, `{"lowerBound":18,"ageRangeDeclaration":"governmentIDChecked"}`, 18, event.MaxAge, event.BasisInferred},
		"Apple, young, open below":    {Apple, `{"upperBound":12,"ageRangeDeclaration":"guardianDeclared"}`, 0, 13, event.BasisGuardian},
		"Apple, a kind of the future": {Apple, `{"lowerBound":18,"ageRangeDeclaration":"quantumChecked"}`, 18, event.MaxAge, event.BasisDeclared},
		"Google, verified":            {Google, `{"userStatus":"VERIFIED"}`, 18, event.MaxAge, event.BasisInferred},
		"Google, verified, by number": {Google, `{"userStatus":0}`, 18, event.MaxAge, event.BasisInferred},
		"Google, supervised":          {Google, `{"userStatus":"SUPERVISED","ageLower":13,"ageUpper":15,"installId":"abc","mostRecentApprovalDate":1764000000}`, 13, 16, event.BasisGuardian},
		"Google, supervised, no age":  {Google, `{"userStatus":"SUPERVISED_APPROVAL_PENDING"}`, 0, 18, event.BasisGuardian},
		"Google, declared":            {Google, `{"userStatus":"DECLARED","ageLower":18}`, 18, event.MaxAge, event.BasisDeclared},
		"Meta, a teen":                {Meta, `{"ageCategory":"TN"}`, 13, 18, event.BasisDeclared},
		"California, under 13":        {California, `{"ageBracket":"under_13"}`, 0, 13, event.BasisDeclared},
		"California, an adult":        {California, `{"ageBracket":"18_or_over"}`, 18, event.MaxAge, event.BasisDeclared},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(c.source, []byte(c.text))
			want := Signal{Ages: age.Interval{From: c.from, To: c.to}, Basis: c.basis}
			if err != nil || got != want {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestNothingIsTold(t *testing.T) {
	for _, c := range []struct {
		source Source
		text   string
	}{
		{Apple, `{"response":"declinedSharing"}`}, {Apple, `{}`}, {Apple, `{"lowerBound":0}`},
		{Google, `{}`}, {Google, `{"userStatus":"UNKNOWN"}`}, {Google, `{"userStatus":4}`}, {Google, `{"userStatus":null}`},
		{Meta, `{}`}, {California, `{}`},
	} {
		if s, err := Read(c.source, []byte(c.text)); !errors.Is(err, ErrNothing) {
			t.Errorf("%s %s: %+v, %v", c.source, c.text, s, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		source     Source
		text, want string
	}{
		{"windows", `{}`, "source must be one of"}, {Apple, `[]`, "JSON object"}, {Apple, `{"lowerBound":"18"}`, "JSON object"},
		{Apple, `{} {}`, "more than one"}, {Apple, `{"lowerBound":18,"upperBound":13}`, "no age that people have"},
		{Apple, `{"lowerBound":-5,"upperBound":3}`, "no age that people have"}, {Apple, `{"lowerBound":900}`, "no age that people have"},
		{Google, `{"userStatus":"ROOT"}`, "userStatus"}, {Meta, `{"ageCategory":"XX"}`, "ageCategory"},
		{California, `{"ageBracket":"21"}`, "ageBracket"}, {California, ``, "JSON object"},
	} {
		if s, err := Read(c.source, []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %+v, %v; want %q", c.source, c.text, s, err, c.want)
		}
	}
}

// Whatever comes, it proves nothing: no basis that internal/age takes for proof.
func FuzzRead(f *testing.F) {
	f.Add("apple_declared_age_range", `{"lowerBound":18,"ageRangeDeclaration":"confirmed"}`)
	f.Add("google_play_age_signals", `{"userStatus":"VERIFIED","ageLower":18}`)
	f.Add("us_ca_age_bracket", `{"ageBracket":"16_to_17"}`)
	f.Fuzz(func(t *testing.T, source, text string) {
		s, err := Read(Source(source), []byte(text))
		if err != nil {
			return
		}
		if s.Basis == event.BasisVerified || s.Basis == event.BasisEstimated || s.Basis == event.BasisNone {
			t.Errorf("basis %s", s.Basis)
		}
		if s.Ages.Empty() || s.Ages.From < 0 || s.Ages.To > event.MaxAge {
			t.Errorf("ages %+v", s.Ages)
		}
	})
}
