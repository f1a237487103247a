package journal_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/db/dbtest"
	"github.com/breakwater-project/breakwater/internal/journal"
)

// benchEntries makes plain allows of public posts, some 1.3 KB of JSON each.
type benchEntries struct {
	log     *journal.Log
	n       int
	plain   decision.Decision
	input   json.RawMessage
	encoded []byte
}

func newBenchEntries(b *testing.B, l *journal.Log) *benchEntries {
	b.Helper()
	e := &benchEntries{log: l}
	e.plain = decision.Decision{
		Type: event.ContentCreate, Time: time.Now().UTC(), Reasons: []decision.Reason{}, Effects: []decision.Effect{},
		Degraded: []decision.Degraded{}, Jurisdictions: []string{"GB"},
		Policy: decision.Policy{Bundle: "default", Digest: fmt.Sprintf("sha256:%064x", 1)},
	}
	for _, band := range event.Bands() {
		e.plain.Bands = append(e.plain.Bands, decision.Band{Band: band})
	}
	for _, name := range []string{"text.toxic", "text.harassment", "text.threat"} {
		e.plain.Signals = append(e.plain.Signals, decision.Signal{Name: name, Score: 0.03125, Detector: "text@0123456789ab"})
	}
	signals, err := json.Marshal(e.plain.Signals)
	if err != nil {
		b.Fatal(err)
	}
	e.input = fmt.Appendf(nil, `{"type":"content.create","time":"2026-11-24T10:00:00Z","surface":"feed","scope":"public",`+
		`"actor":{"band":"18+","from":18,"to":150,"basis":"verified","proven":true,"country":"GB","account_days":23},`+
		`"protective":"13-15","content":{"id":"p-000000","length":120,"language":"en"},"signals":%s}`, signals)
	if e.encoded, err = json.Marshal(&e.plain); err != nil {
		b.Fatal(err)
	}
	return e
}

func (e *benchEntries) make(n int) []*journal.Entry {
	entries := make([]*journal.Entry, n)
	for i := range entries {
		e.n++
		seq := e.log.NextSeq()
		d := e.plain
		d.ID, d.Event = journal.ID(seq), e.id()
		entries[i] = &journal.Entry{Seq: seq, Decision: d, Encoded: e.encoded, Input: e.input, ContentDigest: make([]byte, 32),
			Actor: "u-" + strconv.Itoa(e.n%5000), Content: d.Event}
	}
	return entries
}

// id is the next event's: numbered in order of time, as most platforms do, or
// at random with JOURNAL_BENCH_IDS=random, the worst case for the index.
func (e *benchEntries) id() string {
	if os.Getenv("JOURNAL_BENCH_IDS") == "random" {
		sum := sha256.Sum256([]byte(strconv.Itoa(e.n)))
		return hex.EncodeToString(sum[:16])
	}
	return "p-" + strconv.Itoa(1e9+e.n)
}

func (e *benchEntries) append(b *testing.B, n int) {
	if _, err := e.log.Append(context.Background(), e.make(n), nil); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAppend is the cost of an entry, durable, in a log that is this
// long already. Ten million take ten minutes to make, and 20 GB; ask for them
// with JOURNAL_BENCH_ROWS=10000000.
func BenchmarkAppend(b *testing.B) {
	most, err := strconv.Atoi(os.Getenv("JOURNAL_BENCH_ROWS"))
	if err != nil {
		most = 1_000_000
	}
	dsn := dbtest.SQLite(b)
	d := dbtest.Open(b, dsn, journal.Migrations())
	e := newBenchEntries(b, open(b, d, journal.Options{}))
	first := map[int]float64{}
	for _, rows := range []int{10_000, 1_000_000, 10_000_000} {
		if rows > most {
			break
		}
		for e.n < rows {
			e.append(b, 1000)
		}
		for _, size := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("rows=%d/batch=%d", rows, size), func(b *testing.B) {
				cpu := cpuTime()
				for b.Loop() {
					e.append(b, size)
				}
				n := float64(b.N * size)
				each := float64(cpuTime()-cpu) / n
				if rows == 10_000 {
					first[size] = each
				}
				b.ReportMetric(float64(b.Elapsed())/n, "ns/entry")
				b.ReportMetric(each, "cpu-ns/entry")
				b.ReportMetric(each/first[size], "cpu×10k")
				b.ReportMetric(float64(fileSize(b, dsn))/float64(e.n), "B/entry")
			})
		}
	}
}

func fileSize(b *testing.B, dsn string) (size int64) {
	files, err := filepath.Glob(dsn + "*")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// cpuTime is what the process has used, in user and in system mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
