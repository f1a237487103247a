package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// sum is the digest of everything that decides, in one canonical form: JSON
// with sorted keys and rules by id. The bundle's name and comments don't decide.
func (b *Bundle) sum() string {
	var safeguards []Safeguard
	for _, g := range b.safeguards {
		safeguards = append(safeguards, g.Safeguard)
	}
	data, err := json.Marshal(struct {
		Format     int                 `json:"format"`
		Rules      []Rule              `json:"rules"`
		Safeguards []Safeguard         `json:"safeguards"`
		Counters   []Counter           `json:"counters,omitempty"`
		Budgets    []Budget            `json:"budgets,omitempty"`
		Lists      map[string][]string `json:"lists"`
		Notices    map[string]*notice  `json:"notices"`
		Resources  []Resource          `json:"resources"`
		Everywhere []string            `json:"everywhere"`
	}{1, b.Rules(), safeguards, b.declared(), b.budgets, b.lists, b.notices, b.resources, b.everywhere})
	if err != nil {
		panic("policy: a bundle is not JSON: " + err.Error()) // every field is a plain value
	}
	digest := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(digest[:])
}
