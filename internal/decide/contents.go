package decide

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/journal"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "decide", FS: migrations} }

// Contents remembers the latest vector of each published item, and what each
// viewer asked to see less of.
type Contents struct {
	db     *db.DB
	upsert *sql.Stmt // on the committer's path: parsing it each time costs more than running it
	key    [32]byte
	now    func() time.Time
}

// OpenContents is over the tables that Migrations makes. The key marks authors
// without naming them.
func OpenContents(ctx context.Context, d *db.DB, key [32]byte, now func() time.Time) (*Contents, error) {
	upsert, err := d.Write.PrepareContext(ctx, `
		INSERT INTO decide_content (content, seq, author, bands, kinds, places, policy)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (content) DO UPDATE SET
			seq = excluded.seq, author = excluded.author, bands = excluded.bands,
			kinds = excluded.kinds, places = excluded.places, policy = excluded.policy
		WHERE excluded.seq > decide_content.seq`)
	if err != nil {
		return nil, fmt.Errorf("decide: contents: %w", err)
	}
	return &Contents{db: d, upsert: upsert, key: key, now: now}, nil
}

// Close lets go of the database, which stays open.
func (c *Contents) Close() error { return c.upsert.Close() }

// mark stands for an account in the feed's tables, so that an erasure need
// not visit every item the account ever published.
func (c *Contents) mark(account string) string { return c.digest("author", account) }

// wisher stands for an account whose wishes are kept, so that the table names
// nobody.
func (c *Contents) wisher(account string) string { return c.digest("viewer", account) }

func (c *Contents) digest(as, account string) string {
	mac := hmac.New(sha256.New, c.key[:])
	mac.Write([]byte(as + " " + account))
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// vector is the stored outcome of one item for each band.
type vector struct {
	seq    int64
	author string              // mark
	bands  [6]decision.Outcome // youngest first
	kinds  []string
	places []string
	policy string
}

// put stores the vector of an entry, unless a later decision is there already.
func (c *Contents) put(ctx context.Context, tx *sql.Tx, entry *journal.Entry) error {
	d := &entry.Decision
	var bands [6]byte
	for i, b := range d.Bands {
		bands[i] = '0' + byte(b.Outcome)
	}
	_, err := tx.StmtContext(ctx, c.upsert).ExecContext(ctx, //nolint:sqlclosecheck // the transaction closes it
		entry.Content, entry.Seq, c.mark(entry.Actor), string(bands[:]),
		joinKinds(d.Reasons), strings.Join(d.Jurisdictions, ","), policyMark(d.Policy.Digest))
	return err
}

// policyMark is enough of a bundle's digest to tell that it has changed.
func policyMark(digest string) string {
	return strings.TrimPrefix(digest, "sha256:")[:16]
}

// chunk bounds how many placeholders one statement has.
const chunk = 500

// get reads the vectors of the items that have one.
func (c *Contents) get(ctx context.Context, items []string) (map[string]vector, error) {
	found := make(map[string]vector, len(items))
	for part := range chunks(items) {
		text := `SELECT content, seq, author, bands, kinds, places, policy FROM decide_content WHERE content IN (` + db.Params(1, len(part)) + `)`
		err := db.Query(ctx, c.db.Read, text, anys(part), func(rows *sql.Rows) error {
			var id, bands, kinds, places string
			var v vector
			if err := rows.Scan(&id, &v.seq, &v.author, &bands, &kinds, &places, &v.policy); err != nil {
				return err
			}
			if len(bands) != len(v.bands) {
				return fmt.Errorf("vector of %d bands", len(bands))
			}
			for i := range v.bands {
				v.bands[i] = decision.Outcome(bands[i] - '0')
			}
			v.kinds, v.places = split(kinds), split(places)
			found[id] = v
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("decide: vectors: %w", err)
		}
	}
	return found, nil
}

// seeLess notes that viewer wants less of an item, its author, its kinds of
// harm, and what the platform has labelled it.
func (c *Contents) seeLess(ctx context.Context, viewer, item string, labels []string) error {
	about := []string{"item:" + item}
	vectors, err := c.get(ctx, []string{item})
	if err != nil {
		return err
	}
	if v, ok := vectors[item]; ok {
		about = append(about, "author:"+v.author)
		for _, kind := range v.kinds {
			about = append(about, "kind:"+kind)
		}
	}
	for _, l := range labels {
		about = append(about, "label:"+l)
	}
	today := c.now().UTC().Truncate(wishDay).UnixMicro() // of the hour nothing is kept
	return c.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, a := range about {
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO decide_less (viewer, about, times, at) VALUES ($1, $2, 1, $3)
				ON CONFLICT (viewer, about) DO UPDATE SET times = decide_less.times + 1, at = excluded.at`,
				c.wisher(viewer), a, today); err != nil {
				return err
			}
		}
		return nil
	})
}

// A wish to see less holds for lessFor, counted in whole days.
const (
	wishDay = 24 * time.Hour
	lessFor = 90 * wishDay
)

// less reads what viewer asked to see less of: how often, by what it is about.
func (c *Contents) less(ctx context.Context, viewer string) (map[string]int, error) {
	if viewer == "" {
		return nil, nil
	}
	less := map[string]int{}
	since := c.now().Add(-lessFor - wishDay).UnixMicro()
	err := db.Query(ctx, c.db.Read, `SELECT about, times FROM decide_less WHERE viewer = $1 AND at > $2`, []any{c.wisher(viewer), since}, func(rows *sql.Rows) error {
		var about string
		var times int
		if err := rows.Scan(&about, &times); err != nil {
			return err
		}
		less[about] = times
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("decide: see less: %w", err)
	}
	return less, nil
}

// Erase removes an account's wishes, in the erasure's transaction. Vectors of
// its published items stay, nameless: they protect whoever may still see them.
func (c *Contents) Erase(ctx context.Context, tx *sql.Tx, account string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM decide_less WHERE viewer = $1`, c.wisher(account))
	return err
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
