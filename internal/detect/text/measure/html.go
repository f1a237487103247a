package measure

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed report.html
var page string

// WriteHTML writes the report as one page without scripts: tables, and plots as SVG.
func (r *Report) WriteHTML(out io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"recall": recallPlot, "calibration": calibrationPlot,
		"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
		"three":   func(v float64) string { return fmt.Sprintf("%.3f", v) },
		"micros":  func() string { return fmt.Sprintf("%.1f µs", float64(r.PerText)/1000) },
		"bar":     bar,
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(out, r)
}

// The plots are squares of this many units, with a margin for the scale.
const (
	side   = 160
	margin = 28
)

// recallPlot is precision over recall.
func recallPlot(points []Point) template.HTML {
	var path strings.Builder
	for i, p := range points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, margin+side*p.Recall, margin/2+side*(1-p.Precision))
	}
	return frame("recall", "precision", `<path class="curve" d="`+path.String()+`"/>`)
}

// calibrationPlot is the share that has the label over the score.
func calibrationPlot(bins [10]Bin) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<line class="ideal" x1="%d" y1="%d" x2="%d" y2="%d"/>`, margin, margin/2+side, margin+side, margin/2)
	for _, bin := range bins {
		if bin.Count > 0 {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%.1f"><title>%d texts</title></circle>`,
				margin+side*bin.Score, margin/2+side*(1-bin.Truth), min(2+float64(bin.Count)/400, 7), bin.Count)
		}
	}
	return frame("score", "share that has it", b.String())
}

// frame draws the square, its scale and what is inside, which is numbers only.
func frame(x, y, inside string) template.HTML {
	const size = side + margin*2
	return template.HTML(fmt.Sprintf( //nolint:gosec // every part is a number or a word of ours
		`<svg viewBox="0 0 %d %d" role="img" aria-label="%s over %s"><rect x="%d" y="%d" width="%d" height="%d"/>%s`+
			`<text x="%d" y="%d">0</text><text x="%d" y="%d">1</text><text x="%d" y="%d" class="axis">%s</text>`+
			`<text x="10" y="%d">1</text><text x="10" y="%d" class="axis" transform="rotate(-90 14 %d)">%s</text></svg>`,
		size, side+margin+20, y, x, margin, margin/2, side, side, inside,
		margin, margin/2+side+14, margin+side-4, margin/2+side+14, margin+side/2-16, margin/2+side+14, x,
		margin/2+8, margin/2+side/2, margin/2+side/2, y))
}

// bar draws a share.
func bar(share float64) template.HTML {
	return template.HTML(fmt.Sprintf( //nolint:gosec // a number
		`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="all" width="100" height="8"/><rect class="part" width="%.1f" height="8"/></svg>`,
		100*min(max(share, 0), 1)))
}
