package exchange

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Source is one exchange as an operator has configured it.
type Source struct {
	Name     string        // the operator's word for it
	Protocol string        // such as ncmec
	Bank     string        // that its entries go to
	Every    time.Duration // between two syncs
	Client   Client
}

// Exchanges keep banks in step with their sources.
type Exchanges struct {
	db      *db.DB
	banks   *hashlist.Banks
	sources []Source
	o       Options
	holder  string // this process
	metrics *metrics
}

// Options of New.
type Options struct {
	Now     func() time.Time
	Sleep   func(context.Context, time.Duration) error // real time unless set
	Key     [32]byte                                   // of the names of addresses, which are not kept themselves
	Log     *slog.Logger
	Metrics *telemetry.Metrics // nowhere unless set
}

// New is over the tables that Migrations makes.
func New(d *db.DB, banks *hashlist.Banks, sources []Source, o Options) *Exchanges {
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Exchanges{db: d, banks: banks, sources: sources, o: o, holder: holder(), metrics: newMetrics(o.Metrics)}
}

const (
	// lease is how long an exchange stays taken by a process that died.
	lease = time.Minute
	// step is how many entries are written at once: decisions wait that long.
	step = 1000
	// soon is after what time a sync that failed is tried again.
	soon = 5 * time.Minute
)

// Counts is what a sync did.
type Counts struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"`
	Skipped   int `json:"skipped" doc:"Could not be read, or is of a kind that is not compared here"`
	Refused   int `json:"refused" doc:"Could not be kept, for example for its low quality"`
	Sent      int `json:"sent" doc:"Opinions that were sent back"`
}

// Errors of Sync.
var (
	ErrUnknown = errors.New("exchange: there is no exchange of this name")
	ErrTaken   = errors.New("exchange: another process is at it")
)

// SyncOptions say how a sync is to be.
type SyncOptions struct {
	IfDue    bool         // do nothing, and give ErrTaken, if its time has not come
	Shrink   bool         // believe a list that has lost more than half of its entries
	Progress func(Counts) // hears of each page
}

// Sync fetches what is new from one source and sends back what people said of
// its entries. Whatever ends it, the next goes on from its last checkpoint.
func (x *Exchanges) Sync(ctx context.Context, name string, o SyncOptions) (Counts, error) {
	i := slices.IndexFunc(x.sources, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return Counts{}, ErrUnknown
	}
	source := &x.sources[i]
	taken, shrink, err := take(ctx, x.db, name, x.holder, x.o.Now(), o.IfDue)
	switch {
	case err != nil:
		return Counts{}, fmt.Errorf("exchange: take %s: %w", name, err)
	case !taken:
		return Counts{}, ErrTaken
	}
	o.Shrink = o.Shrink || shrink
	within, cancel := context.WithCancel(ctx)
	held := x.hold(within, cancel, name)
	p := &pull{x: x, source: source, options: o, seen: map[[16]byte]bool{}}
	err = p.run(within)
	cancel()
	held.Wait()
	failure, due := "", x.o.Now().Add(spread(source.Every))
	switch {
	case ctx.Err() != nil:
		failure, due = "it was interrupted", x.o.Now()
	case err != nil:
		failure, due = err.Error(), x.o.Now().Add(again(err, source.Every))
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second) // also when told to stop
	defer cancel()
	if endErr := end(ending, x.db, name, x.holder, x.o.Now(), due, p.counts, failure); endErr != nil {
		err = errors.Join(err, fmt.Errorf("exchange: end %s: %w", name, endErr))
	}
	x.metrics.ended(name, x.o.Now(), err)
	return p.counts, err
}

// spread is a time that is not quite d, so that not all ask at the same moment.
func spread(d time.Duration) time.Duration {
	return d - d/20 + mrand.N(d/10+1) // #nosec G404 -- spreads load, guards nothing
}

// again is after what time to try again what failed.
func again(err error, every time.Duration) time.Duration {
	var status *StatusError
	if errors.As(err, &status) && status.RetryAfter > 0 {
		return status.RetryAfter
	}
	return spread(min(every, soon))
}

// hold keeps the exchange taken until ctx ends, which it ends itself if the
// exchange is lost.
func (x *Exchanges) hold(ctx context.Context, lost context.CancelFunc, name string) *sync.WaitGroup {
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(lease / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if still, err := renew(ctx, x.db, name, x.holder, x.o.Now()); err == nil && !still {
				lost()
				return
			}
		}
	})
	return &done
}

// pull is one sync under way.
type pull struct {
	x       *Exchanges
	source  *Source
	options SyncOptions
	counts  Counts

	whole  bool
	unread int               // entries of a whole pull
	final  string            // checkpoint that holds once what is gone is removed
	seen   map[[16]byte]bool // ids, in a whole pull
}

