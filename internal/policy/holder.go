package policy

import "sync/atomic"

// Holder holds the bundle that is being served. Load and Replace are atomic:
// an event is decided under one whole bundle, the old or the new.
type Holder struct {
	bundle atomic.Pointer[Bundle]
}

// NewHolder holds b.
func NewHolder(b *Bundle) *Holder {
	h := &Holder{}
	h.bundle.Store(b)
	return h
}

// Load is the bundle being served.
func (h *Holder) Load() *Bundle { return h.bundle.Load() }

// Replace serves b from now on and returns what was served before.
func (h *Holder) Replace(b *Bundle) *Bundle { return h.bundle.Swap(b) }

// Reload serves what load compiles. If load fails, the old bundle is kept and
// the error returned: a broken bundle never replaces a good one.
func (h *Holder) Reload(load func() (*Bundle, error)) error {
	b, err := load()
	if err != nil {
		return err
	}
	h.bundle.Store(b)
	return nil
}
