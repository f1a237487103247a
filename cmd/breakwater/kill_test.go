package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/breakwater-project/breakwater/client"
	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

const testKey = "an-admin-key-of-the-tests"

// servingProcess is a server in a process of its own.
type servingProcess struct {
	cmd *exec.Cmd
	out io.Reader // keeps the pipe's other end open
	url string
}

// serve starts the program on the data and waits until it listens.
func serve(t *testing.T, data string) *servingProcess {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "breakwater", "serve", "--data", data, "--addr", "127.0.0.1:0", "--policy", emptyBundle(t))
	cmd.Env = append(os.Environ(), "BREAKWATER_ADMIN_KEY="+testKey, "BREAKWATER_LOG_LEVEL=ERROR")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "listens on "); ok {
			return &servingProcess{cmd, out, address}
		}
	}
	t.Fatalf("the server ended before it listened: %v", cmd.Wait())
	return nil
}

// kill ends the server as a power cut would end it, but for the disk.
func (p *servingProcess) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
}

// emptyBundle is a bundle with one rule and empty banks, which loads at once.
func emptyBundle(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bundle.yaml": "bundle: test\n",
		"rules.yaml":  "rules:\n  - {id: long, events: [content.create], when: content.length > 9, act: hold, text: Too long., effects: [{kind: preserve}]}\n",
		"terms/none":  "",
		"hosts/none":  "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// numbered is event n: the same whenever it is made.
func numbered(n int) event.Event {
	return event.Event{
		ID: fmt.Sprintf("e-%d", n), Type: event.ContentCreate, Actor: event.Actor{ID: fmt.Sprintf("u-%d", n%7), Country: "GB"},
		Audience: event.Audience{Scope: event.Public},
		Content:  event.Content{ID: fmt.Sprintf("e-%d", n), Text: strings.Repeat("word ", n%4)},
	}
}

// senders send numbered events to one server after the other and remember
// what was acknowledged.
type senders struct {
	next    atomic.Int64 // number of the next event
	mu      sync.Mutex
	acked   map[string][]byte // decisions, by event
	batches [][]int           // numbers of every batch that was sent
}

const batchSize = 20

// send sends events one by one or in batches until the server is gone, and
// calls full whenever more were acknowledged.
func (s *senders) send(t *testing.T, server string, batch bool, full func(acked int)) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := client.New(server, testKey)
	c.HTTP, c.Retries = &http.Client{Transport: transport}, 0
	for {
		var decisions []decision.Decision
		if !batch {
			d, err := c.Decide(t.Context(), numbered(int(s.next.Add(1))))
			if err != nil {
				return
			}
			decisions = append(decisions, d)
		} else {
			answers, err := c.DecideBatch(t.Context(), s.batch())
			if err != nil {
				return
			}
			for _, a := range answers {
				if a.Problem != nil {
					t.Errorf("refused in a batch: %v", a.Problem)
				}
				decisions = append(decisions, a.Decision)
			}
		}
		full(s.acknowledge(t, decisions))
	}
}

func (s *senders) batch() []event.Event {
	last := int(s.next.Add(batchSize))
	var numbers []int
	var events []event.Event
	for n := last - batchSize + 1; n <= last; n++ {
		numbers, events = append(numbers, n), append(events, numbered(n))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, numbers)
	return events
}

func (s *senders) acknowledge(t *testing.T, decisions []decision.Decision) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range decisions {
		encoded, err := json.Marshal(&decisions[i])
		if err != nil {
			t.Error(err)
		}
		s.acked[decisions[i].Event] = encoded
	}
	return len(s.acked)
}

