// Package decide is the spine: an event comes in, a durable decision goes
// out. Engine.Decide is the product's sentence; every feature hangs off it.
package decide

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/contact"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/detect/conversation"
	"github.com/breakwater-project/breakwater/internal/journal"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/policy"
)

// Engine decides events. All fields but Restraint, Carriers, Observe, Metrics
// and Log are required;
// it is safe for concurrent use.
type Engine struct {
	Accounts *age.Accounts
	Labels   *label.Labels
	Blocks   *contact.Blocks // nil: nobody blocks anybody
	Rules    *Rules
	Journal  *journal.Log
	Contents *Contents
	Vault    *Vault
	Counters counter.Store

	Conversations *conversation.Memory

	Restraint Restraint                       // nil: no effect waits
	Carriers  map[decision.EffectKind]Carrier // who carries out the effects that are not carried out here

	Usage    Usage    // nil: how long people are online is not known
	Exposure Exposure // nil: what viewers were shown is not remembered

	Clock      *policy.Clock // what hour it is where somebody is
	Youngest   event.Band    // the youngest band the operator admits: what unknown ages are taken for
	Markets    []string      // jurisdictions served besides those of the people involved
	ContentKey [32]byte      // keys the digests of content

	Now     func() time.Time
	Observe func(*event.Event, *decision.Decision) // must not block
	Metrics *Metrics
	Log     *slog.Logger

	warned atomic.Int64 // when a missing input was last logged, in nanoseconds
}

// Answer is a decision and its JSON, encoded once for the journal and the caller.
type Answer struct {
	Decision decision.Decision
	Encoded  []byte
}

// ErrConflict is the answer to an event whose (type, id) was decided before
// with another body.
var ErrConflict = errors.New("decide: an event of this type and id was decided before with another body")

// Decide answers one valid event. The decision is durable when it returns;
// the same event again has the same answer.
func (e *Engine) Decide(ctx context.Context, ev *event.Event) (Answer, error) {
	d := e.look(ctx, ev)
	e.judge(ctx, d)
	answers, err := e.commit(ctx, []*draft{d})
	if err != nil {
		return Answer{}, err
	}
	return answers[0].Answer, answers[0].Err
}

// BatchAnswer is the answer to one event of a batch, or why there is none.
type BatchAnswer struct {
	Answer
	Err error
}

// DecideBatch answers valid events in their order, in one transaction. Each
// remembers those before it.
func (e *Engine) DecideBatch(ctx context.Context, events []*event.Event) ([]BatchAnswer, error) {
	drafts := make([]*draft, len(events))
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(events))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(events); i += workers {
				drafts[i] = e.look(ctx, events[i])
			}
		})
	}
	wg.Wait()
	for _, d := range drafts {
		e.judge(ctx, d)
	}
	return e.commit(ctx, drafts)
}

// draft is a decision that is not durable yet, with all that was seen.
type draft struct {
	event  *event.Event
	body   [32]byte // digest as received, before defaults
	input  policy.Input
	rules  *rules
	result policy.Result
	begun  time.Time

	proposed *Proposed      // what Restraint was asked; nil if it was not
	answer   Answer         // if the event is new; the journal may keep less
	zone     *time.Location // by which the actor lives; nil if nobody knows
}

// look finds out what the event itself, its people and its content tell.
func (e *Engine) look(ctx context.Context, ev *event.Event) *draft {
	d := &draft{event: ev, body: ev.Digest(), rules: e.Rules.load(), begun: time.Now()}
	d.input = policy.InputOf(ev)
	if d.input.Time.IsZero() {
		d.input.Time = e.Now().UTC()
	}
	d.input.Protective, d.input.Markets = e.Youngest, e.Markets
	e.place(ev, &d.input)
	e.knowAges(ctx, ev, &d.input)
	e.locate(d)
	d.coarsen()
	e.knowLabels(ctx, ev, &d.input)
	e.knowBlocks(ctx, ev, &d.input)
	e.attend(d)
	e.expose(ctx, d)
	e.detect(ctx, d.rules, ev, &d.input)
	return d
}

