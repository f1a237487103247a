// Package practice is what an operator can show of its age checks: the
// registry of methods with the evidence for each criterion that a regulator
// asks about, the accuracy that was measured, and what follows from both.
//
// A method counts as highly effective only while every one of Ofcom's four
// criteria has evidence that has not lapsed (Part 3 Guidance on highly
// effective age assurance, 16 January 2025). Nobody can declare it so: what
// Ofcom names as not capable (self-declaration, payments that need no adult,
// contractual terms) never counts, whatever evidence is given for it.
//
// Everything here is about methods, never about a person.
package practice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Criterion is what a method is judged by.
type Criterion string

// The four criteria of highly effective age assurance, and the two principles
// that a provider should take into account beside them.
const (
	Accuracy         Criterion = "technically_accurate" // right under test conditions
	Robustness       Criterion = "robust"               // right in real conditions, against what a child would try
	Reliability      Criterion = "reliable"             // reproducible, from trustworthy evidence
	Fairness         Criterion = "fair"                 // no group is judged worse
	Accessibility    Criterion = "accessible"
	Interoperability Criterion = "interoperable"
)

// Criteria are all of them, the four that are required first.
func Criteria() []Criterion {
	return []Criterion{Accuracy, Robustness, Reliability, Fairness, Accessibility, Interoperability}
}

// Required are the criteria without which no method is highly effective.
func Required() []Criterion { return Criteria()[:4] }

// Approach is how a method comes to know an age, in the terms of
// ISO/IEC 27566-1.
type Approach string

// Approaches.
const (
	Verification Approach = "verification" // from a date of birth that was verified
	Estimation   Approach = "estimation"   // from features that vary with age
	Inference    Approach = "inference"    // from verified facts that imply an age
	Declaration  Approach = "declaration"  // somebody says so
)

// Evidence is one document or test that speaks for a criterion.
type Evidence struct {
	What    string    `json:"what"`
	Source  string    `json:"source"` // where it can be read
	By      string    `json:"by"`     // who measured or certified it
	Date    time.Time `json:"date"`
	Expires time.Time `json:"expires"` // from then on it speaks for nothing
}

// Method is one way to check an age.
type Method struct {
	ID           string                   `json:"id"`
	Name         string                   `json:"name"`
	Approach     Approach                 `json:"approach"`
	Capable      bool                     `json:"capable"`       // of being highly effective at all
	GovernmentID bool                     `json:"government_id"` // whether the person needs one for it
	ChallengeAge int                      `json:"challenge_age,omitempty"`
	Kept         string                   `json:"kept"`     // what stays after a check, in plain words
	NotKept      string                   `json:"not_kept"` // and what does not
	Evidence     map[Criterion][]Evidence `json:"evidence"`
}

// never are the methods that no evidence makes highly effective: Ofcom's list
// of what is not capable, and what the Codes and the EU's guidelines say of
// self-declaration (R25).
var never = map[string]string{
	"self_declaration": "a person's own word is not age assurance (Online Safety Act 2023, section 230(4))",
	"debit_card":       "a payment that needs no adult proves none",
	"terms":            "a general restriction in terms of use checks nobody",
}

// Lacks lists the required criteria for which the method has no evidence at
// the time; none means that it may be called highly effective if it is
// capable at all.
func (m *Method) Lacks(at time.Time) []Criterion {
	var lacking []Criterion
	for _, c := range Required() {
		if !slices.ContainsFunc(m.Evidence[c], func(e Evidence) bool { return e.speaks(at) }) {
			lacking = append(lacking, c)
		}
	}
	return lacking
}

// speaks reports whether evidence counts at a time. Days are whole: evidence
// dated a day counts on that day and lapses with the start of the day it
// expires on.
func (e Evidence) speaks(at time.Time) bool {
	return !at.Before(e.Date) && at.Before(e.Expires)
}

// Verdict says whether a method is highly effective, and if not, why.
type Verdict struct {
	Effective bool        `json:"highly_effective"`
	Lacks     []Criterion `json:"lacks,omitempty"`
	Why       string      `json:"why"`
}

// Judge is the verdict on a method at a time.
func (m *Method) Judge(at time.Time) Verdict {
	if why, not := never[m.ID]; not {
		return Verdict{Why: why}
	}
	if m.Approach == Declaration || !m.Capable {
		return Verdict{Why: "this kind of method is not capable of being highly effective"}
	}
	if lacks := m.Lacks(at); len(lacks) > 0 {
		return Verdict{Lacks: lacks, Why: fmt.Sprintf("no evidence, or only lapsed evidence, that it is %s", joined(lacks))}
	}
	return Verdict{Effective: true, Why: "each of the four criteria has evidence"}
}

// Registry is every method that an operator knows of.
type Registry struct {
	methods []Method // sorted by id
	figures []Figure
}

// Methods are those of the registry, sorted by id.
func (r *Registry) Methods() []Method { return slices.Clone(r.methods) }

// Method finds one by its id.
func (r *Registry) Method(id string) (Method, bool) {
	i, found := slices.BinarySearchFunc(r.methods, id, func(m Method, id string) int { return strings.Compare(m.ID, id) })
	if !found {
		return Method{}, false
	}
	return r.methods[i], true
}

// HighlyEffective reports whether a check by this method may count as highly
// effective at a time. A method that is not in the registry may not.
func (r *Registry) HighlyEffective(id string, at time.Time) bool {
	m, ok := r.Method(id)
	return ok && m.Judge(at).Effective
}

func joined(criteria []Criterion) string {
	words := make([]string, len(criteria))
	for i, c := range criteria {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}
