package practice

import (
	"errors"
	"fmt"
	"math"
)

// Estimator is how far a method's estimates lie from true ages: normally
// distributed around the true age plus a bias. That is a model; where a report
// gives the rate at a challenge age itself, the report is right.
type Estimator struct {
	Error float64 // mean absolute error in years
	Bias  float64 // mean of estimated less true age, in years
}

// deviation is the standard deviation of a normal error with this mean
// absolute error about the bias: E|x| = σ √(2/π) for x of mean 0.
func (e Estimator) deviation() float64 { return e.Error * math.Sqrt(math.Pi/2) }

// Passes is the share of people of a true age who are estimated at the
// challenge age or above. A child of 17 has, on average, an age of 17.5:
// true ages are whole years, and half a year is added.
func (e Estimator) Passes(age, challenge int) float64 {
	distance := float64(challenge) - (float64(age) + 0.5 + e.Bias)
	sd := e.deviation()
	if sd == 0 {
		if distance <= 0 {
			return 1
		}
		return 0
	}
	return 0.5 * math.Erfc(distance/(sd*math.Sqrt2))
}

// Outcome is what one challenge age gives.
type Outcome struct {
	Challenge int `json:"challenge_age"`
	// ByAge is the share of people of each true age, in whole years, who pass.
	ByAge map[int]float64 `json:"passes_by_age"`
	// Children is the share that passes of those from childrenFrom up to the
	// required age, each year of age counted alike.
	Children float64 `json:"children_who_pass"`
	// Adults is the share of those from the required age up to adultsTo that
	// must prove their age otherwise.
	Adults float64 `json:"adults_who_are_refused"`
}

// The ages that a table covers: children who would try, adults who look young.
const (
	childrenFrom = 13
	adultsTo     = 30 // not included
)

// Calculate is what each challenge age from the required age to the required
// age and twelve more gives. Required is the age that must be reached, such as 18.
func Calculate(e Estimator, required int) ([]Outcome, error) {
	if math.IsNaN(e.Error) || e.Error < 0 || e.Error > 50 {
		return nil, fmt.Errorf("mae %v: must be years from 0 to 50", e.Error)
	}
	if math.IsNaN(e.Bias) || math.Abs(e.Bias) > 50 {
		return nil, fmt.Errorf("bias %v: must be years from -50 to 50", e.Bias)
	}
	if required <= childrenFrom || required > 25 {
		return nil, fmt.Errorf("required age %d: must be from %d to 25", required, childrenFrom+1)
	}
	var table []Outcome
	for challenge := required; challenge <= required+12; challenge++ {
		o := Outcome{Challenge: challenge, ByAge: make(map[int]float64, adultsTo-childrenFrom)}
		for age := childrenFrom; age < adultsTo; age++ {
			p := e.Passes(age, challenge)
			o.ByAge[age] = p
			if age < required {
				o.Children += p / float64(required-childrenFrom)
			} else {
				o.Adults += (1 - p) / float64(adultsTo-required)
			}
		}
		table = append(table, o)
	}
	return table, nil
}

// ErrNoBuffer says that no challenge age keeps children out as asked.
var ErrNoBuffer = errors.New("no challenge age up to twelve years above keeps children to that share: use another method")

// LeastChallenge is the lowest challenge age at which no more than a share of
// those one year too young pass: the hardest to tell from adults.
func LeastChallenge(e Estimator, required int, share float64) (int, error) {
	table, err := Calculate(e, required)
	if err != nil {
		return 0, err
	}
	for _, o := range table {
		if o.ByAge[required-1] <= share {
			return o.Challenge, nil
		}
	}
	return 0, ErrNoBuffer
}