// judge recalls what came before, and evaluates policy. Events are judged in
// their order.
func (e *Engine) judge(ctx context.Context, d *draft) {
	e.recallUse(d)
	e.recall(ctx, d.rules, actOf(d.event, &d.input))
	d.result = d.rules.bundle.Eval(ctx, &d.input)
}

// knowAges fills in how old the actor and each member may be. An account
// store that does not answer makes everybody's age unknown, which protects.
func (e *Engine) knowAges(ctx context.Context, ev *event.Event, in *policy.Input) {
	ids := make([]string, 0, 1+len(ev.Audience.Members))
	ids = append(ids, ev.Actor.ID)
	for i := range ev.Audience.Members {
		ids = append(ids, ev.Audience.Members[i].ID)
	}
	accounts, err := e.Accounts.Of(ctx, ids)
	if err != nil {
		in.Missing = append(in.Missing, policy.Missing{Input: "age:accounts", Why: "account store did not answer"})
		e.logDegraded("accounts", err)
	}
	a := &ev.Actor
	in.Actor = e.subject(accounts, err != nil, a.ID, a.Age, a.Country, a.Created, in.Time)
	if known, ok := accounts[a.ID]; ok && in.Language == "" {
		in.Language = known.Locale
	}
	for i := range ev.Audience.Members {
		m := &ev.Audience.Members[i]
		in.Members[i].Subject = e.subject(accounts, err != nil, m.ID, m.Age, m.Country, time.Time{}, in.Time)
	}
}

// subject is one account as policy may know it.
func (e *Engine) subject(accounts map[string]age.Account, failed bool, id string, inline *event.Age, country string, created, at time.Time) policy.Subject {
	var known *age.Account
	if account, ok := accounts[id]; ok {
		known = &account
	}
	if failed {
		inline = nil // what the server may know to be younger can't be read, so nothing is believed
	}
	r := age.Resolve(known, inline, country, created, e.Youngest, at)
	return policy.Subject{
		Band: r.Band, From: r.Interval.From, To: r.Interval.To,
		Basis: r.Basis, Proven: r.Proven, Country: r.Country, Region: r.Region,
		AccountDays: policy.AccountDays(r.Created, at),
		LocalHour:   e.Clock.Hour(r.Country, r.Region, at),
	}
}

// knowLabels fills in what the platform has labelled actor and content as.
func (e *Engine) knowLabels(ctx context.Context, ev *event.Event, in *policy.Input) {
	labels, err := e.Labels.Of(ctx, ev.Actor.ID, ev.Content.ID)
	if err != nil {
		in.Missing = append(in.Missing,
			policy.Missing{Input: "label:actor", Why: "label store did not answer"},
			policy.Missing{Input: "label:content", Why: "label store did not answer"})
		e.logDegraded("labels", err)
		return
	}
	in.Labels = labels
}

// detect runs the detectors whose signals the rules for this event read.
func (e *Engine) detect(ctx context.Context, r *rules, ev *event.Event, in *policy.Input) {
	seen := r.detect.Run(ctx, ev, r.looks(ev.Type))
	in.Signals = seen.Signals
	for _, m := range seen.Missing {
		in.Missing = append(in.Missing, policy.Missing{Input: "signal:" + m.Signal, Why: m.Why})
	}
}

