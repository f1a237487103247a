package counter_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/counter/countertest"
	"github.com/breakwater-project/breakwater/internal/telemetry"
)

func TestRedis(t *testing.T) {
	server := countertest.StartRedis(t)
	secret := counter.Secret{}
	countertest.Run(t, func(t *testing.T, now func() time.Time) counter.Store {
		secret[0]++ // each test has keys of its own
		return openRedis(t, server.URL, counter.RedisOptions{Secret: secret, Now: now, Timeout: 10 * time.Second})
	})
}

func openRedis(t testing.TB, url string, o counter.RedisOptions) *counter.Redis {
	t.Helper()
	o.URL = url
	if o.Now == nil {
		o.Now = countertest.NewClock().Now
	}
	r, err := counter.OpenRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

const patient = 20 * time.Second // where a loaded machine must not fail a test

func met(owner string, elements ...string) []counter.Add {
	return countertest.Adds("met", owner, 24*time.Hour, 0, elements...)
}

func of(owner string) []counter.Read {
	return []counter.Read{{Counter: "met", Owner: owner, Window: time.Hour, At: countertest.Start}}
}

// until calls Count until it answers.
func until(t testing.TB, s counter.Store, adds []counter.Add, reads []counter.Read) []float64 {
	t.Helper()
	for began := time.Now(); ; <-time.After(10 * time.Millisecond) {
		got, err := s.Count(t.Context(), adds, reads)
		if err == nil {
			return got
		}
		if !errors.Is(err, counter.ErrAway) || time.Since(began) > patient {
			t.Fatal(err)
		}
	}
}

// While Redis is stopped every call is an error, from the second on without
// asking it; what was added meanwhile is there when it is back.
func TestRedisStops(t *testing.T) {
	server := countertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	metrics := telemetry.NewMetrics()
	r := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient, Metrics: counter.NewMetrics(metrics)})
	until(t, r, met("a", "before"), nil)
	for round := range 2 {
		server.Stop(t)
		if _, err := r.Count(t.Context(), met("a", fmt.Sprint("first", round)), of("a")); !errors.Is(err, counter.ErrAway) {
			t.Fatalf("stopped: %v", err)
		}
		for i := range 100 {
			if _, err := r.Count(t.Context(), met("a", fmt.Sprint(round, i%50)), of("a")); err != counter.ErrAway { //nolint:errorlint // bare: it was not asked
				t.Fatalf("stopped, call %d: %v", i, err)
			}
		}
		if err := r.Forget(t.Context(), "a"); !errors.Is(err, counter.ErrAway) {
			t.Errorf("Forget while it is stopped: %v", err)
		}
		if got := value(t, metrics, "breakwater_counter_away_state"); got != 1 {
			t.Errorf("the metric says %v while it is stopped", got)
		}
		server.Start(t)
		if got := until(t, r, nil, of("a")); got[0] != float64(1+51*(round+1)) {
			t.Errorf("round %d: counted %v, want %d", round, got[0], 1+51*(round+1))
		}
	}
	for name, want := range map[string]float64{"away_state": 0, "kept_adds": 0, "lost_total": 0, "failures_total": 2} {
		if got := value(t, metrics, "breakwater_counter_"+name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func value(t *testing.T, m *telemetry.Metrics, name string) float64 {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// Of what is added while Redis is away the newest are kept, and the rest is
// counted as lost.
func TestRedisKeepsSoMuch(t *testing.T) {
	server := countertest.StartRedis(t)
	metrics := telemetry.NewMetrics()
	r := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient, Keep: 10, Metrics: counter.NewMetrics(metrics)})
	until(t, r, met("a", "before"), nil)
	server.Stop(t)
	for i := range 25 {
		if _, err := r.Count(t.Context(), met("a", fmt.Sprint(i)), nil); !errors.Is(err, counter.ErrAway) {
			t.Fatal(err)
		}
	}
	server.Start(t) // without what it had
	if got := until(t, r, nil, of("a")); got[0] != 10 {
		t.Errorf("counted %v, want the 10 that were kept", got[0])
	}
	if got := value(t, metrics, "breakwater_counter_lost_total"); got != 15 {
		t.Errorf("%v lost, want 15", got)
	}
}

// A server that hangs is as good as none, and what it may have had of a call
// counts once.
func TestRedisHangs(t *testing.T) {
	server := countertest.StartRedis(t)
	r := openRedis(t, server.URL, counter.RedisOptions{Timeout: 100 * time.Millisecond})
	until(t, r, met("a", "before"), nil)
	server.Freeze(t)
	if _, err := r.Count(t.Context(), met("a", "x"), of("a")); !errors.Is(err, counter.ErrAway) {
		t.Errorf("frozen: %v", err)
	}
	if _, err := r.Count(t.Context(), met("a", "x", "y"), of("a")); !errors.Is(err, counter.ErrAway) {
		t.Errorf("frozen: %v", err)
	}
	server.Thaw(t)
	if got := until(t, r, nil, of("a")); got[0] != 3 {
		t.Errorf("counted %v, want 3", got[0])
	}
}

// A caller that gives up does not make Redis seem away.
func TestRedisCallerGivesUp(t *testing.T) {
	r := openRedis(t, countertest.StartRedis(t).URL, counter.RedisOptions{Timeout: patient})
	until(t, r, nil, of("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 2 {
		if got, err := r.Count(ctx, met("a", fmt.Sprint(i)), of("a")); err != nil || got[0] != float64(i+1) {
			t.Errorf("call %d: %v, %v", i, got, err)
		}
	}
}

// A server need not be there when it is opened.
func TestRedisOpensWithout(t *testing.T) {
	server := countertest.StartRedis(t)
	server.Stop(t)
	r := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient})
	if _, err := r.Count(t.Context(), met("a", "x"), of("a")); !errors.Is(err, counter.ErrAway) {
		t.Fatalf("no server: %v", err)
	}
	server.Start(t)
	if got := until(t, r, nil, of("a")); got[0] != 1 {
		t.Errorf("counted %v, want 1", got[0])
	}
}

