package conversation

import (
	"math"
	"slices"
)

// Contrast says how much nearer an observation is to what is rare than to what is
// common: the logarithm of the ratio of the mean exponentials of its k greatest
// similarities to each, and 0 where it is nearer to what is common. The formula is that of
// Roblox Sentinel (github.com/Roblox/Sentinel, calculate_contrastive_score). It is 0 where
// one list is empty. The lists are put in order.
func Contrast(rare, common []float64, k int) float64 {
	if len(rare) == 0 || len(common) == 0 || k <= 0 {
		return 0
	}
	return max(0, math.Log(meanExp(rare, k)/meanExp(common, k)))
}

// meanExp is the mean exponential of the k greatest.
func meanExp(values []float64, k int) float64 {
	slices.Sort(values)
	values = values[max(0, len(values)-k):]
	var sum float64
	for _, v := range values {
		sum += math.Exp(v)
	}
	return sum / float64(len(values))
}

// leastLines is how many lines it takes before their skewness says anything.
const leastLines = 10

// Skewness is (mean − median) / standard deviation: above 0 where a few values stand out
// above many ordinary ones, however many there are. It is Sentinel's, 0 for fewer than
// 10 values and for values that are all the same. The values are put in order.
func Skewness(values []float64) float64 {
	n := len(values)
	if n < leastLines {
		return 0
	}
	slices.Sort(values)
	var sum, squares float64
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(n)
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	deviation := math.Sqrt(squares / float64(n))
	if deviation < 1e-9 {
		return 0
	}
	return (mean - (values[(n-1)/2]+values[n/2])/2) / deviation
}

// contrastOf is the contrast of a line with these stages: how like the stages it is, less
// what ordinary talk has of them, against how like ordinary talk.
func contrastOf(s *stages) float64 {
	var rare, common [stageCount + 1]float64
	var strongest float64
	n := 0
	for k, v := range s {
		if v > 0 {
			rare[n], common[n] = v*(1-ordinary[k]), v*ordinary[k]
			strongest = max(strongest, v*(1-ordinary[k]))
			n++
		}
	}
	if n == 0 {
		return 0
	}
	common[n] = 1 - strongest // a line that says nothing is like ordinary talk
	const nearest = 3
	return min(1, Contrast(rare[:n], common[:n+1], nearest))
}

// stand is how much a few of the lines stand out from ordinary talk, 0 to 1.
func (c *course) stand() float64 {
	skew := Skewness(c.risks[:c.n])
	if skew <= 0 {
		return 0
	}
	top := c.risks[max(0, c.n-3):c.n]
	var sum float64
	for _, v := range top {
		sum += v
	}
	return min(1, skew*2) * sum / float64(len(top))
}
