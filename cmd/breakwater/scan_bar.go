package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/breakwater-project/breakwater/internal/hashlist/scan"
)

// scanBar shows how far a scan is, how fast, and how long it will take, on a
// terminal; on a pipe it shows nothing.
type scanBar struct {
	bars  *mpb.Progress
	bar   *mpb.Bar
	begun time.Time
	first atomic.Int64 // bytes that were done when it began
	done  atomic.Int64 // bytes now
	files atomic.Int64
}

func newScanBar(w io.Writer, paths []string) *scanBar {
	b := &scanBar{begun: time.Now()}
	if !isTerminal(w) {
		return b
	}
	b.first.Store(-1)
	b.bars = mpb.New(mpb.WithOutput(w), mpb.WithAutoRefresh(), mpb.WithRefreshRate(200*time.Millisecond))
	b.bar = b.bars.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("scanning "), decor.Any(func(decor.Statistics) string { return b.rate(time.Since(b.begun)) })),
		mpb.AppendDecorators(decor.Percentage(), decor.Any(func(s decor.Statistics) string { return b.left(time.Since(b.begun), s.Total) })))
	go func() { b.bar.SetTotal(scan.Size(paths), false) }()
	return b
}

// set says how many bytes are done, after one more file.
func (b *scanBar) set(bytes int64) {
	if b.bar == nil {
		return
	}
	b.first.CompareAndSwap(-1, bytes)
	b.done.Store(bytes)
	b.files.Add(1)
	b.bar.SetCurrent(bytes)
}

// rate is how many files there were, and how many in a second.
func (b *scanBar) rate(after time.Duration) string {
	n := b.files.Load()
	return fmt.Sprintf("%d files, %.0f/s ", n, float64(n)/max(after.Seconds(), 1e-3))
}

// left is how long the rest takes if it goes on like that.
func (b *scanBar) left(after time.Duration, total int64) string {
	done := b.done.Load()
	since := done - b.first.Load()
	if since <= 0 || total < done {
		return " … left"
	}
	rest := time.Duration(float64(total-done) / float64(since) * float64(after))
	return " " + rest.Round(time.Second).String() + " left"
}

// end takes the bar away.
func (b *scanBar) end() {
	if b.bar != nil {
		b.bar.Abort(true)
		b.bars.Wait()
	}
}
