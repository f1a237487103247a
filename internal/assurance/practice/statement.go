package practice

import "time"

// Statement is the public practice statement: what an operator tells everybody
// of its age checks (ISO/IEC 27566-1 asks for one).
type Statement struct {
	At      time.Time         `json:"at"`
	Methods []MethodStatement `json:"methods"`
	Gaps    []Gap             `json:"gaps"` // between groups, the widest first
}

// MethodStatement is what it says of one method.
type MethodStatement struct {
	Method
	Verdict Verdict  `json:"verdict"`
	Figures []Figure `json:"figures"`
}

// Statement is what can be said of the methods with these ids at a time; of
// all of them if none is named. An id that the registry does not have is left
// out.
func (r *Registry) Statement(at time.Time, ids ...string) Statement {
	if len(ids) == 0 {
		for i := range r.methods {
			ids = append(ids, r.methods[i].ID)
		}
	}
	s := Statement{At: at.UTC(), Methods: []MethodStatement{}, Gaps: r.Gaps()}
	for _, id := range ids {
		m, ok := r.Method(id)
		if !ok {
			continue
		}
		s.Methods = append(s.Methods, MethodStatement{Method: m, Verdict: m.Judge(at), Figures: r.figuresOf(id)})
	}
	return s
}

func (r *Registry) figuresOf(id string) []Figure {
	figures := []Figure{}
	for _, f := range r.figures {
		if f.Method == id {
			figures = append(figures, f)
		}
	}
	return figures
}
