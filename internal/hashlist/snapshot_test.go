package hashlist_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/breakwater-project/breakwater/internal/db"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/hashlist"
)

// numbered is entry n, with two hashes.
func numbered(n int) hashlist.Entry {
	return hashlist.Entry{ID: fmt.Sprintf("e-%d", n), Hashes: hashlist.Hashes{PDQ: code(n).String(), MD5: fmt.Sprintf("%032x", n)}}
}

func apply(t testing.TB, l *hashlist.Lists, c hashlist.Change) {
	t.Helper()
	must(t, second(l.Apply(t.Context(), "one", c)))
}

// known checks by both hashes which of entries 0 to n are found.
func known(t *testing.T, l *hashlist.Lists, n int, want func(int) bool) {
	t.Helper()
	for i := range n {
		e := numbered(i)
		for _, h := range []hashlist.Hashes{{PDQ: e.Hashes.PDQ}, {MD5: e.Hashes.MD5}} {
			r, err := l.Match(t.Context(), hashlist.Query{Hashes: h})
			if err != nil {
				t.Fatal(err)
			}
			if found := len(r.Matches) == 1 && r.Matches[0].Entry == e.ID; found != want(i) || len(r.Matches) > 1 {
				t.Fatalf("entry %d is found: %t (%v)", i, found, r.Matches)
			}
		}
	}
}

// Whatever has happened to the snapshot, and to the database since it was
// made, the lists open with what the database says.
func TestSnapshot(t *testing.T) {
	const n = 60
	file := func(name string, change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, change(data), 0o600))
		}
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	flipped := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	for what, harm := range map[string]func(t *testing.T, dir string){
		"whole":        func(*testing.T, string) {},
		"gone":         func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"rest cut":     file("rest", half),
		"rest changed": file("rest", flipped),
		"rest empty":   file("rest", func([]byte) []byte { return nil }),
		"near cut":     file("near", half),
		"near changed": file("near", flipped),
		"frames gone":  func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "frames"))) },
		"a half-written one": func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "rest.new"), []byte("x"), 0o600))
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
			o := options(t, newClock())
			l := open(t, d, o)
			must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
			var entries []hashlist.Entry
			for i := range n {
				entries = append(entries, numbered(i))
			}
			apply(t, l, hashlist.Change{Upserts: entries[:40], Removed: []string{"e-100"}})
			shut(t, l) // leaves the snapshot

			banks := hashlist.New(d, o) // another process, while this one is down
			must(t, second(banks.Apply(t.Context(), "one", hashlist.Change{Upserts: entries[40:], Removed: []string{"e-3", "e-7"}})))
			harm(t, o.Dir)
			l = open(t, d, o)
			known(t, l, n, func(i int) bool { return i != 3 && i != 7 })
			apply(t, l, hashlist.Change{Upserts: entries[3:4]})
			shut(t, l)
			l = open(t, d, o)
			known(t, l, n, func(i int) bool { return i != 7 })
			shut(t, l)
		})
	}
}

// The files of a snapshot are written one after the other. Of a crash in
// between an old and a new one are left together.
func TestSnapshotOfTwoTimes(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
	o := options(t, newClock())
	l := open(t, d, o)
	must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
	for i := range 20 {
		apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{numbered(i)}})
	}
	shut(t, l)
	old, err := os.ReadFile(filepath.Join(o.Dir, "rest"))
	must(t, err)
	l = open(t, d, o)
	apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{numbered(20)}, Removed: []string{"e-0"}})
	shut(t, l)
	must(t, os.WriteFile(filepath.Join(o.Dir, "rest"), old, 0o600)) // near and frames are newer
	l = open(t, d, o)
	known(t, l, 21, func(i int) bool { return i != 0 })
	shut(t, l)
}

// A snapshot of another database, or of a later time of this one, is of no use.
func TestSnapshotOfAnotherDatabase(t *testing.T) {
	o := options(t, newClock())
	for round := range 2 {
		d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
		l := open(t, d, o)
		known(t, l, 5, func(int) bool { return false })
		must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
		for i := range 5 - round {
			apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{numbered(i)}})
		}
		shut(t, l)
	}
}

