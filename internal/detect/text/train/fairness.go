package train

import (
	"slices"

	"github.com/breakwater-project/breakwater/internal/detect/text/measure"
)

// A Gap is how far apart groups of people are in what the detector errs about them.
type Gap struct {
	Wrong, Missed                    float64 // highest minus lowest share of errors
	WrongMean, MissedMean            float64
	MostWrong, MostMissed            string // the groups that fare worst
	Groups, LeastTexts, LeastHateful int
}

// GapBound is the widest gap that a change may leave: in texts without hate that are
// flagged, and in hate that is missed, between any two groups of the held-out
// grammars. A test holds the shipped model to it.
const GapBound = 0.10

// enough is how many texts of either kind a group needs to be compared.
const enough = 20

// GapOf gives the gap between groups of which there are enough texts.
func GapOf(groups []measure.GroupReport) (g Gap) {
	lowWrong, lowMissed := 1.0, 1.0
	var highWrong, highMissed float64
	groups = slices.DeleteFunc(slices.Clone(groups), func(one measure.GroupReport) bool {
		return one.Wrong.Of < enough || one.Missed.Of < enough
	})
	for _, one := range groups {
		wrong, missed := one.Wrong.Share(), one.Missed.Share()
		if wrong >= highWrong {
			highWrong, g.MostWrong = wrong, one.Group
		}
		if missed >= highMissed {
			highMissed, g.MostMissed = missed, one.Group
		}
		lowWrong, lowMissed = min(lowWrong, wrong), min(lowMissed, missed)
		g.WrongMean += wrong / float64(len(groups))
		g.MissedMean += missed / float64(len(groups))
		if g.Groups == 0 || one.Wrong.Of < g.LeastTexts {
			g.LeastTexts = one.Wrong.Of
		}
		if g.Groups == 0 || one.Missed.Of < g.LeastHateful {
			g.LeastHateful = one.Missed.Of
		}
		g.Groups++
	}
	if g.Groups > 0 {
		g.Wrong, g.Missed = highWrong-lowWrong, highMissed-lowMissed
	}
	return g
}