func TestRedisAddress(t *testing.T) {
	for _, url := range []string{"", "localhost:6379", "http://localhost", "redis://:hush@localhost/x/y", "redis://:hush@local host"} {
		_, err := counter.OpenRedis(counter.RedisOptions{URL: url})
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// In Redis there are no names but those of counters, and every key expires.
func TestRedisNamesNobody(t *testing.T) {
	server := countertest.StartRedis(t)
	r := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient})
	var many []string
	for i := range 2 * counter.Exact {
		many = append(many, fmt.Sprint("child", i))
	}
	until(t, r, met("account-in-particular", many...), nil)
	until(t, r, met("another-in-particular", many[:3]...), nil)
	until(t, r, countertest.Adds("sent", "account-in-particular", 30*24*time.Hour, 0, many...), nil)
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) < 5 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	for _, key := range keys {
		ttl, err := client.Do(t.Context(), client.B().Ttl().Key(key).Build()).AsInt64()
		if err != nil || ttl <= 0 || ttl > 3*366*24*3600 {
			t.Errorf("%s expires in %d s (%v)", key, ttl, err)
		}
		dump, err := client.Do(t.Context(), client.B().Dump().Key(key).Build()).ToString()
		if err != nil || strings.Contains(key+dump, "particular") || strings.Contains(dump, "child") {
			t.Errorf("%s names somebody (%v)", key, err)
		}
	}
	// The counts take no longer than they are kept for.
	if n, err := client.Do(t.Context(), client.B().Ttl().Key(shortest(keys)).Build()).AsInt64(); err != nil || n > 31*24*3600 {
		t.Errorf("a count expires in %d s (%v)", n, err)
	}
	if err := r.Forget(t.Context(), "account-in-particular"); err != nil {
		t.Fatal(err)
	}
	keys, err = client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) != 2 {
		t.Errorf("after one of two was forgotten there are %q (%v)", keys, err)
	}
}

// shortest is the name of a count itself.
func shortest(keys []string) string {
	best := ""
	for _, k := range keys {
		if strings.HasSuffix(k, "}") {
			best = k
		}
	}
	return best
}

// Two processes share one Redis and one secret.
func TestRedisIsShared(t *testing.T) {
	server := countertest.StartRedis(t)
	a := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient})
	b := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient})
	other := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient, Secret: counter.Secret{1}})
	until(t, a, met("a", "x", "y"), nil)
	if got := until(t, b, met("a", "y", "z"), of("a")); got[0] != 3 {
		t.Errorf("counted %v together, want 3", got[0])
	}
	if got := until(t, other, nil, of("a")); got[0] != 0 {
		t.Errorf("with another secret %v are seen", got[0])
	}
	// One that never counted anything forgets too.
	if err := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient}).Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if got := until(t, a, nil, of("a")); got[0] != 0 {
		t.Errorf("%v are left of who was forgotten", got[0])
	}
}

func TestForgottenElements(t *testing.T) {
	server := countertest.StartRedis(t)
	r := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient})
	m := openMemory(t, counter.MemoryOptions{Now: countertest.NewClock().Now})
	for _, s := range []counter.Store{r, m} {
		for i := range 3000 {
			until(t, s, met(fmt.Sprint("owner", i%1500), "gone", fmt.Sprint("other", i)), nil)
		}
		if err := s.Forget(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.SweepNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.SweepNow()
	for _, s := range []counter.Store{r, m} {
		for i := range 1500 {
			if got := until(t, s, nil, of(fmt.Sprint("owner", i))); got[0] != 2 {
				t.Fatalf("%T: owner %d has %v, want 2", s, i, got[0])
			}
		}
	}
}

// Somebody else's use of one of our names fails that count alone, and does not
// keep what waits from being added.
func TestRedisNameTaken(t *testing.T) {
	server := countertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	r := openRedis(t, server.URL, counter.RedisOptions{Timeout: patient})
	until(t, r, met("a", "x"), nil)
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern("bw:{*").Build()).AsStrSlice()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%q, %v", keys, err)
	}
	if err := client.Do(t.Context(), client.B().Set().Key(keys[0]).Value("taken").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Count(t.Context(), met("a", "y"), of("a")); err == nil {
		t.Error("it counted what is no count")
	}
	if got, err := r.Count(t.Context(), met("b", "y"), of("b")); err != nil || got[0] != 1 {
		t.Errorf("another count: %v, %v", got, err)
	}
	server.Stop(t)
	for _, owner := range []string{"b", "a", "c"} {
		if _, err := r.Count(t.Context(), met(owner, "z"), nil); !errors.Is(err, counter.ErrAway) {
			t.Errorf("stopped: %v", err)
		}
	}
	server.Start(t)
	if got := until(t, r, nil, append(of("b"), of("c")...)); got[0] != 2 || got[1] != 1 {
		t.Errorf("b and c have %v, want 2 and 1", got)
	}
}

