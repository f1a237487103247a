package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/assurance/practice"
)

// reportFlags are what "age report" was told.
type reportFlags struct {
	methods, figures, at string
	error, bias          float64
	required             int
	json                 bool
}

// ageReport is what "age report --json" prints.
type ageReport struct {
	Statement  practice.Statement `json:"statement"`
	Calculated []practice.Outcome `json:"calculated,omitempty"`
}

func newAgeReport() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Which methods are highly effective, on what evidence, and what a challenge age gives",
		Long: `Prints the registry of methods: whether each is highly effective, by Ofcom's four
criteria, and what it lacks if it is not; accuracy figures that were imported,
with the widest gaps between groups; and, with --error, what each challenge age
would give: how many children of each age pass, and how many adults are refused.

--methods is a YAML file that adds methods and evidence to those that ship;
--figures is CSV: method,source,date,group,people,metric,age,value, where metric
is mae (years), false_positive_rate or false_negative_rate (0 to 1, at a
challenge age). Nothing in it is about a person.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := f.report()
			if err != nil {
				return err
			}
			if f.json {
				return failed(json.NewEncoder(cmd.OutOrStdout()).Encode(report))
			}
			return failed(report.print(cmd.OutOrStdout()))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.methods, "methods", "", "YAML file of the operator's own methods and evidence")
	flags.StringVar(&f.figures, "figures", "", "CSV file of accuracy figures")
	flags.StringVar(&f.at, "at", "", "the moment that evidence is judged at, RFC 3339; now if absent")
	flags.Float64Var(&f.error, "error", 0, "mean absolute error of an estimate, in years: prints what challenge ages give")
	flags.Float64Var(&f.bias, "bias", 0, "mean of estimated less true age, in years")
	flags.IntVar(&f.required, "required", 18, "the age that must be reached")
	flags.BoolVar(&f.json, "json", false, "one JSON document instead of tables")
	return cmd
}

// report is what the flags ask for.
func (f *reportFlags) report() (*ageReport, error) {
	at := time.Now()
	if f.at != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, f.at); err != nil {
			return nil, fmt.Errorf("--at %q is not a time like 2026-11-24T12:00:00Z", f.at)
		}
	}
	registry, err := practice.Open(f.methods, f.figures)
	if err != nil {
		return nil, failed(err)
	}
	report := &ageReport{Statement: registry.Statement(at)}
	if f.error != 0 {
		report.Calculated, err = practice.Calculate(practice.Estimator{Error: f.error, Bias: f.bias}, f.required)
	}
	return report, err
}

func (r *ageReport) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tAPPROACH\tNEEDS ID\tHIGHLY EFFECTIVE\tWHY")
	for i := range r.Statement.Methods {
		m := &r.Statement.Methods[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.ID, m.Approach, yesNo(m.GovernmentID), yesNo(m.Verdict.Effective), m.Verdict.Why)
	}
	if len(r.Statement.Gaps) > 0 {
		fmt.Fprintln(w, "\nGAP\tMETHOD\tMETRIC\tAT\tBEST\tWORST\tSOURCE")
	}
	for _, g := range r.Statement.Gaps {
		fmt.Fprintf(w, "%.4g\t%s\t%s\t%d\t%s %.4g\t%s %.4g\t%s\n",
			g.Size, g.Method, g.Metric, g.Age, g.Best.Group, g.Best.Value, g.Worst.Group, g.Worst.Value, g.Source)
	}
	if len(r.Calculated) > 0 {
		fmt.Fprintln(w, "\nCHALLENGE AGE\t13\t14\t15\t16\t17\tCHILDREN WHO PASS\tADULTS REFUSED")
	}
	for _, o := range r.Calculated {
		fmt.Fprintf(w, "%d", o.Challenge)
		for age := 13; age <= 17; age++ {
			fmt.Fprintf(w, "\t%s", percent(o.ByAge[age]))
		}
		fmt.Fprintf(w, "\t%s\t%s\n", percent(o.Children), percent(o.Adults))
	}
	return w.Flush()
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
