package main

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress is a bar on a terminal, and nothing on a pipe.
type progress struct {
	bars *mpb.Progress
	bar  *mpb.Bar
}

// newProgress begins a bar; a total of 0 is one whose end is not known.
func newProgress(w io.Writer, name string, total int64) *progress {
	if !isTerminal(w) {
		return &progress{}
	}
	bars := mpb.New(mpb.WithOutput(w), mpb.WithAutoRefresh())
	if total == 0 {
		return &progress{bars, bars.AddSpinner(0, mpb.PrependDecorators(decor.Name(name+" "), decor.CurrentNoUnit("%d")))}
	}
	return &progress{bars, bars.AddBar(total, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name+" ")), mpb.AppendDecorators(decor.Percentage()))}
}

// set says how much is done.
func (p *progress) set(done int64) {
	if p.bar != nil {
		p.bar.SetCurrent(done)
	}
}

// end takes the bar away; more than once is harmless.
func (p *progress) end() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(true)
	p.bars.Wait()
	p.bar = nil
}

// isTerminal is whether a person watches w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