// Whatever a server says, it is an error and no panic.
func TestWrongReplies(t *testing.T) {
	for name, reply := range map[string]string{
		"nothing":            "",
		"garbage":            "\x00\xff\x01garbage\r\n\r\n",
		"HTTP":               "HTTP/1.1 400 Bad Request\r\n\r\n",
		"OK":                 "+OK\r\n",
		"a number":           ":1\r\n",
		"a negative count":   "*1\r\n:-5\r\n",
		"words":              "*1\r\n$3\r\nabc\r\n",
		"too many counts":    "*2\r\n:1\r\n:1\r\n",
		"no counts":          "*0\r\n",
		"nil":                "$-1\r\n",
		"RESP3 null":         "_\r\n",
		"a map":              "%1\r\n+a\r\n:1\r\n",
		"half a reply":       "*1\r\n:",
		"a huge array":       "*2147483647\r\n:1\r\n",
		"a negative length":  "*-7\r\n",
		"a huge string":      "$9223372036854775807\r\nx\r\n",
		"nested":             strings.Repeat("*1\r\n", 50) + ":1\r\n",
		"an error":           "-ERR no\r\n",
		"not loaded":         "-NOSCRIPT no\r\n",
		"loading":            "-LOADING still\r\n",
		"full":               "-OOM no\r\n",
		"a push":             ">2\r\n+invalidate\r\n*0\r\n",
		"several, not asked": "*1\r\n:1\r\n*1\r\n:1\r\n*1\r\n:1\r\n*1\r\n:2\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := openRedis(t, "redis://"+fake(t, reply), counter.RedisOptions{Timeout: 100 * time.Millisecond})
			for range 20 {
				got, err := r.Count(t.Context(), met("a", "x"), of("a"))
				if err == nil && got[0] != 1 && got[0] != 2 {
					t.Errorf("it understood %v", got)
				}
				if err != nil && !errors.Is(err, counter.ErrAway) {
					t.Errorf("%v, want ErrAway", err)
				}
			}
		})
	}
}

// fake is a server that greets like Redis, and answers every script with reply.
func fake(t *testing.T, reply string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go talk(conn, reply)
		}
	}()
	return l.Addr().String()
}

func talk(conn net.Conn, reply string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		words, err := command(in)
		if err != nil {
			return
		}
		answer := "+OK\r\n"
		switch strings.ToUpper(words[0]) {
		case "HELLO":
			answer = "%2\r\n+version\r\n+7.0.0\r\n+proto\r\n:3\r\n"
		case "PING":
			answer = "+PONG\r\n"
		case "CLUSTER":
			answer = "-ERR This instance has cluster support disabled\r\n"
		case "SADD", "EXPIRE":
			answer = ":1\r\n"
		case "EVAL", "EVALSHA":
			answer = reply
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func command(in *bufio.Reader) ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		var size int
		if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:size])
	}
	return words, nil
}

func BenchmarkRedis(b *testing.B) {
	server := countertest.StartRedis(b)
	r := openRedis(b, server.URL, counter.RedisOptions{Timeout: patient})
	until(b, r, met("a", "x"), nil)
	b.SetParallelism(8) // of a server that waits for the network most of the time
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			adds, reads := ofMessage(i, 10_000)
			if _, err := r.Count(context.Background(), adds, reads); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.StopTimer()
	client, err := server.Client()
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	info, err := client.Do(b.Context(), client.B().Info().Section("memory").Build()).ToString()
	keys, err2 := client.Do(b.Context(), client.B().Dbsize().Build()).AsInt64()
	if err := errors.Join(err, err2); err != nil {
		b.Fatal(err)
	}
	var used float64
	_, after, _ := strings.Cut(info, "used_memory_dataset:")
	fmt.Sscan(after, &used)
	b.ReportMetric(used/float64(keys), "B/count")
	stats, err := client.Do(b.Context(), client.B().Info().Section("commandstats").Build()).ToString()
	if err != nil {
		b.Fatal(err)
	}
	var each float64
	_, after, _ = strings.Cut(stats, "cmdstat_evalsha:")
	_, after, _ = strings.Cut(after, "usec_per_call=")
	after, _, _ = strings.Cut(after, ",")
	fmt.Sscan(after, &each)
	b.ReportMetric(each, "µs-in-Redis/count")
}
