package decide

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/label"
)

// follow carries out, in the decision's own transaction, what follows from it
// here, and has the effects of other features carried out by them.
func (e *Engine) follow(ctx context.Context, tx *sql.Tx, entry *journal.Entry, d *draft) error {
	if entry.Content != "" && len(entry.Decision.Bands) > 0 && !alone(entry.Decision.Type) {
		if err := e.Contents.put(ctx, tx, entry); err != nil {
			return err
		}
	}
	for i := range entry.Decision.Effects {
		switch effect := &entry.Decision.Effects[i]; effect.Kind {
		case decision.Label:
			if effect.Waits != "" {
				break
			}
			if err := e.applyLabel(ctx, tx, d.event, effect); err != nil {
				return err
			}
		case decision.Preserve:
			if err := e.Vault.seal(ctx, tx, entry, d.event); err != nil {
				return err
			}
		default: // others carry it out
		}
		if err := e.carry(ctx, tx, entry, d, &entry.Decision.Effects[i]); err != nil {
			return err
		}
	}
	return nil
}

// applyLabel puts a rule's label on the content or the actor.
func (e *Engine) applyLabel(ctx context.Context, tx *sql.Tx, ev *event.Event, effect *decision.Effect) error {
	l := label.Label{Kind: effect.Label, Source: "rule:" + effect.Rule}
	switch {
	case effect.Target == "actor":
		l.Account = ev.Actor.ID
	case ev.Content.ID != "":
		l.Content = ev.Content.ID
	default:
		return nil // the content has no id to remember it by
	}
	if effect.Hours > 0 {
		l.Expires = e.Now().Add(time.Duration(effect.Hours) * time.Hour)
	}
	return e.Labels.PutTx(ctx, tx, l)
}

// joinKinds lists the kinds of harm of the reasons, each once.
func joinKinds(reasons []decision.Reason) string {
	var kinds []string
	seen := map[decision.Kind]bool{"": true}
	for _, r := range reasons {
		if !seen[r.Kind] {
			seen[r.Kind] = true
			kinds = append(kinds, string(r.Kind))
		}
	}
	return strings.Join(kinds, ",")
}