func (p *pull) run(ctx context.Context) error {
	checkpoint, err := p.x.banks.Cursor(ctx, p.source.Bank, p.source.Name)
	if err != nil {
		return err
	}
	for page, err := range p.source.Client.Pull(ctx, checkpoint) {
		if err != nil {
			return err
		}
		if err := p.keep(ctx, page); err != nil {
			return err
		}
	}
	if p.whole {
		if err := p.removeUnseen(ctx); err != nil {
			return err
		}
	}
	return p.answer(ctx)
}

// keep writes a page in steps. Its checkpoint comes with the last of them.
func (p *pull) keep(ctx context.Context, page Page) error {
	p.counts.Skipped += page.Skipped
	if page.Whole {
		p.whole, p.final, page.Checkpoint = true, page.Checkpoint, ""
		p.unread += page.Unreadable
	}
	for i := range page.Upserts {
		e := &page.Upserts[i]
		e.ID, e.Source = p.x.conceal(e.ID), p.source.Name
		if page.Whole {
			p.seen[short(e.ID)] = true
		}
	}
	for _, id := range page.Kept {
		p.seen[short(p.x.conceal(id))] = true
	}
	for i := range page.Removed {
		page.Removed[i] = p.x.conceal(page.Removed[i])
	}
	for len(page.Upserts) > step {
		if err := p.apply(ctx, page.Upserts[:step], nil, ""); err != nil {
			return err
		}
		page.Upserts = page.Upserts[step:]
	}
	return p.apply(ctx, page.Upserts, page.Removed, page.Checkpoint)
}

func (p *pull) apply(ctx context.Context, upserts []hashlist.Entry, removed []string, checkpoint string) error {
	c := hashlist.Change{Upserts: upserts, Removed: removed}
	if checkpoint != "" {
		c.Exchange, c.Cursor = p.source.Name, checkpoint
	}
	if len(upserts)+len(removed) > 0 || checkpoint != "" {
		applied, err := p.x.banks.Apply(ctx, p.source.Bank, c)
		if err != nil {
			return err
		}
		p.counts.Added += applied.Added
		p.counts.Changed += applied.Changed
		p.counts.Removed += applied.Removed
		p.counts.Unchanged += applied.Unchanged
		p.counts.Refused += len(applied.Refused)
	}
	if p.options.Progress != nil {
		p.options.Progress(p.counts)
	}
	return nil
}

