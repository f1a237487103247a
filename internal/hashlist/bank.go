package hashlist

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/fault"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "hashlist", FS: migrations} }

// Banks are the banks and their entries in the database. It has no index, so
// it opens at once; Lists has one. It is safe for concurrent use, also by
// several processes.
type Banks struct {
	db      *db.DB
	now     func() time.Time
	read    reader
	changed func(context.Context) // called when a change is durable
}

// New is over the tables that Migrations makes. Of the options it needs Key,
// Canonical and Now.
func New(d *db.DB, o Options) *Banks {
	return &Banks{
		db: d, now: o.Now, changed: func(context.Context) {},
		read: reader{key: o.Key, canonical: o.Canonical},
	}
}

// bankName is what a bank may be called. HMA's names are of capitals, digits
// and _; a name with small letters, - or . is shown there as one of those.
var bankName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$`)

// Key is the name as HMA writes it, which tells banks apart.
func Key(name string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(name))
}

// BankKinds lists the kinds of banks.
func BankKinds() []BankKind { return []BankKind{CSAM, IIA, Terrorism, Innocent, Other} }

const (
	maxNote  = 1000 // bytes
	maxLabel = 128  // of sources and classifications
	maxID    = 256
)

// check says what is wrong with a bank that someone describes.
func (b *Bank) check() error {
	var fields []fault.Field
	wrong := func(where, format string, args ...any) {
		fields = append(fields, fault.Field{Location: where, Message: fmt.Sprintf(format, args...)})
	}
	if !bankName.MatchString(b.Name) {
		wrong("name", "must be letters, digits, _, - and ., at most 255, and not begin with - or .")
	}
	known := false
	for _, kind := range BankKinds() {
		known = known || b.Kind == kind
	}
	if !known {
		wrong("kind", "must be csam, iia, terrorism, innocent or other")
	}
	if b.Distance < 0 || b.Distance > MaxDistance {
		wrong("distance", "must be 0 to %d", MaxDistance)
	}
	if !(b.Ratio >= 0 && b.Ratio <= 1) {
		wrong("ratio", "must be 0 to 1")
	}
	for where, text := range map[string]string{"source": b.Source, "classification": b.Classification} {
		if !plain(text, maxLabel) {
			wrong(where, "must be at most %d bytes without control characters", maxLabel)
		}
	}
	if !plain(b.Note, maxNote) {
		wrong("note", "must be at most %d bytes without control characters", maxNote)
	}
	if len(fields) > 0 {
		return fault.Fieldwise(fields...)
	}
	return nil
}

func plain(s string, limit int) bool {
	return len(s) <= limit && strings.ToValidUTF8(s, "") == s && strings.IndexFunc(s, unicode.IsControl) < 0
}

// Create makes a bank; one of its name must not exist.
func (s *Banks) Create(ctx context.Context, b Bank) (Bank, error) {
	if err := b.check(); err != nil {
		return Bank{}, err
	}
	err := s.change(ctx, func(tx *sql.Tx, c *turn) (err error) {
		b, err = insertBank(ctx, tx, b, c)
		return err
	})
	if db.IsConflict(err) {
		return Bank{}, fault.Newf(fault.Conflict, "There is a bank %s.", b.Name)
	}
	return b, wrap("create", err)
}

// Update changes a bank as f does: anything but what the lists say of it. A
// new name must be free.
func (s *Banks) Update(ctx context.Context, name string, f func(*Bank)) (Bank, error) {
	var b Bank
	err := s.change(ctx, func(tx *sql.Tx, c *turn) error {
		row, err := bankByName(ctx, tx, name)
		if err != nil {
			return err
		}
		b = row.Bank
		f(&b)
		if err := b.check(); err != nil {
			return err
		}
		b.Version, b.Updated = row.Version+1, c.now
		c.made = true
		return updateBank(ctx, tx, row.id, b)
	})
	if db.IsConflict(err) {
		return Bank{}, fault.Newf(fault.Conflict, "There is a bank %s.", b.Name)
	}
	return b, wrap("update", err)
}

// Remove takes a bank and all of its entries away: at once for everybody who
// looks; Prune takes the rows.
func (s *Banks) Remove(ctx context.Context, name string) error {
	err := s.change(ctx, func(tx *sql.Tx, c *turn) error {
		row, err := bankByName(ctx, tx, name)
		if err != nil {
			return err
		}
		c.made = true
		return removeBank(ctx, tx, row.id, c)
	})
	return wrap("remove", err)
}

// Bank is one bank.
func (s *Banks) Bank(ctx context.Context, name string) (Bank, error) {
	row, err := bankByName(ctx, s.db.Read, name)
	return row.Bank, wrap("bank", err)
}

// List is every bank, by name.
func (s *Banks) List(ctx context.Context) ([]Bank, error) {
	rows, err := allBanks(ctx, s.db.Read)
	if err != nil {
		return nil, wrap("list", err)
	}
	banks := make([]Bank, len(rows))
	for i, row := range rows {
		banks[i] = row.Bank
	}
	return banks, nil
}

// turn is a transaction that may change banks: one after the other, so that
// who has seen a change has seen all before it.
type turn struct {
	now  time.Time
	seq  int64 // of this change
	next int64 // number of the next entry
	made bool  // something is different now
}

// change runs f in a transaction that has the lists for itself, and afterwards
// tells whoever follows them.
func (s *Banks) change(ctx context.Context, f func(*sql.Tx, *turn) error) error {
	c := &turn{now: s.now().UTC().Truncate(time.Microsecond)}
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := s.db.Lock(ctx, tx, "hashlist"); err != nil {
			return err
		}
		state, err := readState(ctx, tx)
		if err != nil {
			return err
		}
		c.seq, c.next, c.made = state.seq+1, state.next, false
		if err := f(tx, c); err != nil {
			return err
		}
		if !c.made {
			return nil
		}
		return writeState(ctx, tx, c.seq, c.next)
	})
	if err == nil && c.made {
		s.changed(ctx)
	}
	return err
}

// wrap says where a failure came from; refusals stay as they are.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("hashlist: %s: %w", what, err)
}

func noBank(name string) error {
	if !bankName.MatchString(name) {
		return fault.New(fault.NotFound, "There is no such bank.")
	}
	return fault.Newf(fault.NotFound, "There is no bank %s.", name)
}

func noEntry() error { return fault.New(fault.NotFound, "There is no such entry.") }
