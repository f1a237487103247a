package measure

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/breakwater-project/breakwater/internal/detect/text"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s: %d texts, model %s, %.1f µs a text of %d bytes\n\n", r.Name, r.Texts, r.Model, float64(r.PerText)/1000, r.Bytes)
	fmt.Fprintln(w, "label\tyes\tno\tAUPRC\trecall at 0.1 % false\tat 1 % false\tflag\tprecision\trecall\tcalibration error\t")
	for _, l := range r.Labels {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.3f\t%s\t%s\t%.2f\t%.3f\t%.3f\t%.3f\t\n", l.Label, l.Yes, l.No, l.AUPRC,
			l.AtThousand, l.AtHundred, l.Flag, l.AtFlag.Precision(), l.AtFlag.Recall(), l.Error)
	}
	writeOver(w, "benign texts flagged for a harm", r.Benign)
	writeOver(w, "texts of own distress flagged for a harm", r.Distress)
	if len(r.Groups) > 0 {
		fmt.Fprintln(w, "\ngroup\tflagged without hate\tmissed with hate\t")
		for _, g := range r.Groups {
			fmt.Fprintf(w, "%s\t%s\t%s\t\n", g.Group, g.Wrong, g.Missed)
		}
	}
	if len(r.Functions) > 0 {
		fmt.Fprintln(w, "\nfunction\tright\t")
		for _, f := range r.Functions {
			fmt.Fprintf(w, "%s\t%s\t\n", f.Function, f.Right)
		}
	}
	if len(r.Attacks) > 0 {
		fmt.Fprintln(w, "\ndisguise\trecall kept\tbenign flagged\t")
		for _, a := range r.Attacks {
			fmt.Fprintf(w, "%s\t%.0f %%\t%s\t\n", a.Attack, 100*a.Share(), a.Wrong)
		}
	}
	return w.Flush()
}

func writeOver(w io.Writer, what string, o OverReport) {
	if o.Flagged.Of > 0 {
		fmt.Fprintf(w, "\n%s: %s of %d\n%s", what, o.Flagged, o.Flagged.Of, o.byLabel())
	}
}

// byLabel says how often each label was flagged, those that are no harm too.
func (o OverReport) byLabel() string {
	var parts []string
	for l, n := range o.Labels {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", text.Label(l), n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "  " + strings.Join(parts, ", ") + "\n"
}

// String gives the share in percent with its interval: "2.0 % (1.1–3.5)".
func (r Rate) String() string {
	if r.Of == 0 {
		return "·"
	}
	return fmt.Sprintf("%.1f %% (%.1f–%.1f)", 100*r.Share(), 100*r.Low, 100*r.High)
}
