package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAtOnce is how many cards a message carries once a page has caught up:
// more than that in a tick nobody can read, so the rest is only counted.
const maxAtOnce = 20

// maxStreams is how many pages may be open at once.
const maxStreams = 32

// beat is how long a stream stays silent at most.
const beat = time.Second

// batch is one message of a stream.
type batch struct {
	Run     string  `json:"run"`
	Total   uint64  `json:"total"`   // events since the server started
	Skipped uint64  `json:"skipped"` // events since the last message that it does not carry
	Cards   []*card `json:"cards"`
}

// stream sends the feed as server-sent events. A page that connects again says
// how far it had come (?after=run.number, or Last-Event-ID).
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	if !c.opts.Live || !c.signedIn(r) {
		http.Error(w, "sign in with the link that the server printed", http.StatusForbidden)
		return
	}
	defer c.streams.Add(-1)
	if c.streams.Add(1) > maxStreams {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many live pages are open", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies must pass each message on
	seen := c.feed.place(r.URL.Query().Get("after"))
	limit, last := feedSize, time.Time{}
	ticker := time.NewTicker(c.tick)
	defer ticker.Stop()
	for {
		cards, total := c.feed.after(seen, limit)
		if now := time.Now(); len(cards) > 0 || now.Sub(last) >= beat {
			skipped := total - min(seen, total) - uint64(len(cards))
			if c.send(w, batch{c.feed.run, total, skipped, cards}) != nil || !c.signedIn(r) {
				return
			}
			seen, limit, last = total, maxAtOnce, now
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-c.opts.Done:
			return
		}
	}
}

// place is the number of a place that a page names; 0, the beginning, if the
// place is of another run.
func (f *feed) place(after string) uint64 {
	number, ok := strings.CutPrefix(after, f.run+".")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// send writes one message, within the browser's time to read it.
func (c *Console) send(w http.ResponseWriter, b batch) error {
	data, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("console: encode: %w", err)
	}
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return fmt.Errorf("console: deadline: %w", err)
	}
	if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
		return fmt.Errorf("console: send: %w", err)
	}
	return control.Flush()
}
