package practice

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Shipped are the methods that this program offers, and what can be said for
// them without knowing an operator. For the rest an operator adds evidence of
// its own: a certificate, a provider's test report, an accessibility review.
//
//go:embed methods.yaml
var shipped []byte

// MaxSize is the most bytes of a registry file.
const MaxSize = 1 << 20

// methodID is one word of an id, like wallet_mdoc.
var methodID = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// Shipped is the registry that the program brings.
func Shipped() (*Registry, error) { return new(Registry).With("methods.yaml", shipped) }

// With is the registry with the methods of a file over it: a method that is
// there already gets the file's evidence beside its own, and what else the
// file says of it in place of what was said. The error joins one for each
// fault.
func (r *Registry) With(name string, text []byte) (*Registry, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, MaxSize)
	}
	var file struct {
		Methods []methodText `yaml:"methods"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	next := &Registry{methods: slices.Clone(r.methods), figures: slices.Clone(r.figures)}
	var faults []error
	for i := range file.Methods {
		for _, fault := range next.add(&file.Methods[i]) {
			faults = append(faults, fmt.Errorf("%s: method %d (%s): %w", name, i+1, file.Methods[i].ID, fault))
		}
	}
	slices.SortFunc(next.methods, func(a, b Method) int { return strings.Compare(a.ID, b.ID) })
	return next, errors.Join(faults...)
}

// methodText is a method as it is written. What is absent is left as it was.
type methodText struct {
	ID           string                       `yaml:"id"`
	Name         string                       `yaml:"name"`
	Approach     Approach                     `yaml:"approach"`
	Capable      *bool                        `yaml:"capable"`
	GovernmentID *bool                        `yaml:"government_id"`
	ChallengeAge int                          `yaml:"challenge_age"`
	Kept         string                       `yaml:"kept"`
	NotKept      string                       `yaml:"not_kept"`
	Evidence     map[Criterion][]evidenceText `yaml:"evidence"`
}

type evidenceText struct {
	What    string `yaml:"what"`
	Source  string `yaml:"source"`
	By      string `yaml:"by"`
	Date    string `yaml:"date"`
	Expires string `yaml:"expires"`
}

func (r *Registry) add(text *methodText) []error {
	if !methodID.MatchString(text.ID) {
		return []error{errors.New("id must be lower-case words joined by _")}
	}
	i := slices.IndexFunc(r.methods, func(m Method) bool { return m.ID == text.ID })
	if i < 0 {
		r.methods = append(r.methods, Method{ID: text.ID})
		i = len(r.methods) - 1
	}
	m := r.methods[i].with(text)
	faults := m.faults()
	m.Evidence = make(map[Criterion][]Evidence, len(Criteria()))
	for c, list := range r.methods[i].Evidence {
		m.Evidence[c] = slices.Clone(list)
	}
	for _, c := range slices.Sorted(maps.Keys(text.Evidence)) {
		if !slices.Contains(Criteria(), c) {
			faults = append(faults, fmt.Errorf("evidence: there is no criterion %q; there are %s", c, joined(Criteria())))
			continue
		}
		for n, e := range text.Evidence[c] {
			evidence, err := e.read()
			if err != nil {
				faults = append(faults, fmt.Errorf("evidence.%s %d: %w", c, n+1, err))
				continue
			}
			m.Evidence[c] = append(m.Evidence[c], evidence)
		}
	}
	r.methods[i] = m
	return faults
}

// with is the method with what a text says of it, its evidence apart.
func (m Method) with(text *methodText) Method {
	for to, from := range map[*string]string{&m.Name: text.Name, &m.Kept: text.Kept, &m.NotKept: text.NotKept} {
		if from != "" {
			*to = from
		}
	}
	if text.Approach != "" {
		m.Approach = text.Approach
	}
	if text.Capable != nil {
		m.Capable = *text.Capable
	}
	if text.GovernmentID != nil {
		m.GovernmentID = *text.GovernmentID
	}
	if text.ChallengeAge != 0 {
		m.ChallengeAge = text.ChallengeAge
	}
	return m
}

func (m *Method) faults() []error {
	var faults []error
	if m.Name == "" {
		faults = append(faults, errors.New("name is missing"))
	}
	if m.Kept == "" || m.NotKept == "" {
		faults = append(faults, errors.New("kept and not_kept must say, in plain words, what stays after a check and what does not"))
	}
	switch m.Approach {
	case Verification, Estimation, Inference, Declaration:
	default:
		faults = append(faults, fmt.Errorf("approach %q is none of verification, estimation, inference, declaration", m.Approach))
	}
	if m.ChallengeAge < 0 || m.ChallengeAge > 100 {
		faults = append(faults, fmt.Errorf("challenge_age %d is no age", m.ChallengeAge))
	}
	if _, not := never[m.ID]; not && m.Capable {
		faults = append(faults, errors.New("capable: this method can never be highly effective: "+never[m.ID]))
	}
	return faults
}

func (e *evidenceText) read() (Evidence, error) {
	evidence := Evidence{What: e.What, Source: e.Source, By: e.By}
	var missing []string
	for _, field := range []struct{ name, value string }{{"what", e.What}, {"source", e.Source}, {"by", e.By}} {
		if strings.TrimSpace(field.value) == "" {
			missing = append(missing, field.name)
		}
	}
	if len(missing) > 0 {
		return evidence, fmt.Errorf("%s is missing", strings.Join(missing, " and "))
	}
	var err error
	if evidence.Date, err = time.Parse(time.DateOnly, e.Date); err != nil {
		return evidence, fmt.Errorf("date %q is not a day like 2026-11-24", e.Date)
	}
	if evidence.Expires, err = time.Parse(time.DateOnly, e.Expires); err != nil {
		return evidence, fmt.Errorf("expires %q is not a day like 2027-11-24: evidence has an end", e.Expires)
	}
	if !evidence.Expires.After(evidence.Date) {
		return evidence, errors.New("expires is not after date")
	}
	return evidence, nil
}
