package decide

import (
	"context"
	"database/sql"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// Restraint has effects that sanction somebody wait for a person, where too
// many of them come at once or a rule must not have them by itself. It is safe
// for concurrent use, and quick where no effect sanctions anybody.
type Restraint interface {
	// Hold returns the proposed effects, those that wait with the reason filled
	// in, and counts the others against their rule's quota. It does not change
	// what it is given.
	Hold(ctx context.Context, p *Proposed) []decision.Effect
	// Settle says what became of p, of which Hold returned the effects: whether
	// its decision was made. If it was not, it does not count.
	Settle(p *Proposed, made bool)
}

// Proposed is what would follow from a decision that is about to be made.
type Proposed struct {
	At      time.Time
	Account string         // who acted
	Content string         // id, or empty
	Actor   policy.Subject // the account, as policy knows it
	Reasons []decision.Reason
	Effects []decision.Effect
}

// Carrier carries out the effects of one kind.
type Carrier interface {
	// Carry carries out, or stores to wait, one effect of a decision in the
	// decision's transaction. It is called once for each effect of a decision
	// that is new, though the transaction may be undone and tried again.
	Carry(ctx context.Context, tx *sql.Tx, c *Consequence) error
}

// Consequence is one effect of a decision that is being made.
type Consequence struct {
	Decision string // id
	At       time.Time
	Effect   decision.Effect
	Kind     decision.Kind // of harm, by the rule that asks for the effect; may be empty
	Account  string        // who acted; empty where the effect is about content alone
	Content  string        // id, or empty
	Youngest int           // the age in years that the account has at least
}

// restrain marks what of the draft's effects waits for a person.
func (e *Engine) restrain(ctx context.Context, d *draft, at time.Time) []decision.Effect {
	if e.Restraint == nil || len(d.result.Effects) == 0 {
		return d.result.Effects
	}
	d.proposed = &Proposed{
		At: at, Account: d.event.Actor.ID, Content: d.event.Content.ID, Actor: d.input.Actor,
		Reasons: d.result.Reasons, Effects: d.result.Effects,
	}
	d.proposed.Effects = e.Restraint.Hold(ctx, d.proposed)
	return d.proposed.Effects
}

// settle says of every draft that was restrained what became of it. Without
// answers none was made, unless the caller left first, when nobody knows: then
// all count.
func (e *Engine) settle(ctx context.Context, drafts []*draft, answers []journal.Appended) {
	for i, d := range drafts {
		if d.proposed == nil {
			continue
		}
		made := ctx.Err() != nil
		if answers != nil {
			made = answers[i].Status == journal.Fresh
		}
		e.Restraint.Settle(d.proposed, made)
	}
}

// carry has an effect carried out by whoever carries out its kind.
func (e *Engine) carry(ctx context.Context, tx *sql.Tx, entry *journal.Entry, d *draft, effect *decision.Effect) error {
	carrier, ok := e.Carriers[effect.Kind]
	if !ok {
		return nil
	}
	c := Consequence{
		Decision: entry.Decision.ID, At: entry.Decision.Time, Effect: *effect,
		Content: d.event.Content.ID, Youngest: d.input.Actor.From,
	}
	if aboutSomebody(*effect) { // a label on content is nobody's, whoever looked at it
		c.Account = d.event.Actor.ID
	}
	for i := range entry.Decision.Reasons {
		if r := &entry.Decision.Reasons[i]; r.Rule == effect.Rule {
			c.Kind = r.Kind
		}
	}
	return carrier.Carry(ctx, tx, &c)
}