// The program is killed again and again under load, at any moment. Whatever it
// has acknowledged is there when it starts again, byte for byte; a batch is
// there as a whole or not at all; and every event that comes again has one
// decision, the one that was acknowledged if one was.
func TestKill(t *testing.T) {
	data := t.TempDir()
	s := &senders{acked: map[string][]byte{}}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 4 {
		p := serve(t, data)
		limit := len(s.acked) + 1 + random.IntN(400)
		kill := sync.OnceFunc(func() { p.kill(t) })
		var wg sync.WaitGroup
		for connection := range 6 {
			wg.Go(func() {
				s.send(t, p.url, connection%2 == 1, func(acked int) {
					if acked >= limit {
						kill()
					}
				})
			})
		}
		wg.Wait()
		_ = p.cmd.Wait() // it was killed

		p = serve(t, data)
		s.check(t, stored(t, data))
		s.resend(t, p.url)
		p.kill(t)
		_ = p.cmd.Wait()
	}
	if there := stored(t, data); len(there) != int(s.next.Load()) {
		t.Errorf("%d events have %d decisions", s.next.Load(), len(there))
	}
	// What follows from a decision is there with it.
	held := number(t, data, `SELECT count(*) FROM journal_entry WHERE outcome = 6`)
	if n := number(t, data, `SELECT count(*) FROM decide_preserved`); n != held || n == 0 {
		t.Errorf("%d events are preserved, want %d", n, held)
	}
	if n := number(t, data, `SELECT count(*) FROM decide_content`); n != int(s.next.Load()) {
		t.Errorf("%d items have a vector, want %d", n, s.next.Load())
	}
}

// check compares what is stored with what was acknowledged.
func (s *senders) check(t *testing.T, stored map[string][]byte) {
	t.Helper()
	if len(s.acked) == 0 {
		t.Error("nothing was acknowledged before the kill")
	}
	for ev, want := range s.acked {
		if got := stored[ev]; string(got) != string(want) {
			t.Errorf("%s is stored as %s, acknowledged was %s", ev, got, want)
		}
	}
	for _, batch := range s.batches {
		there := 0
		for _, n := range batch {
			if stored[numbered(n).ID] != nil {
				there++
			}
		}
		if there != 0 && there != len(batch) {
			t.Errorf("%d of the %d events of a batch are there", there, len(batch))
		}
	}
}

// resend sends every event again, in batches, and remembers the answers.
func (s *senders) resend(t *testing.T, server string) {
	t.Helper()
	c := client.New(server, testKey)
	c.Retries = 0
	last := int(s.next.Load())
	for from := 1; from <= last; from += client.MaxBatch {
		var events []event.Event
		for n := from; n <= min(last, from+client.MaxBatch-1); n++ {
			events = append(events, numbered(n))
		}
		answers, err := c.DecideBatch(t.Context(), events)
		if err != nil {
			t.Fatal(err)
		}
		for i := range answers {
			got, err := json.Marshal(&answers[i].Decision)
			if err != nil || answers[i].Problem != nil {
				t.Fatalf("%v %v", err, answers[i].Problem)
			}
			if want, ok := s.acked[events[i].ID]; ok && string(got) != string(want) {
				t.Errorf("%s again is %s, acknowledged was %s", events[i].ID, got, want)
			}
			s.acked[events[i].ID] = got
		}
	}
}

// open opens the database of a server to be read behind its back.
func open(t *testing.T, data string) *sql.DB {
	t.Helper()
	dsn := url.URL{Scheme: "file", Path: filepath.Join(data, "breakwater.db"), RawQuery: "mode=ro"}
	d, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// number is the only value that a query gives.
func number(t *testing.T, data, query string) (n int) {
	t.Helper()
	d := open(t, data)
	defer d.Close()
	if err := d.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// stored reads every decision behind the server's back, by event.
func stored(t *testing.T, data string) map[string][]byte {
	t.Helper()
	d := open(t, data)
	defer d.Close()
	rows, err := d.QueryContext(t.Context(), `SELECT decision FROM journal_entry`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string][]byte{}
	for rows.Next() {
		var encoded []byte
		var d decision.Decision
		if err := rows.Scan(&encoded); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(encoded, &d); err != nil {
			t.Fatal(err)
		}
		if all[d.Event] != nil {
			t.Errorf("%s is there twice", d.Event)
		}
		all[d.Event] = encoded
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
