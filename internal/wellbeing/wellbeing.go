// Package wellbeing looks after people's time: how long they are online without
// a break and on a day, whether a push may reach them now, and how much of one
// kind of harm a feed has shown them.
//
// It keeps what it must for that in memory, and nothing of a person in the
// database. In memory nobody has a name either: people are keyed digests under
// a salt that changes every day (UTC) and is gone two days later, so that not
// even this process can tell who was online the week before. In the database
// are counts by band and day, only if the operator wants them, and only of
// groups that are large enough.
package wellbeing

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/decide"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's table.
func Migrations() db.Source { return db.Source{Package: "wellbeing", FS: migrations} }

// Options of a Wellbeing. The zero value of all but DB and Counts is safe.
type Options struct {
	DB     *db.DB        // for counts by band and day
	Counts counter.Store // for what viewers were shown
	Keep   bool          // keep counts by band and day; off unless set

	// Gap is the longest time between two events of a session: after that it has
	// ended where the last one was. Default 10 minutes.
	Gap time.Duration
	// Break is the shortest pause that is a break. Default 5 minutes.
	Break time.Duration
	// People is how many are kept at most; beyond, those go who were online least
	// recently. Default 1,000,000.
	People int

	Now func() time.Time // default time.Now
	Log *slog.Logger     // nil: nothing is logged
}

func (o *Options) defaults() {
	if o.Gap <= 0 {
		o.Gap = 10 * time.Minute
	}
	if o.Break <= 0 {
		o.Break = 5 * time.Minute
	}
	if o.People <= 0 {
		o.People = 1_000_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Wellbeing implements decide.Usage and decide.Exposure. It is safe for
// concurrent use.
type Wellbeing struct {
	o      Options
	salts  *salts
	people *people
	tally  *tally

	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

var (
	_ decide.Usage    = (*Wellbeing)(nil)
	_ decide.Exposure = (*Wellbeing)(nil)
)

// Open begins with nobody online. Close it to end what it does by itself.
func Open(o Options) *Wellbeing {
	o.defaults()
	w := &Wellbeing{o: o, salts: &salts{now: o.Now}, tally: newTally(), stop: make(chan struct{})}
	w.people = newPeople(w.salts, o.People)
	w.stopped.Go(w.tidyForever)
	return w
}

// Close writes down what is to be kept. It does not close the counts.
func (w *Wellbeing) Close() error {
	w.once.Do(func() { close(w.stop) })
	w.stopped.Wait()
	return w.Flush(context.Background())
}

// Tidying is how often those who left are forgotten, and counts are written down.
const tidying = 15 * time.Minute

func (w *Wellbeing) tidyForever() {
	ticker := time.NewTicker(tidying)
	defer ticker.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
		w.people.tidy(w.o.Now(), w.gap())
		if err := w.Flush(context.Background()); err != nil && w.o.Log != nil {
			w.o.Log.Warn("counts of use are not written down yet", slog.Any("error", err))
		}
	}
}

func (w *Wellbeing) gap() int64 { return int64(w.o.Gap / time.Second) }

// Mark implements decide.Usage. What is further ahead than an event may be, or
// older than two days, is nobody's session of today.
func (w *Wellbeing) Mark(ev *event.Event, at time.Time) {
	now := w.o.Now()
	if at.After(now.Add(event.MaxSkew)) || now.Sub(at) > forgetAfter {
		return
	}
	device, _ := ev.Attributes["device"].(string)
	w.people.with(ev.Actor.ID, func(p *person) { p.add(kindOf(ev.Type), at.Unix(), device) })
}

// Use implements decide.Usage.
func (w *Wellbeing) Use(account string, at time.Time, zone *time.Location, band event.Band) decide.Use {
	var use decide.Use
	w.people.with(account, func(p *person) {
		spans := p.spans(w.gap(), w.o.Now().Unix())
		use.Session = sinceBreak(spans, at.Unix(), int64(w.o.Break/time.Second))
		today := dayOf(at, zone)
		use.Day = covered(spans, today.from, at.Unix())
		if zone == nil {
			use.Day = covered(spans, at.Add(-24*time.Hour).Unix(), at.Unix())
		}
		if w.o.Keep {
			w.tally.update(p, today, band, today.usage(spans, int64(w.o.Break/time.Second)))
		}
	})
	return use
}
