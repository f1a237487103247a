package practice

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const figures = `method,source,date,group,people,metric,age,value
facial_estimation,report 7,2026-05-15,all,40000,mae,,2.9
facial_estimation,report 7,2026-05-15,female 13-16,1200,false_positive_rate,25,0.031
facial_estimation,report 7,2026-05-15,male 13-16,1300,false_positive_rate,25,0.012
facial_estimation,report 7,2026-05-15,female 17,300,false_positive_rate,25,0.02
facial_estimation,report 7,2026-05-15,male 18-22,900,false_negative_rate,25,0.61
`

func TestFigures(t *testing.T) {
	read, err := ReadFigures("f.csv", strings.NewReader(figures))
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry(t).WithFigures(read)
	if err != nil {
		t.Fatal(err)
	}
	gaps := r.Gaps()
	if len(gaps) != 1 {
		t.Fatalf("%d gaps, want the one metric that has several groups: %+v", len(gaps), gaps)
	}
	g := gaps[0]
	if g.Worst.Group != "female 13-16" || g.Best.Group != "male 13-16" || math.Abs(g.Size-0.019) > 1e-9 {
		t.Errorf("gap: %+v", g)
	}
	if n := len(r.Statement(today, "facial_estimation").Methods[0].Figures); n != 5 {
		t.Errorf("statement has %d figures, want 5", n)
	}
	if _, err := registry(t).WithFigures([]Figure{{Method: "palm"}}); err == nil {
		t.Error("figures of a method that nobody offers were taken")
	}
}

func TestFigureFaults(t *testing.T) {
	const head = "method,source,date,group,people,metric,age,value\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "no head line"},
		"unknown column":     {"method,colour\n", `no column "colour"`},
		"missing column":     {"method,source,date,group,people,metric,age\n", "column value is missing"},
		"no source":          {head + "a,,2026-01-01,all,1,mae,,1\n", "f.csv:2: source is missing"},
		"bad method":         {head + "A B,s,2026-01-01,all,1,mae,,1\n", "method"},
		"bad date":           {head + "a,s,1.1.26,all,1,mae,,1\n", `date "1.1.26"`},
		"nobody":             {head + "a,s,2026-01-01,all,0,mae,,1\n", `people "0"`},
		"not a number":       {head + "a,s,2026-01-01,all,1,mae,,NaN\n", `value "NaN"`},
		"error with an age":  {head + "a,s,2026-01-01,all,1,mae,25,1\n", "age must be empty"},
		"rate above one":     {head + "a,s,2026-01-01,all,1,false_positive_rate,25,3\n", "rates go from 0 to 1"},
		"rate without age":   {head + "a,s,2026-01-01,all,1,false_positive_rate,,0.1\n", "age is missing"},
		"unknown metric":     {head + "a,s,2026-01-01,all,1,roc,,0.1\n", `metric "roc"`},
		"ragged":             {head + "a,s\n", "wrong number of fields"},
		"broken quotes":      {head + "a,\"s\"x,2026-01-01,all,1,mae,,1\n", `extraneous or missing " in quoted-field`},
		"second line faulty": {head + "a,s,2026-01-01,all,1,mae,,1\na,s,2026-01-01,all,1,mae,,-1\n", "f.csv:3"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadFigures("f.csv", strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

func FuzzReadFigures(f *testing.F) {
	f.Add(figures)
	f.Fuzz(func(t *testing.T, text string) {
		read, err := ReadFigures("f.csv", strings.NewReader(text))
		if err != nil {
			return
		}
		for i := range read {
			if err := read[i].fits(); err != nil || read[i].People < 1 || read[i].Source == "" {
				t.Errorf("figure %+v was taken: %v", read[i], err)
			}
		}
	})
}

// Two hand-computed points: an estimate with a mean absolute error of 2 years
// has a standard deviation of 2.5066; 17.5 lies 2.9921 of them below 25, above
// which 0.1385 % of a normal distribution lie.
func TestPasses(t *testing.T) {
	e := Estimator{Error: 2}
	if p := e.Passes(17, 25); math.Abs(p-0.001385) > 5e-6 {
		t.Errorf("17 at challenge age 25: %.6f, want 0.001385", p)
	}
	if p := e.Passes(24, 25); math.Abs(p-0.42094) > 5e-5 {
		t.Errorf("24 at challenge age 25: %.6f, want 0.42094", p)
	}
	exact := Estimator{}
	if exact.Passes(17, 18) != 0 || exact.Passes(18, 18) != 1 {
		t.Error("an estimator without error is wrong")
	}
}

// A higher challenge age lets fewer children pass and refuses more adults; a
// larger error lets more children pass at a challenge age above theirs.
func TestCalculateIsMonotone(t *testing.T) {
	var before []Outcome
	for _, mae := range []float64{0.5, 1, 2, 3, 5} {
		table, err := Calculate(Estimator{Error: mae}, 18)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(table); i++ {
			if table[i].Children > table[i-1].Children || table[i].Adults < table[i-1].Adults {
				t.Errorf("mae %v: challenge age %d is not stricter than %d", mae, table[i].Challenge, table[i-1].Challenge)
			}
		}
		for i := range before {
			if table[i].ByAge[17] < before[i].ByAge[17] {
				t.Errorf("challenge age %d: fewer 17 year olds pass with a mean error of %v", table[i].Challenge, mae)
			}
		}
		before = table
	}
}

func TestLeastChallenge(t *testing.T) {
	for _, c := range []struct {
		mae, share float64
		want       int
		err        error
	}{{1, 0.01, 21, nil}, {2, 0.01, 24, nil}, {3, 0.01, 27, nil}, {9, 0.01, 0, ErrNoBuffer}} {
		got, err := LeastChallenge(Estimator{Error: c.mae}, 18, c.share)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("mean error %v, %v of 17 year olds: %d, %v; want %d, %v", c.mae, c.share, got, err, c.want, c.err)
		}
	}
}

func TestCalculateRefuses(t *testing.T) {
	for _, c := range []struct {
		e        Estimator
		required int
	}{{Estimator{Error: -1}, 18}, {Estimator{Error: math.NaN()}, 18}, {Estimator{Bias: math.Inf(1)}, 18}, {Estimator{}, 13}, {Estimator{}, 40}} {
		if table, err := Calculate(c.e, c.required); err == nil {
			t.Errorf("%+v for %d: %d rows, want an error", c.e, c.required, len(table))
		}
	}
	table, err := Calculate(Estimator{Error: 2}, 16)
	if err != nil || len(table) != 13 || cmp.Diff(16, table[0].Challenge) != "" {
		t.Errorf("for 16: %d rows, %v", len(table), err)
	}
}
