package hashlist

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

// Options are what banks and lists need.
type Options struct {
	Key       [32]byte                     // of the digests of URLs: the same wherever the database is used
	Canonical func(string) (string, error) // the form in which links are compared; without, there are none
	Now       func() time.Time

	// For Lists:

	Dir      string // of the snapshot of the index; none is kept unless set
	ReadOnly bool   // another process keeps the snapshot, and counts matches
	Outbreak Outbreak
	Metrics  *telemetry.Metrics // nowhere unless set
	Log      *slog.Logger       // nowhere unless set
}

// Lists are the banks with an index, which follows the database.
type Lists struct {
	*Banks
	o       Options
	log     *slog.Logger
	metrics *metrics
	hits    *hits

	rowsRead atomic.Int64 // from the database, into the index

	index atomic.Pointer[index]              // nil until it is loaded
	banks atomic.Pointer[map[int64]*bankRow] // by number

	following sync.Mutex // held by whoever changes the index
	stale     int64      // entries in it whose banks are gone
	tolerated int64      // so many of them are no reason to make it anew
	remaking  bool       // a smaller one is being made
	saved     int64      // seq of the snapshot
	savedAt   time.Time

	loaded chan struct{} // closed once there is an index
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// ErrLoading is what Match says while the index is being made.
var ErrLoading = errors.New("hashlist: the index is being loaded")

// atOnce is how many entries Open waits for; more are loaded while the server
// already runs, and matching says so until then.
const atOnce = 500_000

// Open opens the index: from its snapshot, and what has changed since from the
// database. Close ends it.
func Open(ctx context.Context, d *db.DB, o Options) (*Lists, error) {
	l := &Lists{Banks: New(d, o), o: o, log: o.Log, hits: newHits(o), loaded: make(chan struct{}), tolerated: 100_000}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if err := nameDatabase(ctx, d); err != nil {
		return nil, wrap("open", err)
	}
	l.metrics = newMetrics(o.Metrics, l)
	l.changed = l.seeNow
	if x := l.readSnapshot(ctx); x != nil {
		l.publish(x)
	}
	missing, err := l.missing(ctx)
	if err != nil {
		return nil, wrap("open", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	if missing <= atOnce {
		if err := l.Refresh(ctx); err != nil {
			stop()
			return nil, wrap("open", err)
		}
	}
	l.ended.Go(func() { l.follow(running) })
	return l, nil
}

// missing is about how many entries have to be read before there is an index.
func (l *Lists) missing(ctx context.Context) (int64, error) {
	if l.index.Load() != nil {
		return 0, nil
	}
	banks, err := allBanks(ctx, l.db.Read)
	var n int64
	for _, b := range banks {
		n += b.Entries
	}
	return n, err
}

// Ready waits until there is an index.
func (l *Lists) Ready(ctx context.Context) error {
	select {
	case <-l.loaded:
		return nil
	case <-ctx.Done():
		return errors.Join(ErrLoading, ctx.Err())
	}
}

// Loaded reports whether there is an index.
func (l *Lists) Loaded() bool { return l.index.Load() != nil }

// Has reports whether there is a bank of that name, as the index knows it.
func (l *Lists) Has(bank string) bool {
	banks := l.banks.Load()
	if banks == nil {
		return false
	}
	for _, b := range *banks {
		if Key(b.Name) == Key(bank) {
			return true
		}
	}
	return false
}

// Size is how many hashes of a kind the index has; of VPDQ, frames.
func (l *Lists) Size(kind Kind) int {
	x := l.index.Load()
	if x == nil {
		return 0
	}
	return x.size(kind)
}

// Close ends the following of the database and keeps a snapshot.
func (l *Lists) Close() error {
	l.stop()
	l.ended.Wait()
	l.following.Lock()
	defer l.following.Unlock()
	return errors.Join(l.flushHits(context.Background()), l.save())
}

func (l *Lists) publish(x *index) {
	if l.index.Swap(x) == nil {
		close(l.loaded)
	}
}

// Others' changes are seen within about a second.
const pollEvery = 500 * time.Millisecond

// follow looks for others' changes until Close.
func (l *Lists) follow(ctx context.Context) {
	failing := false
	for {
		jitter := time.Duration(rand.Int64N(int64(pollEvery))) //nolint:gosec // only to spread load
		select {
		case <-time.After(pollEvery/2 + jitter):
		case <-l.hits.ready:
		case <-ctx.Done():
			return
		}
		err := errors.Join(l.Refresh(ctx), l.flushHits(ctx), l.saveIfDue())
		if err != nil && ctx.Err() == nil && !failing {
			l.log.Warn("the index of known hashes does not follow the database", slog.Any("error", err))
		}
		failing = err != nil
		if l.wastes() {
			l.ended.Go(func() { l.remake(ctx) })
		}
	}
}

// seeNow brings a change of our own into the index before its maker hears of
// it. If that fails, follow tries again.
func (l *Lists) seeNow(ctx context.Context) {
	if !l.Loaded() {
		return
	}
	if err := l.Refresh(ctx); err != nil && ctx.Err() == nil {
		l.log.Warn("a change of the banks is not in the index yet", slog.Any("error", err))
	}
}

// Refresh brings the index to where the database is.
func (l *Lists) Refresh(ctx context.Context) error {
	l.following.Lock()
	defer l.following.Unlock()
	state, err := readState(ctx, l.db.Read)
	if err != nil {
		return wrap("refresh", err)
	}
	x := l.index.Load()
	if x != nil && x.seq == state.seq && l.banks.Load() != nil {
		return nil
	}
	if err := l.readBanks(ctx); err != nil {
		return wrap("refresh", err)
	}
	switch {
	case x != nil && x.seq == state.seq: // a snapshot of now
		return nil
	case x != nil && x.seq < state.seq:
		return wrap("refresh", l.catchUp(ctx, x, state.seq))
	}
	if x, err = l.load(ctx, state.seq); err != nil {
		return wrap("load", err)
	}
	l.publish(x)
	return nil
}

// wastes reports whether the index should be made anew, which is then under
// way.
func (l *Lists) wastes() bool {
	l.following.Lock()
	defer l.following.Unlock()
	x := l.index.Load()
	if l.remaking || x == nil || l.stale <= l.tolerated || 4*l.stale <= int64(x.total()) {
		return false
	}
	l.remaking = true
	return true
}

// remake makes the index anew while the one there is goes on.
func (l *Lists) remake(ctx context.Context) {
	fresh, seq, err := l.loadNow(ctx)
	l.following.Lock()
	defer l.following.Unlock()
	l.remaking = false
	if err == nil {
		err = l.catchUp(ctx, fresh, seq)
	}
	if err != nil {
		l.log.Warn("the index of known hashes is not made smaller", slog.Any("error", err))
		return
	}
	l.stale = 0
	l.publish(fresh)
}

// loadNow is an index of what there is now, and the number of a change that
// is in it.
func (l *Lists) loadNow(ctx context.Context) (*index, int64, error) {
	state, err := readState(ctx, l.db.Read)
	if err != nil {
		return nil, 0, err
	}
	x, err := l.load(ctx, state.seq)
	return x, state.seq, err
}

func (l *Lists) readBanks(ctx context.Context) error {
	rows, err := allBanks(ctx, l.db.Read)
	if err != nil {
		return err
	}
	banks := make(map[int64]*bankRow, len(rows))
	for i := range rows {
		banks[rows[i].id] = &rows[i]
	}
	if had := l.banks.Load(); had != nil {
		for id, b := range *had {
			if banks[id] == nil {
				l.stale += b.Entries
			}
		}
	}
	l.banks.Store(&banks)
	return nil
}

// catchUp brings in the changes after x.seq up to seq, at least.
func (l *Lists) catchUp(ctx context.Context, x *index, seq int64) error {
	in := &intake{x: x}
	defer in.end()
	last, bank, num := x.seq+1, int64(0), int64(0)
	for rows := page; rows == page; {
		rows = 0
		err := entriesSince(ctx, l.db.Read, last, bank, num, func(e *entryRow) error {
			rows++
			l.rowsRead.Add(1)
			last, bank, num = e.seq, e.bank, e.num
			return in.row(e)
		})
		if err != nil {
			return err
		}
	}
	in.end()
	x.seq = seq
	return nil
}

// load makes an index of everything that there is at change seq, or later.
func (l *Lists) load(ctx context.Context, seq int64) (*index, error) {
	x := newIndex()
	in := &intake{x: x}
	for id := range *l.banks.Load() {
		after := int64(0)
		for rows := page; rows == page; {
			rows = 0
			err := entriesOf(ctx, l.db.Read, id, after, page, func(e *entryRow) error {
				rows++
				l.rowsRead.Add(1)
				after = e.num
				return in.row(e)
			})
			if err != nil {
				return nil, err
			}
		}
	}
	in.end()
	x.seq = seq
	return x, nil
}
