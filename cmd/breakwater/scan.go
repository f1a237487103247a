package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/scan"
	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

func newScan() *cobra.Command {
	var o scanOptions
	cmd := &cobra.Command{
		Use:   "scan PATH…",
		Short: "Find known images, videos and files in folders and archives",
		Long: `Goes through folders, tar files (also with gzip), zip files and archives in these,
such as the tar shards of training sets, and matches every image and video against
the banks. A server may be running on the same data. Parquet files are not opened.

The report has a JSON line for each image and each video, and for any file that
matches or can't be looked at: path, member (its name in an archive), kind, hashes,
matches (bank, entry, distance, kind of hash), error. Images are looked for in all
eight ways that they can be turned or mirrored, animations by eight of their frames,
videos by a frame every second, for which the ffmpeg program must be installed, and
every file by its digests. Symbolic links are not followed. An archive is given up,
with a line that says so, where it expands to more than 1 GiB and a hundred times
what it is, or lies in more than four others.

With --report, which goes into a file, a scan that was stopped or killed goes on when
the same command is given again, and has each line once. FILE.state says how far it is.

Exit status 1 says that something matched, or that something could not be looked at.`,
		Args: cobra.MinimumNArgs(1),
	}
	s := bind(cmd, storage)
	flags := cmd.Flags()
	flags.StringVar(&o.report, "report", "", "write the report to `FILE` instead of printing it")
	flags.StringSliceVar(&o.Banks, "bank", nil, "match against this bank only; may be given more than once")
	flags.BoolVar(&o.Found, "found", false, "report only what matches or can't be looked at")
	flags.BoolVar(&o.Fast, "fast", false, "take large JPEG files at a half or a quarter of their size: sooner, and a few bits less exact")
	flags.StringVar(&o.ffmpeg, "ffmpeg", "", "the ffmpeg program, with ffprobe beside it; they are looked for if not given")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		cfg, err := s.load(cmd, storage)
		if err != nil {
			return err
		}
		return o.run(cmd, cfg, paths)
	}
	return cmd
}

// scanOptions are what is asked of a scan. Those with names in JSON tell one
// scan from another.
type scanOptions struct {
	Banks  []string `json:"banks,omitempty"`
	Found  bool     `json:"found,omitempty"`
	Fast   bool     `json:"fast,omitempty"`
	report string
	ffmpeg string
}

func (o *scanOptions) run(cmd *cobra.Command, cfg *config.Config, paths []string) (err error) {
	ctx := cmd.Context()
	lists, closeLists, err := app.OpenLists(ctx, cfg)
	if err != nil {
		return failed(err)
	}
	defer func() { err = errors.Join(err, failed(closeLists())) }()
	if err := o.ready(ctx, lists, cmd.ErrOrStderr()); err != nil {
		return failed(err)
	}
	report, closeReport, err := o.open(cmd.OutOrStdout(), paths)
	if err != nil {
		return failed(err)
	}
	terminal := cmd.ErrOrStderr()
	if o.report == "" && isTerminal(cmd.OutOrStdout()) {
		terminal = io.Discard // the lines show how far it is
	}
	bar := newScanBar(terminal, paths)
	scanner := scan.Scanner{
		Lists: lists, Banks: o.Banks, Fast: o.Fast,
		Images: picture.Limits{Bytes: int64(cfg.Matching.ImageBytes), Pixels: int64(cfg.Matching.ImagePixels)},
		Videos: vpdq.FFmpeg{Path: o.ffmpeg},
	}
	err = scanner.Scan(ctx, paths, report.At(), func(d scan.Done) error {
		bar.set(d.Disk)
		return report.Add(d)
	})
	bar.end()
	totals := report.Totals()
	switch {
	case err == nil:
		report.End()
	case ctx.Err() != nil && o.report != "":
		err = errors.New("stopped; the same command goes on from here")
	case ctx.Err() != nil:
		err = errors.New("stopped")
	}
	if err := errors.Join(err, closeReport()); err != nil {
		return failed(err)
	}
	if isTerminal(terminal) {
		fmt.Fprintf(terminal, "%d files, of them %d images and %d videos: %d match, %d could not be looked at\n",
			totals.Files, totals.Images, totals.Videos, totals.Found, totals.Failed)
	}
	if totals.Found+totals.Failed > 0 {
		return &statusError{status: exitFound}
	}
	return nil
}

// ready waits for the index, and says which banks there are not, or that there
// is nothing in them.
func (o *scanOptions) ready(ctx context.Context, lists *hashlist.Lists, warnings io.Writer) error {
	if err := lists.Ready(ctx); err != nil {
		return err
	}
	asked := make([]hashlist.Bank, len(o.Banks))
	for i, name := range o.Banks {
		var err error
		if asked[i], err = lists.Bank(ctx, name); err != nil {
			return plainly(err)
		}
	}
	if len(asked) == 0 {
		var err error
		if asked, err = lists.List(ctx); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(asked, func(b hashlist.Bank) bool { return b.Entries > 0 }) {
		fmt.Fprintln(warnings, "breakwater: the banks have no entries, so nothing can match")
	}
	return nil
}

// scanReport is where lines go.
type scanReport interface {
	At() scan.Position
	Add(scan.Done) error
	End()
	Totals() scan.Totals
}

func (o *scanOptions) open(stdout io.Writer, paths []string) (scanReport, func() error, error) {
	var only func(*scan.Line) bool
	if o.Found {
		only = func(line *scan.Line) bool { return len(line.Matches) > 0 || line.Error != "" }
	}
	if o.report == "" {
		p := &printedReport{only: only, lines: bufio.NewWriter(stdout)}
		return p, p.lines.Flush, nil
	}
	what := struct {
		Paths []string `json:"paths"`
		*scanOptions
	}{nil, o}
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, nil, err
		}
		what.Paths = append(what.Paths, absolute)
	}
	name, err := json.Marshal(what)
	if err != nil {
		return nil, nil, err
	}
	r, err := scan.OpenReport(o.report, string(name))
	if err != nil {
		return nil, nil, err
	}
	r.Only = only
	return r, r.Close, nil
}

// printedReport is a report that is not kept.
type printedReport struct {
	only   func(*scan.Line) bool
	lines  *bufio.Writer
	totals scan.Totals
}

func (p *printedReport) At() scan.Position   { return scan.Position{} }
func (p *printedReport) Totals() scan.Totals { return p.totals }
func (p *printedReport) End()                {}

func (p *printedReport) Add(d scan.Done) error {
	p.totals.Add(d.Line)
	if d.Line == nil || p.only != nil && !p.only(d.Line) {
		return nil
	}
	if _, err := scan.WriteLine(p.lines, d.Line); err != nil {
		return err
	}
	return p.lines.Flush()
}
