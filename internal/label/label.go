// Package label keeps what is known of content and accounts beyond any one
// event: labels that the platform gave ("trusted.flagger"), or that a rule did.
package label

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "label", FS: migrations} }

// Label is one fact about a piece of content or an account, exactly one of
// which is named. The same kind from the same source is one label.
type Label struct {
	Content string
	Account string
	Kind    string
	Source  string
	Expires time.Time // zero: until it is taken back
}

// Labels is the store of labels, safe for concurrent use.
type Labels struct {
	db     *db.DB
	now    func() time.Time
	filter *filter
}

// New is over the tables that Migrations makes.
func New(d *db.DB, now func() time.Time) *Labels {
	return &Labels{db: d, now: now, filter: newFilter()}
}

// Put stores a label, or changes the expiry of the one that is there.
func (l *Labels) Put(ctx context.Context, label Label) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error { return l.PutTx(ctx, tx, label) })
}

// PutTx is Put in the caller's transaction.
func (l *Labels) PutTx(ctx context.Context, tx *sql.Tx, label Label) error {
	about, id := "content", label.Content
	if label.Account != "" {
		about, id = "actor", label.Account
	}
	var expires any
	if !label.Expires.IsZero() {
		expires = label.Expires.UnixMicro()
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO label_label (id, about, kind, source, expires, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id, about, kind, source) DO UPDATE SET expires = excluded.expires, at = excluded.at`,
		id, about, label.Kind, label.Source, expires, l.now().UnixMicro())
	if err != nil {
		return fmt.Errorf("label: put: %w", err)
	}
	l.filter.Add(about, id) // harmless if tx is undone
	return nil
}

// Of is what an account and a piece of content, either of which may be empty,
// are labelled now: "actor:<kind>" and "content:<kind>", sorted, each once.
// Another instance's labels are seen within a second.
func (l *Labels) Of(ctx context.Context, account, content string) ([]string, error) {
	if err := l.refresh(ctx); err != nil {
		return nil, fmt.Errorf("label: of: %w", err)
	}
	if !l.filter.mayHave("actor", account) && !l.filter.mayHave("content", content) {
		return nil, nil
	}
	var labels []string
	err := db.Query(ctx, l.db.Read, `
		SELECT about, kind FROM label_label
		WHERE (id = $1 AND about = 'actor' OR id = $2 AND about = 'content') AND (expires IS NULL OR expires > $3)`,
		[]any{account, content, l.now().UnixMicro()}, func(rows *sql.Rows) error {
			var about, kind string
			if err := rows.Scan(&about, &kind); err != nil {
				return err
			}
			labels = append(labels, about+":"+kind)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("label: of: %w", err)
	}
	slices.Sort(labels)
	return slices.Compact(labels), nil
}

// chunk bounds how many placeholders one statement has.
const chunk = 500

// OfContents is what each piece of content is labelled now: kinds, sorted,
// each once. What has no label is not in the answer.
func (l *Labels) OfContents(ctx context.Context, contents []string) (map[string][]string, error) {
	if err := l.refresh(ctx); err != nil {
		return nil, fmt.Errorf("label: of contents: %w", err)
	}
	labelled := slices.DeleteFunc(slices.Clone(contents), func(id string) bool { return !l.filter.mayHave("content", id) })
	labels := map[string][]string{}
	for part := range slices.Chunk(labelled, chunk) {
		args := []any{l.now().UnixMicro()}
		for _, id := range part {
			args = append(args, id)
		}
		err := db.Query(ctx, l.db.Read, `
			SELECT id, kind FROM label_label
			WHERE about = 'content' AND (expires IS NULL OR expires > $1) AND id IN (`+db.Params(2, len(part))+`)`, args, func(rows *sql.Rows) error {
			var id, kind string
			if err := rows.Scan(&id, &kind); err != nil {
				return err
			}
			labels[id] = append(labels[id], kind)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("label: of contents: %w", err)
		}
	}
	for id, kinds := range labels {
		slices.Sort(kinds)
		labels[id] = slices.Compact(kinds)
	}
	return labels, nil
}

// Prune removes the labels that have expired; run it as a job, now and then.
func (l *Labels) Prune(ctx context.Context) error {
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM label_label WHERE expires <= $1`, l.now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("label: prune: %w", err)
	}
	return nil
}

// Erase removes an account's labels, in the erasure's transaction, and says
// how many there were.
func (l *Labels) Erase(ctx context.Context, tx *sql.Tx, account string) (int64, error) {
	res, err := tx.ExecContext(ctx, `DELETE FROM label_label WHERE id = $1 AND about = 'actor'`, account)
	if err != nil {
		return 0, fmt.Errorf("label: erase: %w", err)
	}
	return res.RowsAffected()
}
