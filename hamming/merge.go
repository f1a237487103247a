package hamming

import "slices"

// seal begins a new tail. It is called with writing held.
func (x *Index) seal(v *view) *view {
	next := &view{tails: append([]*tail{newTail(x.tailSize)}, v.tails...), segments: v.segments}
	x.now.Store(next)
	return next
}

// Compact merges everything into one segment, which searches fastest, and
// returns when it is done. Nothing needs it: merges happen by themselves.
func (x *Index) Compact() {
	x.merge(func(v *view) work {
		if v.tails[0].n.Load() > 0 {
			v = x.seal(v)
		}
		w := work{tails: v.tails[1:], segments: v.segments}
		if len(w.tails) == 0 && len(w.segments) == 1 && w.segments[0].killed.Load() == 0 {
			return work{}
		}
		return w
	})
}

// work is what a merge takes in.
type work struct {
	tails    []*tail
	segments []*segment
}

func (w work) none() bool { return len(w.tails)+len(w.segments) == 0 }

// due is what should be merged: full tails, and with them, or without, the
// segments up to the largest that is no more than twice all smaller ones
// together. So segments about double in size, and an entry is merged only as
// often as its segment doubles.
func (v *view) due() work {
	w := work{tails: v.tails[1:]}
	smaller, from := 0, len(v.segments)
	for _, t := range w.tails {
		smaller += t.live()
	}
	for i, s := range slices.Backward(v.segments) {
		if s.wasteful() || smaller > 0 && len(s.ids) <= 2*smaller {
			from = i
		}
		smaller += len(s.ids)
	}
	w.segments = v.segments[from:]
	return w
}

// mergeInBackground has a goroutine do what is due, if anything is and none
// does. It is called with writing held.
func (x *Index) mergeInBackground() {
	if x.background || x.now.Load().due().none() {
		return
	}
	x.background = true
	go func() {
		for {
			x.merge((*view).due)
			x.writing.Lock()
			if x.now.Load().due().none() {
				x.background = false
				x.writing.Unlock()
				return
			}
			x.writing.Unlock()
		}
	}()
}

// merge replaces what choose picks by one segment. Searches go on with what
// there was, and so do changes; deletions in between are repeated in the new
// segment before it is seen.
func (x *Index) merge(choose func(*view) work) {
	x.merging.Lock()
	defer x.merging.Unlock()

	x.writing.Lock()
	w := choose(x.now.Load())
	x.recording = !w.none()
	x.writing.Unlock()
	if w.none() {
		return
	}

	merged := w.merged(x.banded)

	x.writing.Lock()
	defer x.writing.Unlock()
	for _, e := range x.deleted {
		merged.kill(e)
	}
	x.recording, x.deleted = false, nil
	x.now.Store(x.now.Load().without(w).with(merged))
}

func (w work) merged(banded int) *segment {
	n := 0
	for _, t := range w.tails {
		n += t.live()
	}
	for _, s := range w.segments {
		n += s.live()
	}
	entries := make([]Entry, 0, n)
	for _, t := range w.tails {
		entries = t.appendLive(entries)
	}
	for _, s := range w.segments {
		entries = s.appendLive(entries)
	}
	return build(entries, banded)
}

// without is v less what was merged.
func (v *view) without(w work) *view {
	return &view{
		tails:    slices.DeleteFunc(slices.Clone(v.tails), func(t *tail) bool { return slices.Contains(w.tails, t) }),
		segments: slices.DeleteFunc(slices.Clone(v.segments), func(s *segment) bool { return slices.Contains(w.segments, s) }),
	}
}
