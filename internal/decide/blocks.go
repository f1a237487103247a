package decide

import (
	"context"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/contact"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// knowBlocks fills in which members blocked or muted the actor, or everybody
// whom they don't know. People who may know each other are asked about both
// ways: neither is suggested to whom they blocked.
func (e *Engine) knowBlocks(ctx context.Context, ev *event.Event, in *policy.Input) {
	if e.Blocks == nil || len(in.Members) == 0 {
		return
	}
	ids := make([]string, len(in.Members))
	for i := range in.Members {
		ids[i] = in.Members[i].ID
	}
	standings, err := e.Blocks.Of(ctx, ev.Actor.ID, ids)
	noteStandings(in, standings)
	if ev.Type == event.ContactSuggest && err == nil {
		standings, err = e.Blocks.By(ctx, ev.Actor.ID, ids)
		noteStandings(in, standings)
	}
	if err != nil {
		in.Missing = append(in.Missing, policy.Missing{Input: "blocks:viewer", Why: "block store did not answer"})
		e.logDegraded("blocks", err)
	}
}

func noteStandings(in *policy.Input, standings []contact.Standing) {
	for i, s := range standings {
		m := &in.Members[i]
		switch s.Towards(m.Connected) {
		case contact.Block:
			m.Blocked = true
		case contact.Mute:
			m.Muted = true
		}
	}
}
