package conversation

import (
	"math"
	"testing"
)

// The values are computed by hand from the formulas, and agree with those of Sentinel's
// score_formulae on the same numbers.
func TestContrastByHand(t *testing.T) {
	for _, tc := range []struct {
		rare, common []float64
		k            int
		want         float64
	}{
		// (e^0.9 + e^0.7) / 2 = (2.459603 + 2.013753) / 2 = 2.236678
		// (e^0.2 + e^0.1) / 2 = (1.221403 + 1.105171) / 2 = 1.163287
		// ln(2.236678 / 1.163287) = ln 1.922723 = 0.653742
		{[]float64{0.7, 0.9, 0.1}, []float64{0.1, 0.2, -0.5}, 2, 0.653742},
		{[]float64{0.1}, []float64{0.8}, 1, 0}, // nearer to what is common
		{[]float64{1}, []float64{0}, 3, 1},     // ln(e/1)
		{nil, []float64{0}, 3, 0},
		{[]float64{1}, nil, 3, 0},
	} {
		if got := Contrast(tc.rare, tc.common, tc.k); math.Abs(got-tc.want) > 1e-5 {
			t.Errorf("Contrast = %.6f, want %.6f", got, tc.want)
		}
	}
}

func TestSkewnessByHand(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		// Nine lines at 0, one at 1: mean 0.1, median 0, deviation √(0.1 − 0.01) = 0.3.
		{[]float64{0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 1.0 / 3},
		// 1 to 9 and 19: mean 6.4, median 5.5, mean of squares 64.6, deviation √(64.6 − 40.96) = 4.862098.
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 19}, 0.185105},
		{[]float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 0}, // all the same
		{[]float64{0, 0, 0, 0, 0, 0, 0, 0, 1}, 0},    // too few
	} {
		if got := Skewness(tc.values); math.Abs(got-tc.want) > 1e-5 {
			t.Errorf("Skewness = %.6f, want %.6f", got, tc.want)
		}
	}
}

// TestRareAmidOrdinary: the same three marks weigh more amid twenty ordinary lines than
// amid twenty that are all rough.
func TestRareAmidOrdinary(t *testing.T) {
	ordinaryTalk, rough := between(t, unknown, unknown), between(t, unknown, unknown)
	for range 20 {
		ordinaryTalk.play("a>b:")
		rough.play("a>b: threat")
	}
	calm := ordinaryTalk.play("a>b: isolation", "a>b: affection", "a>b: gift")[Grooming].Score
	loud := rough.play("a>b: isolation", "a>b: affection", "a>b: gift")[Grooming].Score
	if calm <= loud {
		t.Errorf("amid ordinary talk %.3f, amid rough talk %.3f", calm, loud)
	}
}
