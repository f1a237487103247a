package train

import (
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// quantise rounds the numbers of features to whole ones. The steps of each of the
// Width numbers are such that all but one in 5,000 are in range; those beyond are cut.
func quantise(n *network, features []uint32) *model.Trained {
	t := &model.Trained{Features: features, Rows: make([]byte, len(features)*model.Width), Head: n.head}
	sizes := make([]float32, len(features))
	for d := range model.Width {
		for f := range features {
			sizes[f] = max(n.rows[f][d], -n.rows[f][d])
		}
		slices.Sort(sizes)
		step := sizes[len(sizes)-1-len(sizes)/5000]/127 + 1e-9
		t.Scale[d] = step
		for f := range features {
			v := n.rows[f][d]/step + 128.5
			t.Rows[f*model.Width+d] = byte(int32(min(max(v, 1), 255)))
		}
	}
	return t
}
