package practice

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func registry(t *testing.T) *Registry {
	t.Helper()
	r, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Of what is shipped only wallets and what they earn are highly effective as
// they come: each other method needs evidence that only its operator has.
func TestShipped(t *testing.T) {
	var effective []string
	for _, m := range registry(t).Methods() {
		v := m.Judge(today)
		if v.Effective {
			effective = append(effective, m.ID)
		}
		if v.Why == "" {
			t.Errorf("%s: no reason is given", m.ID)
		}
	}
	if diff := cmp.Diff([]string{"token", "wallet_av", "wallet_mdl", "wallet_sd_jwt"}, effective); diff != "" {
		t.Errorf("highly effective as shipped (-want +got):\n%s", diff)
	}
}

// A method is refused as soon as one of the four criteria lacks evidence, or
// has only evidence that lapsed (R24).
func TestOneCriterionMissing(t *testing.T) {
	for _, missing := range Required() {
		m := complete("photo_id")
		if v := m.Judge(today); !v.Effective {
			t.Fatalf("with all evidence: %+v", v)
		}
		evidence := m.Evidence[missing]
		delete(m.Evidence, missing)
		if diff := cmp.Diff([]Criterion{missing}, m.Judge(today).Lacks); diff != "" {
			t.Errorf("without evidence that it is %s (-want +got):\n%s", missing, diff)
		}
		lapsed := evidence[0]
		lapsed.Expires = today.Truncate(24 * time.Hour)
		m.Evidence[missing] = []Evidence{lapsed}
		if m.Judge(today).Effective {
			t.Errorf("highly effective with evidence that it is %s lapsed today", missing)
		}
		if !m.Judge(today.AddDate(0, 0, -1)).Effective {
			t.Errorf("not highly effective a day before the evidence that it is %s lapsed", missing)
		}
	}
}

func TestEvidenceOfTheFutureSaysNothing(t *testing.T) {
	m := complete("open_banking")
	if m.Judge(today.AddDate(-5, 0, 0)).Effective {
		t.Error("evidence speaks for a time before its date")
	}
}

// What no evidence makes highly effective (R25).
func TestNeverHighlyEffective(t *testing.T) {
	for _, id := range []string{"self_declaration", "debit_card", "terms"} {
		m := complete(id)
		if v := m.Judge(today); v.Effective || v.Why == "" {
			t.Errorf("%s with all evidence: %+v", id, v)
		}
		_, err := registry(t).With("own.yaml", []byte("methods: [{id: "+id+", capable: true}]"))
		if err == nil || !strings.Contains(err.Error(), "never be highly effective") {
			t.Errorf("%s declared capable: %v", id, err)
		}
	}
	declared := complete("my_own")
	declared.Approach = Declaration
	if declared.Judge(today).Effective {
		t.Error("a declaration by another name is highly effective")
	}
	if registry(t).HighlyEffective("unheard_of", today) {
		t.Error("a method that is in no registry is highly effective")
	}
}

// complete is a method with evidence for everything.
func complete(id string) Method {
	m := Method{ID: id, Name: "x", Approach: Verification, Capable: true, Kept: "x", NotKept: "y", Evidence: map[Criterion][]Evidence{}}
	for _, c := range Criteria() {
		m.Evidence[c] = []Evidence{{What: "w", Source: "s", By: "b", Date: today.AddDate(-1, 0, 0), Expires: today.AddDate(1, 0, 0)}}
	}
	return m
}

func TestOperatorAddsEvidence(t *testing.T) {
	own := `
methods:
  - id: facial_estimation
    challenge_age: 23
    evidence:
      technically_accurate: [{what: FATE AEV, source: "https://pages.nist.gov/frvt/html/frvt_age_estimation.html", by: NIST, date: "2026-05-15", expires: "2027-05-15"}]
      robust: [{what: presentation attack detection, source: "ISO/IEC 30107-3 report", by: a laboratory, date: "2026-03-01", expires: "2027-03-01"}]
      reliable: [{what: certificate, source: PAS 1296 certificate, by: ACCS, date: "2026-03-01", expires: "2027-03-01"}]
`
	r, err := registry(t).With("own.yaml", []byte(own))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := r.Method("facial_estimation")
	if m.ChallengeAge != 23 || m.Approach != Estimation || m.GovernmentID {
		t.Errorf("after the operator's file: %+v", m)
	}
	if diff := cmp.Diff([]Criterion{Fairness}, m.Judge(today).Lacks); diff != "" {
		t.Errorf("what it still lacks (-want +got):\n%s", diff)
	}
	if before, _ := registry(t).Method("facial_estimation"); len(before.Evidence[Accuracy]) != 0 {
		t.Error("the shipped registry was changed")
	}
}

func TestLoadNamesEachFault(t *testing.T) {
	text := `
methods:
  - {id: Face Scan, name: n, approach: estimation, kept: k, not_kept: n}
  - {id: face, approach: guessing, challenge_age: -1}
  - id: palm
    name: Palm
    approach: estimation
    kept: k
    not_kept: n
    evidence:
      cheap: [{what: w, source: s, by: b, date: "2026-01-01", expires: "2027-01-01"}]
      robust: [{what: w, date: "2026-01-01", expires: "2027-01-01"}, {what: w, source: s, by: b, date: yesterday, expires: "2027-01-01"}, {what: w, source: s, by: b, date: "2026-01-01"}, {what: w, source: s, by: b, date: "2026-01-01", expires: "2025-01-01"}]
`
	_, err := new(Registry).With("own.yaml", []byte(text))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"method 1 (Face Scan): id must be", "method 2 (face): name is missing", "kept and not_kept must say",
		`approach "guessing" is none of`, "challenge_age -1 is no age",
		`method 3 (palm): evidence: there is no criterion "cheap"`, "evidence.robust 1: source and by is missing",
		`evidence.robust 2: date "yesterday"`, `evidence.robust 3: expires ""`, "evidence.robust 4: expires is not after date",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q:\n%v", want, err)
		}
	}
	if _, err := new(Registry).With("own.yaml", []byte("methods: [{id: a, colour: red}]")); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("unknown key: %v", err)
	}
	if _, err := new(Registry).With("own.yaml", make([]byte, MaxSize+1)); err == nil {
		t.Error("a file larger than allowed was read")
	}
}

func TestStatement(t *testing.T) {
	s := registry(t).Statement(today, "token", "self_declaration", "unheard_of")
	if len(s.Methods) != 2 || s.Methods[0].ID != "token" || s.Methods[1].Verdict.Effective {
		t.Errorf("statement: %+v", s)
	}
	if all := registry(t).Statement(today); len(all.Methods) != len(registry(t).Methods()) {
		t.Errorf("statement of all: %d methods", len(all.Methods))
	}
}

func FuzzWith(f *testing.F) {
	f.Add([]byte("methods: [{id: a, name: n, approach: estimation, capable: true, kept: k, not_kept: n}]"))
	f.Add([]byte("methods: [{id: debit_card, capable: true}]"))
	f.Add(shipped)
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := new(Registry).With("fuzz.yaml", text)
		if err != nil {
			return
		}
		for _, m := range r.Methods() {
			if r.HighlyEffective(m.ID, today) && (len(m.Lacks(today)) > 0 || never[m.ID] != "") {
				t.Errorf("%s is highly effective without evidence", m.ID)
			}
		}
	})
}
