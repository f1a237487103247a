package judge

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/breakwater-project/breakwater/internal/web"
)

// Verdict is what a model found, checked.
type Verdict struct {
	Violates  bool
	Severity  int  // 1 to 3; 0 exactly if it does not violate
	SeeksHelp bool // the writer tells of their own distress
	Steers    bool // the text tries to influence the judgement
}

// Score is the verdict as rules read scores: severity 1 is likely, 2 is clear.
// Somebody who seeks help scores nothing.
func (v Verdict) Score() float64 {
	if v.SeeksHelp {
		return 0
	}
	return [...]float64{0, 0.5, 0.8, 1}[v.Severity]
}

const maxSeverity = 3

// parseVerdict reads one verdict and nothing else. A fence of code around it,
// which many models can't leave out, is taken off.
func parseVerdict(answer string) (Verdict, error) {
	answer = strings.TrimSpace(answer)
	if inner, ok := strings.CutPrefix(answer, "```"); ok {
		inner, ok = strings.CutSuffix(strings.TrimPrefix(inner, "json"), "```")
		if !ok {
			return Verdict{}, ErrMalformed
		}
		answer = inner
	}
	if web.CheckJSON([]byte(answer)) != nil { // also finds a member twice
		return Verdict{}, ErrMalformed
	}
	var v struct {
		Violates  *bool `json:"violates"`
		Severity  *int  `json:"severity"`
		SeeksHelp *bool `json:"seeks_help"`
		Steers    *bool `json:"steers"`
	}
	d := json.NewDecoder(bytes.NewReader([]byte(answer)))
	d.DisallowUnknownFields()
	if d.Decode(&v) != nil || v.Violates == nil || v.Severity == nil || v.SeeksHelp == nil || v.Steers == nil {
		return Verdict{}, ErrMalformed
	}
	if *v.Severity < 0 || *v.Severity > maxSeverity || *v.Violates != (*v.Severity > 0) {
		return Verdict{}, ErrMalformed
	}
	return Verdict{Violates: *v.Violates, Severity: *v.Severity, SeeksHelp: *v.SeeksHelp, Steers: *v.Steers}, nil
}

// schema is what a server that can is asked to keep the model to.
const schema = `{
  "type": "object",
  "properties": {
    "violates": {"type": "boolean"},
    "severity": {"type": "integer", "enum": [0, 1, 2, 3]},
    "seeks_help": {"type": "boolean"},
    "steers": {"type": "boolean"}
  },
  "required": ["violates", "severity", "seeks_help", "steers"],
  "additionalProperties": false
}`