// Nothing of an address is kept: not in the database, the snapshot or the log.
func TestAddressesAreNotKept(t *testing.T) {
	dsn := dbtest.SQLite(t)
	d := dbtest.Open(t, dsn, hashlist.Migrations())
	var log strings.Builder
	o := options(t, newClock())
	o.Log = logTo(&log)
	l := open(t, d, o)
	must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
	const canary = "canary-4711"
	in := strings.NewReader(`{"id":"u","url":"https://` + canary + `.example/` + canary + `"}` + "\n" + `{"id":"v","url":"mailto:` + canary + `@example.org"}`)
	done, err := l.Import(t.Context(), "one", in, hashlist.NDJSON, nil)
	must(t, err)
	if done.Added != 1 || done.Refused != 1 || strings.Contains(done.Errors[0].Message, canary) {
		t.Errorf("%+v", done)
	}
	r, err := l.Match(t.Context(), hashlist.Query{Hashes: hashlist.Hashes{URL: "https://" + canary + ".example/" + canary}})
	must(t, err)
	if len(r.Matches) != 1 {
		t.Error("the address does not match")
	}
	_, err = l.Match(t.Context(), hashlist.Query{Hashes: hashlist.Hashes{URL: "mailto:" + canary + "@example.org"}})
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("no link: %v", err)
	}
	shut(t, l)
	must(t, d.Close())
	searched := 0
	for _, root := range []string{filepath.Dir(dsn), o.Dir} {
		must(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			searched += len(data)
			if strings.Contains(string(data), canary) {
				t.Errorf("%s has it", e.Name())
			}
			return err
		}))
	}
	if searched == 0 || strings.Contains(log.String(), canary) {
		t.Errorf("%d bytes searched, log %q", searched, log.String())
	}
}

// Two instances on one database: each follows the other by itself.
func TestInstancesFollowEachOther(t *testing.T) {
	dbtest.Each(t, []db.Source{hashlist.Migrations()}, func(t *testing.T, d *db.DB) {
		c := newClock()
		one, two := open(t, d, options(t, c)), open(t, d, options(t, c))
		must(t, second(one.Create(t.Context(), hashlist.NewBank("one"))))
		apply(t, one, hashlist.Change{Upserts: []hashlist.Entry{numbered(1)}})
		for {
			r, err := two.Match(t.Context(), hashlist.Query{Hashes: hashlist.Hashes{PDQ: code(1).String()}})
			must(t, err)
			if len(r.Matches) == 1 { // else the test's own deadline ends it
				break
			}
		}
		shut(t, one)
		shut(t, two)
	})
}

// A restart reads the snapshot, and of the database what has changed since.
func TestRestartReadsLittle(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
	o := options(t, newClock())
	l := open(t, d, o)
	must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
	apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{numbered(0), numbered(1)}})
	shut(t, l)
	l = open(t, d, o)
	if n := l.RowsRead(); n != 0 {
		t.Errorf("%d rows are read without a change", n)
	}
	known(t, l, 3, func(i int) bool { return i < 2 })
	shut(t, l)
	must(t, second(hashlist.New(d, o).Apply(t.Context(), "one", hashlist.Change{Upserts: []hashlist.Entry{numbered(2)}})))
	l = open(t, d, o)
	if n := l.RowsRead(); n != 1 {
		t.Errorf("%d rows are read after one change", n)
	}
	known(t, l, 4, func(i int) bool { return i < 3 })
	shut(t, l)
}

// An index that is mostly of banks that are gone is made anew, while matching
// and changes go on.
func TestIndexForgetsBanks(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), hashlist.Migrations())
	l := open(t, d, options(t, newClock()))
	defer func() { shut(t, l) }()
	l.Tolerate(10)
	must(t, second(l.Create(t.Context(), hashlist.NewBank("one"))))
	must(t, second(l.Create(t.Context(), hashlist.NewBank("two"))))
	var entries []hashlist.Entry
	for i := range 60 {
		entries = append(entries, numbered(i))
	}
	apply(t, l, hashlist.Change{Upserts: entries[:20]})
	must(t, second(l.Apply(t.Context(), "two", hashlist.Change{Upserts: entries[20:]})))
	must(t, l.Remove(t.Context(), "two"))
	known(t, l, 60, func(i int) bool { return i < 20 })
	for n := 20; l.Size(hashlist.PDQ) > 30; n++ { // until it is made
		apply(t, l, hashlist.Change{Upserts: []hashlist.Entry{numbered(n)}, Removed: []string{numbered(n - 1).ID}})
	}
	b, err := l.Bank(t.Context(), "one")
	must(t, err)
	if int64(l.Size(hashlist.PDQ)) != b.Entries {
		t.Errorf("%d hashes of %d entries", l.Size(hashlist.PDQ), b.Entries)
	}
	known(t, l, 19, func(int) bool { return true })
}