// commit makes the drafts durable in one transaction, with what follows from
// each, and answers them in order.
func (e *Engine) commit(ctx context.Context, drafts []*draft) ([]BatchAnswer, error) {
	entries := make([]*journal.Entry, len(drafts))
	bySeq := make(map[int64]*draft, len(drafts))
	var results []journal.Appended
	defer func() { e.settle(ctx, drafts, results) }()
	for i, d := range drafts {
		entry, err := e.entry(ctx, d)
		if err != nil {
			return nil, err
		}
		entries[i], bySeq[entry.Seq] = entry, d
	}
	// The transaction is shared with other callers: one that hangs up must not
	// end it for all.
	shared := context.WithoutCancel(ctx)
	var err error
	results, err = e.Journal.Append(ctx, entries, func(tx *sql.Tx, fresh []*journal.Entry) error {
		for _, entry := range fresh {
			if err := e.follow(shared, tx, entry, bySeq[entry.Seq]); err != nil {
				return fmt.Errorf("decide: follow %s: %w", entry.Decision.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("decide: commit: %w", err)
	}
	answers := make([]BatchAnswer, len(drafts))
	for i, d := range drafts {
		answers[i] = e.answer(results[i], d)
	}
	return answers, nil
}

// entry is the draft as the journal keeps it.
func (e *Engine) entry(ctx context.Context, d *draft) (*journal.Entry, error) {
	seq, now := e.Journal.NextSeq(), e.Now().UTC()
	r := &d.result
	dec := decision.Decision{
		ID: journal.ID(seq), Event: d.event.ID, Type: d.event.Type, Time: now,
		Outcome: r.Outcome, Apparent: r.Apparent, Bands: r.Bands, Members: r.Members,
		Reasons: list(r.Reasons), Effects: list(e.restrain(ctx, d, now)), Signals: list(d.input.Signals),
		Notice: r.Notice, Degraded: list(r.Degraded),
		Policy:        decision.Policy{Bundle: d.rules.bundle.Name(), Digest: d.rules.bundle.Digest()},
		Jurisdictions: list(r.Jurisdictions),
	}
	d.answer = Answer{Decision: dec, Encoded: dec.AppendJSON(make([]byte, 0, 1024))}
	entry := &journal.Entry{
		Seq: seq, Decision: dec, Encoded: d.answer.Encoded, Body: d.body,
		ContentDigest: e.contentDigest(&d.event.Content), Shadow: r.Shadow,
		Actor: d.event.Actor.ID, Content: d.event.Content.ID,
	}
	kept := &d.input
	if alone(d.event.Type) {
		kept = e.unname(d, entry)
	}
	var err error
	if entry.Input, err = json.Marshal(kept); err != nil {
		return nil, fmt.Errorf("decide: encode input: %w", err)
	}
	return entry, nil
}

// list makes an absent list an empty one, as the contract has it.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// contentDigest lets the same content be recognised later without keeping it.
// It is keyed, so that nobody without the key can test guesses against it.
func (e *Engine) contentDigest(c *event.Content) []byte {
	if c.Text == "" && len(c.Media) == 0 && len(c.Links) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, e.ContentKey[:])
	part := func(data []byte) {
		var size [8]byte
		for i := range size {
			size[i] = byte(len(data) >> (8 * i))
		}
		mac.Write(size[:])
		mac.Write(data)
	}
	part([]byte(c.Text))
	for i := range c.Media {
		part(c.Media[i].Data)
		part([]byte(c.Media[i].URL))
		part([]byte(c.Media[i].SHA256))
	}
	for _, link := range c.Links {
		part([]byte(link))
	}
	return mac.Sum(nil)
}

// answer reports a committed draft to whoever wants to know.
func (e *Engine) answer(r journal.Appended, d *draft) BatchAnswer {
	switch r.Status {
	case journal.Conflict:
		return BatchAnswer{Err: ErrConflict}
	case journal.Duplicate:
		return BatchAnswer{Answer: e.again(r.Entry, d.event)}
	}
	dec := &d.answer.Decision
	e.Metrics.decided(dec, len(d.result.Shadow), time.Since(d.begun))
	if e.Observe != nil {
		e.Observe(d.event, dec)
	}
	if e.Log != nil {
		e.Log.Info("decision", slog.Any("decision", r.Entry.Decision))
	}
	return BatchAnswer{Answer: d.answer}
}

// Replay evaluates again what a journal entry's Eval saw, under bundle.
func Replay(ctx context.Context, entry *journal.Entry, bundle *policy.Bundle) (policy.Input, policy.Result, error) {
	in, err := inputOf(entry)
	if err != nil {
		return in, policy.Result{}, err
	}
	return in, bundle.Eval(ctx, &in), nil
}

// inputOf is what an entry's Eval saw.
func inputOf(entry *journal.Entry) (in policy.Input, err error) {
	if err := json.Unmarshal(entry.Input, &in); err != nil {
		return in, fmt.Errorf("decide: input of %s: %w", entry.Decision.ID, err)
	}
	return in, nil
}
