package train

import (
	"math"

	"github.com/breakwater-project/breakwater/internal/detect/text/model"
)

// ratios gives, for each feature and label, how much more often than not a text with
// the feature has the label: the logarithm of the ratio of its shares of either. After
// Wang and Manning, "Baselines and Bigrams", ACL 2012.
func ratios(examples []example, features int) [][model.LabelCount]float32 {
	yes := make([][model.LabelCount]float32, features)
	not := make([][model.LabelCount]float32, features)
	var allYes, allNot [model.LabelCount]float32
	for i := range examples {
		e := &examples[i]
		for l, w := range e.target.Weight {
			if w == 0 {
				continue
			}
			counts, all := not, &allNot
			if e.target.Yes[l] {
				counts, all = yes, &allYes
			}
			all[l] += w
			last := int32(-1)
			for _, r := range e.rows {
				if r != last {
					counts[r][l] += w
				}
				last = r
			}
		}
	}
	const smooth = 1
	for f := range yes {
		for l := range yes[f] {
			a := (yes[f][l] + smooth) / (allYes[l] + smooth)
			b := (not[f][l] + smooth) / (allNot[l] + smooth)
			yes[f][l] = logarithm(a) - logarithm(b)
		}
	}
	return yes
}

// logarithm is that of x > 0, computed from additions, multiplications and divisions
// only, so that every machine gives the same bits.
func logarithm(x float32) float32 {
	const ln2 = 0.69314718
	bits := math.Float32bits(x)
	exponent := int32(bits>>23) - 127
	m := math.Float32frombits(bits&0x7fffff | 127<<23) // 1 to 2
	t := (m - 1) / (m + 1)
	t2 := float32(t * t)
	series := float32(1) / 9
	for _, k := range [...]float32{7, 5, 3, 1} {
		series = 1/k + float32(t2*series)
	}
	return float32(float32(exponent)*ln2) + float32(2*float32(t*series))
}
