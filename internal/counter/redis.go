package counter

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"
)

//go:embed count.lua
var countLua string

//go:embed forget.lua
var forgetLua string

// Redis is a Store in a Redis (7 or later) or Valkey that several processes
// share. Counts are as in Memory; the standard error of its HyperLogLogs is
// 0.8 %. Each call is one round trip. Every key expires.
//
// When it doesn't answer in time, Count gives ErrAway at once from then on, so
// that not every caller waits, until it answers again and has what was added
// meanwhile. Of that, a bounded number is kept in memory, the oldest going
// first; what did not fit, or was kept when the process ended, is lost.
type Redis struct {
	o        RedisOptions
	owners   sip
	elements sip

	mu     sync.Mutex
	client valkey.Client // nil until there was a connection
	away   bool
	kept   queue
	names  map[string]*keyed

	gone    map[string]struct{} // elements of who is forgotten
	ctx     context.Context     //nolint:containedctx // ends what goes on after a call
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// keyed is a counter that a Redis knows.
type keyed struct {
	key   sip
	noted bool // in the set of all names
}

// RedisOptions of OpenRedis.
type RedisOptions struct {
	URL     string // redis://, rediss:// or unix://, as the Redis URI scheme has it; ?addr= for more nodes
	Secret  Secret
	Timeout time.Duration    // of one call; 50 ms unless set
	Keep    int              // adds that are kept while it doesn't answer; 100,000 unless set
	Now     func() time.Time // time.Now unless set
	Log     *slog.Logger     // says when it went away and came back; nowhere unless set
	Metrics *Metrics
}

const (
	namesKey   = "bw:counters" // names of counters, no others
	keyPrefix  = "bw:{"
	connecting = 2 * time.Second
	buffers    = 32 << 10 // of a connection, each way
	pool       = 64       // connections
)

// OpenRedis is a store in the Redis at the URL. It opens also while that does
// not answer: then everything is ErrAway until it does.
func OpenRedis(o RedisOptions) (*Redis, error) {
	if _, err := valkey.ParseURL(o.URL); err != nil {
		return nil, errors.New("counter: the address of Redis must be redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH") // err may have the password
	}
	if o.Timeout == 0 {
		o.Timeout = 50 * time.Millisecond
	}
	if o.Keep == 0 {
		o.Keep = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Redis{
		o: o, owners: o.Secret.derive("redis owner"), elements: o.Secret.derive("redis element"),
		names: map[string]*keyed{}, gone: map[string]struct{}{}, kept: queue{most: o.Keep},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if err := r.connect(); err != nil {
		r.leave(err)
	}
	r.running.Go(r.sweepForever)
	return r, nil
}

// Close ends its connections. What was kept is lost.
func (r *Redis) Close() error {
	r.mu.Lock()
	r.cancel()
	r.mu.Unlock()
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		r.client.Close()
	}
	r.o.Metrics.lost(r.kept.len())
	return nil
}

func (r *Redis) connect() error {
	o, err := valkey.ParseURL(r.o.URL)
	if err != nil {
		return err
	}
	// Each call has a connection to itself, without a goroutine that reads ahead:
	// what a server says unasked can't come between.
	o.DisableAutoPipelining, o.DisableCache, o.DisableRetry = true, true, true
	o.DialCtxFn = dial("tcp")
	if strings.HasPrefix(r.o.URL, "unix:") {
		o.ForceSingleClient, o.DialCtxFn = true, dial("unix")
	}
	o.Dialer.Timeout, o.ConnWriteTimeout = connecting, connecting
	o.BlockingPoolSize, o.ReadBufferEachConn, o.WriteBufferEachConn = pool, buffers, buffers
	client, err := valkey.NewClient(o)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client = client
	return nil
}

// call is one run of count.lua: what is added to one count and read of it.
type call struct {
	key   string
	hold  uint32 // the longest of adds
	adds  []kept
	spans [][2]uint32
	reads []int // which of the caller's the spans are
}

// Count implements Store.
func (r *Redis) Count(ctx context.Context, adds []Add, reads []Read) ([]float64, error) {
	if r.ctx.Err() != nil {
		return nil, ErrClosed
	}
	now := r.o.Now()
	calls, fresh, err := r.calls(adds, reads, now)
	if err != nil || len(calls) == 0 {
		return make([]float64, len(reads)), err
	}
	r.mu.Lock()
	client := r.client
	if r.away {
		r.keep(calls)
		r.mu.Unlock()
		return nil, ErrAway
	}
	r.mu.Unlock()
	// The caller's patience must not decide whether Redis is taken to be away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.Timeout)
	defer cancel()
	out := make([]float64, len(reads))
	if err := run(ctx, client, calls, fresh, now, out); err != nil {
		if !hopeless(err) {
			r.lose(calls, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	r.note(fresh)
	return out, nil
}

// calls sorts adds and reads by count. fresh are the counters that the set of
// all names may not have yet.
func (r *Redis) calls(adds []Add, reads []Read, now time.Time) (calls []*call, fresh []string, err error) {
	byKey := make(map[string]*call, len(reads))
	of := func(counter, owner string) *call {
		c, known := r.counter(counter)
		if !known {
			fresh = append(fresh, counter)
		}
		key := nameOf(c, owner)
		if byKey[key] == nil {
			byKey[key] = &call{key: key}
			calls = append(calls, byKey[key])
		}
		return byKey[key]
	}
	for i := range adds {
		a := &adds[i]
		hold, err := hold(a.Keep)
		if err != nil {
			return nil, nil, err
		}
		c := of(a.Counter, a.Owner)
		c.hold = max(c.hold, hold)
		c.adds = append(c.adds, kept{key: c.key, element: r.element(a.Element), at: instant(a.At, now), hold: hold})
	}
	for i := range reads {
		from, to, err := reads[i].span(now)
		if err != nil {
			return nil, nil, err
		}
		c := of(reads[i].Counter, reads[i].Owner)
		c.spans = append(c.spans, [2]uint32{from, to})
		c.reads = append(c.reads, i)
	}
	return calls, fresh, nil
}

// counter is the key of a counter, and whether its name is noted.
func (r *Redis) counter(name string) (sip, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.names[name]
	if c == nil {
		c = &keyed{key: r.owners.under(name)}
		if len(r.names) < MaxCounters {
			r.names[name] = c
		}
	}
	return c.key, c.noted
}

func (r *Redis) note(names []string) {
	if len(names) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		if c := r.names[name]; c != nil {
			c.noted = true
		}
	}
}

// nameOf is the key of a count. All that is kept of it has what is in braces in
// its name, which puts it into one slot of a cluster.
func nameOf(counter sip, owner string) string {
	d := counter.digest128(owner)
	return keyPrefix + base64.RawURLEncoding.EncodeToString(d[:]) + "}"
}

func (r *Redis) element(name string) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], r.elements.digest(name))
	return string(b[:])
}

// args are what count.lua reads.
func (c *call) args(now time.Time) []string {
	args := make([]string, 0, 4+2*len(c.adds)+2*len(c.spans))
	number := func(n int64) { args = append(args, strconv.FormatInt(n, 10)) }
	number(now.Unix())
	number(int64(c.hold))
	number(Exact)
	number(int64(len(c.adds)))
	for _, a := range c.adds {
		number(int64(a.at))
		args = append(args, a.element)
	}
	for _, s := range c.spans {
		number(int64(s[0]))
		number(int64(s[1]))
	}
	return args
}

// script runs a script on a count by its digest, or by its text.
type script struct{ text, sha1 string }

func (s script) byDigest(client valkey.Client, key string, args []string) valkey.Completed {
	return client.B().Evalsha().Sha1(s.sha1).Numkeys(1).Key(key).Arg(args...).Build()
}

func (s script) byText(client valkey.Client, key string, args []string) valkey.Completed {
	return client.B().Eval().Script(s.text).Numkeys(1).Key(key).Arg(args...).Build()
}

// run makes the calls in one round trip, or in two where the server does not
// know the script yet, and fills in out.
func run(ctx context.Context, client valkey.Client, calls []*call, fresh []string, now time.Time, out []float64) (err error) {
	// The client must not end the program with what a server made of a reply.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a reply that the client can't read: %v", p)
		}
	}()
	count := script{countLua, sha1Of(countLua)}
	commands := make([]valkey.Completed, 0, len(calls)+1)
	args := make([][]string, len(calls))
	for i, c := range calls {
		args[i] = c.args(now)
		commands = append(commands, count.byDigest(client, c.key, args[i]))
	}
	if len(fresh) > 0 {
		commands = append(commands, client.B().Sadd().Key(namesKey).Member(fresh...).Build(),
			client.B().Expire().Key(namesKey).Seconds(2*seconds(MaxKeep)).Build())
	}
	results := client.DoMulti(ctx, commands...)
	var unknown []int
	var faults []error
	for i, c := range calls {
		err := c.read(results[i], out)
		if v, ok := valkey.IsValkeyErr(err); ok && v.IsNoScript() {
			unknown = append(unknown, i)
			continue
		}
		faults = append(faults, err)
	}
	if len(fresh) > 0 {
		faults = append(faults, results[len(calls)].Error())
	}
	if len(unknown) > 0 {
		commands = commands[:0]
		for _, i := range unknown {
			commands = append(commands, count.byText(client, calls[i].key, args[i]))
		}
		results = client.DoMulti(ctx, commands...)
		for k, i := range unknown {
			faults = append(faults, calls[i].read(results[k], out))
		}
	}
	return worst(faults)
}

// read takes the counts out of a reply.
func (c *call) read(result valkey.ValkeyResult, out []float64) error {
	counts, err := result.AsIntSlice()
	if err != nil {
		return err
	}
	if len(counts) != len(c.reads) {
		return fmt.Errorf("%d counts in a reply, not %d", len(counts), len(c.reads))
	}
	for i, n := range counts {
		if n < 0 {
			return errors.New("a count below 0")
		}
		out[c.reads[i]] = float64(n)
	}
	return nil
}

// worst is the error that says most of the server: one that is hopeless only if
// there is no other.
func worst(faults []error) error {
	var last error
	for _, err := range faults {
		if err != nil && (last == nil || hopeless(last)) {
			last = err
		}
	}
	return last
}

// hopeless reports whether a call would fail again on a server that is well:
// somebody else uses one of our names.
func hopeless(err error) bool {
	v, ok := valkey.IsValkeyErr(err)
	return ok && strings.HasPrefix(v.Error(), "WRONGTYPE")
}