// removeUnseen takes away what the whole list did not name. A list with lines
// that could not be read may name anything there, and one that lost more than
// half of what it had is more likely broken than right.
func (p *pull) removeUnseen(ctx context.Context) error {
	var gone []string
	had := 0
	_, err := p.x.banks.Each(ctx, p.source.Bank, 0, func(e hashlist.Entry) error {
		if e.Source == p.source.Name {
			had++
			if !p.seen[short(e.ID)] {
				gone = append(gone, e.ID)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case p.unread > 0:
		return fmt.Errorf("%d of the list's entries could not be read, so none of the %d that it does not name is removed", p.unread, len(gone))
	case 2*len(gone) > had && !p.options.Shrink:
		return fmt.Errorf("the list has lost %d of %d entries, which is not believed: if it is right, sync it with shrink", len(gone), had)
	}
	for len(gone) > step {
		if err := p.apply(ctx, nil, gone[:step], ""); err != nil {
			return err
		}
		gone = gone[step:]
	}
	return p.apply(ctx, nil, gone, p.final)
}

// conceal gives an entry that is named by an address another name: what a list
// holds must not be read from the database.
func (x *Exchanges) conceal(id string) string {
	address, ok := strings.CutPrefix(id, string(hashlist.URL)+":")
	if !ok {
		return id
	}
	mac := hmac.New(sha256.New, x.o.Key[:])
	mac.Write([]byte(address))
	return string(hashlist.URL) + ":" + hex.EncodeToString(mac.Sum(nil))
}

func short(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

// answer sends back what people said of the source's entries. What the source
// will never take is not tried again.
func (p *pull) answer(ctx context.Context) error {
	after := int64(0) // those of other sources stay, and must not hide what follows
	for {
		opinions, err := p.x.banks.Unsent(ctx, p.source.Bank, after, 100)
		if err != nil || len(opinions) == 0 {
			return err
		}
		for _, o := range opinions {
			after = o.Number
			ours := o.Entry.Source == p.source.Name
			if !ours && p.x.otherOf(p.source.Bank, o.Entry.Source) {
				continue // that source's to answer
			}
			if ours && o.Feedback.Verdict != hashlist.Unseen {
				switch err := p.source.Client.Send(ctx, o); {
				case err == nil:
					p.counts.Sent++
				case !never(err):
					return fmt.Errorf("feedback: %w", err)
				default:
					p.x.note("feedback is not taken", p.source.Name, err)
				}
			}
			if err := p.x.banks.Sent(ctx, o.Number); err != nil {
				return err
			}
		}
	}
}

// otherOf reports whether a source of that name feeds the bank too.
func (x *Exchanges) otherOf(bank, name string) bool {
	return slices.ContainsFunc(x.sources, func(s Source) bool {
		return s.Name == name && hashlist.Key(s.Bank) == hashlist.Key(bank)
	})
}

// never reports whether it is no use to send an opinion again.
func never(err error) bool {
	var status *StatusError
	return errors.Is(err, ErrNotTaken) ||
		errors.As(err, &status) && (status.Status == 400 || status.Status == 404 || status.Status == 409 || status.Status == 410 || status.Status == 422)
}

// Run syncs each source when it is due, until ctx ends. Several processes may
// run on one database: each source is one's at a time.
func (x *Exchanges) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range x.sources {
		all.Go(func() { x.follow(ctx, &x.sources[i]) })
	}
	all.Wait()
}

func (x *Exchanges) follow(ctx context.Context, s *Source) {
	for x.o.Sleep(ctx, x.wait(ctx, s)) == nil {
		_, err := x.Sync(ctx, s.Name, SyncOptions{IfDue: true})
		if err != nil && !errors.Is(err, ErrTaken) && ctx.Err() == nil {
			x.note("a list could not be synced", s.Name, err)
		}
	}
}

// Ask has a source synced soon, by whichever process runs. That sync believes
// a list that has lost more than half of its entries if shrink says so.
func (x *Exchanges) Ask(ctx context.Context, name string, shrink bool) error {
	if !slices.ContainsFunc(x.sources, func(s Source) bool { return s.Name == name }) {
		return ErrUnknown
	}
	if err := ask(ctx, x.db, name, x.o.Now(), shrink); err != nil {
		return fmt.Errorf("exchange: ask for %s: %w", name, err)
	}
	return nil
}

// look is how often it is looked whether a source is due: somebody may ask for
// it before its time.
const look = 10 * time.Second

// wait is how long until a source may be due, and a while at least: another
// process may be at it.
func (x *Exchanges) wait(ctx context.Context, s *Source) time.Duration {
	all, err := rows(ctx, x.db)
	if err != nil {
		x.note("it is not known when a list is due", s.Name, err)
	}
	r, known := all[s.Name]
	switch {
	case err != nil, known && r.holder != "":
		return look
	case !known:
		return 0
	}
	return min(max(moment(r.due).Sub(x.o.Now()), time.Second), look)
}

func (x *Exchanges) note(what, name string, err error) {
	if x.o.Log != nil {
		x.o.Log.Warn("an exchange needs attention", slog.String("exchange", name), slog.String("what", what), slog.Any("error", err))
	}
}

// Status is how one exchange fares.
type Status struct {
	Name      string    `json:"name" doc:"As configured"`
	Protocol  string    `json:"protocol" enum:"ncmec,stopncii,threatexchange,tcap,file"`
	Bank      string    `json:"bank" doc:"Where its entries go"`
	Every     string    `json:"every" doc:"Time between two syncs"`
	Cursor    string    `json:"cursor" doc:"Where the next sync goes on; empty is from the beginning"`
	Syncing   bool      `json:"syncing" doc:"A sync is under way"`
	Begun     time.Time `json:"begun,omitzero" doc:"The last sync"`
	Succeeded time.Time `json:"succeeded,omitzero" doc:"The last that did"`
	Failed    time.Time `json:"failed,omitzero" doc:"The last that did not"`
	Due       time.Time `json:"due,omitzero" doc:"The next"`
	Error     string    `json:"error" doc:"Of the last sync; empty if it succeeded"`
	Counts    Counts    `json:"counts" doc:"What the last sync did"`
}

// List is how all configured exchanges fare, in the order of their names.
func (x *Exchanges) List(ctx context.Context) ([]Status, error) {
	all, err := rows(ctx, x.db)
	if err != nil {
		return nil, fmt.Errorf("exchange: list: %w", err)
	}
	list := make([]Status, len(x.sources))
	for i, s := range x.sources {
		r := all[s.Name]
		cursor, err := x.banks.Cursor(ctx, s.Bank, s.Name)
		if err != nil {
			r.error = err.Error() // mostly: there is no such bank
		}
		list[i] = Status{
			Name: s.Name, Protocol: s.Protocol, Bank: s.Bank, Every: s.Every.String(), Cursor: cursor,
			Syncing: r.holder != "" && r.heldUntil > x.o.Now().UnixMicro(),
			Begun:   moment(r.begun), Succeeded: moment(r.succeeded), Failed: moment(r.failed), Due: moment(r.due),
			Error: r.error, Counts: r.counts,
		}
	}
	return list, nil
}
