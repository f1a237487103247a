package event

import (
	"fmt"
	"log/slog"
)

// LogValue says which event it is and how large, and nothing of what it says
// or whom it concerns.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", e.ID),
		slog.String("type", string(e.Type)),
		slog.String("scope", string(e.Audience.Scope)),
		slog.Int("members", len(e.Audience.Members)),
		slog.Int("text_bytes", len(e.Content.Text)),
		slog.Int("media", len(e.Content.Media)),
		slog.Int("links", len(e.Content.Links)),
	)
}

// Format keeps content and accounts out of every fmt verb, %+v included.
func (e Event) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "event(%s %s)", e.Type, e.ID)
}

// LogValue says how large the content is.
func (c Content) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("text_bytes", len(c.Text)),
		slog.Int("media", len(c.Media)),
		slog.Int("links", len(c.Links)),
	)
}

// Format keeps the content out of every fmt verb.
func (c Content) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "content(%d bytes, %d media, %d links)", len(c.Text), len(c.Media), len(c.Links))
}

// Format keeps the bytes and the address out of every fmt verb.
func (m Media) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "media(%s, %d bytes)", m.Kind, len(m.Data))
}

// LogValue says the kind and size.
func (m Media) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(m.Kind)), slog.Int("bytes", len(m.Data)))
}
