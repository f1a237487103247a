// Command faiss compares package hamming with faiss's IndexBinaryMultiHash, 16
// tables of 16 bits, one flipped, as Debian's python3-faiss has it: the same
// random codes and queries, half of them near a code, at most 31 bits apart,
// one thread each, taking turns. Both must find as many. Where python3-faiss is
// absent it says so and compares nothing. It goes on with what has no
// counterpart: clustered codes, and the restart from a snapshot.
package main

import (
	"bufio"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/hamming"
)

//go:embed faiss.py
var script string

const (
	radius  = 31
	batches = 20
	batch   = 10
	words   = 64 // of random numbers for each query, as in faiss.py
)

func main() {
	n := flag.Int("n", 1_000_000, "how many codes")
	builds := flag.Int("builds", 3, "how often each is built; 0 leaves faiss out")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	var err error
	if *builds > 0 {
		err = compare(*n, *builds)
	}
	if err := errors.Join(err, alone(*n)); err != nil {
		fmt.Fprintln(os.Stderr, "faiss:", err)
		os.Exit(1)
	}
}

func compare(n, builds int) error {
	interpreter := withFaiss()
	if interpreter == "" {
		fmt.Println("python3-faiss is absent, so nothing is compared; on Debian: apt-get install python3-faiss")
		return nil
	}
	p, err := start(interpreter, n, batches*batch)
	if err != nil {
		return err
	}
	defer p.stop()

	var built, theirBuilt []float64
	var weighs, theyWeigh float64
	var x *hamming.Index
	for range builds {
		seconds, bytes, err := p.ask("build")
		if err != nil {
			return err
		}
		theirBuilt = append(theirBuilt, seconds)
		theyWeigh = max(theyWeigh, bytes/float64(n)) // the first: the next reuse memory

		entries := codes(n)
		before := heap()
		began := time.Now()
		x = hamming.New()
		x.AddAll(entries)
		built = append(built, time.Since(began).Seconds())
		weighs = (heap() - before) / float64(n)
		runtime.KeepAlive(entries)
	}

	var took, theyTook []float64
	found := 0
	queries := queriesOf(n)
	for from := 0; from < len(queries); from += batch {
		seconds, theyFound, err := p.ask(fmt.Sprintf("search %d %d", from, from+batch))
		if err != nil {
			return err
		}
		theyTook = append(theyTook, seconds/batch)
		found -= int(theyFound)
		began := time.Now()
		for _, q := range queries[from : from+batch] {
			for range x.Search(q, radius) {
				found++
			}
		}
		took = append(took, time.Since(began).Seconds()/batch)
	}
	if found != 0 {
		return fmt.Errorf("hamming finds %d entries more than faiss", found)
	}
	fmt.Printf("%-10s %-10s %12s %12s %9s\n", "codes", "", "hamming", "faiss", "ratio")
	row := func(what, unit string, ours, theirs float64) {
		fmt.Printf("%-10d %-10s %9.4g %-2s %9.4g %-2s %8.1f×\n", n, what, ours, unit, theirs, unit, theirs/ours)
	}
	row("search", "ms", 1e3*median(took), 1e3*median(theyTook))
	row("build", "s", median(built), median(theirBuilt))
	row("a code", "B", weighs, theyWeigh)
	return nil
}

// alone measures what has no counterpart.
func alone(n int) error {
	x := hamming.New()
	for _, data := range []struct {
		name   string
		shares bool
	}{{"half in families of a thousand", false}, {"and a quarter shares half its bits", true}} {
		entries := codes(n)
		for i := range entries {
			c := &entries[i].Code
			switch {
			case i%4 == 3 && data.shares:
				c[0], c[2] = 0, ^uint64(0)
			case i%2 == 1:
				*c = flipped(code(4, i/2000), 5, i, 40)
			}
		}
		x = hamming.New()
		x.AddAll(entries)
		took := searches(x, entries)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		fmt.Printf("%-10d %-35s median %.4g ms, p99 %.4g ms: %.1f times; at most %.4g ms\n",
			n, data.name, 1e3*p50, 1e3*p99, p99/p50, 1e3*took[len(took)-1])
	}
	return restart(x, n)
}

// searches is how long each of a thousand takes, ascending; every other query
// is near an entry. Each counts with the least time of several, so that what
// else the machine does is left out.
func searches(x *hamming.Index, entries []hamming.Entry) []float64 {
	took := make([]float64, 1000)
	for round := range 5 {
		for q := range took {
			query := code(2, q)
			if q%2 == 0 {
				query = flipped(entries[splitmix(6, q)%uint64(len(entries))].Code, 7, q, 32)
			}
			began := time.Now()
			for range x.Search(query, radius) {
			}
			if seconds := time.Since(began).Seconds(); round == 0 || seconds < took[q] {
				took[q] = seconds
			}
		}
	}
	slices.Sort(took)
	return took
}

// restart measures the way from a snapshot to the first answer.
func restart(x *hamming.Index, n int) error {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "codes")
	if err := x.WriteFile(path); err != nil {
		return err
	}
	began := time.Now()
	x, err = hamming.ReadFile(path)
	if err != nil {
		return err
	}
	for range x.Search(code(2, 0), radius) {
	}
	fmt.Printf("%-10d restart from a snapshot, first search done: %.2g s\n", n, time.Since(began).Seconds())
	return nil
}

// flipped is c with fewer than most bits changed.
func flipped(c hamming.Code, seed uint64, i, most int) hamming.Code {
	r := func(j int) uint64 { return splitmix(seed, words*i+j) }
	for j := range int(r(0) % uint64(most)) {
		bit := r(1+j) % 256
		c[bit/64] ^= 1 << (bit % 64)
	}
	return c
}

// heap is the bytes of memory in use.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// splitmix is word i of the SplitMix64 sequence that begins with seed.
func splitmix(seed uint64, i int) uint64 {
	z := seed + uint64(i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func code(seed uint64, i int) hamming.Code {
	var c hamming.Code
	for j := range c {
		c[j] = splitmix(seed, 4*i+j)
	}
	return c
}

func codes(n int) []hamming.Entry {
	entries := make([]hamming.Entry, n)
	for i := range entries {
		entries[i] = hamming.Entry{Code: code(1, i), ID: uint64(i)}
	}
	return entries
}

// queriesOf are the queries that faiss.py makes.
func queriesOf(n int) []hamming.Code {
	queries := make([]hamming.Code, batches*batch)
	for q := range queries {
		queries[q] = code(2, q)
		if q%2 == 1 {
			continue
		}
		queries[q] = flipped(code(1, int(splitmix(8, q)%uint64(n))), 3, q, 32)
	}
	return queries
}

// python is faiss.py, running.
type python struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// withFaiss is a Python that has faiss, "" if none has. Debian's own need not
// be the first on the path.
func withFaiss() string {
	for _, interpreter := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(interpreter, "-c", "import faiss").Run() == nil { //nolint:gosec,noctx // one of the two; it ends at once
			return interpreter
		}
	}
	return ""
}

func start(interpreter string, n, queries int) (*python, error) {
	cmd := exec.Command(interpreter, "-c", script, fmt.Sprint(n), fmt.Sprint(queries)) //nolint:gosec,noctx // our own script; it ends with its input
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &python{cmd, in, bufio.NewReader(out)}
	if _, err := p.out.ReadString('\n'); err != nil {
		p.stop()
		return nil, fmt.Errorf("faiss.py did not begin: %w", err)
	}
	return p, nil
}

// ask gives a command and reads the two numbers of its answer.
func (p *python) ask(command string) (a, b float64, err error) {
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return 0, 0, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, 0, fmt.Errorf("faiss.py ended: %w", err)
	}
	_, err = fmt.Sscan(line, &a, &b)
	return a, b, err
}

func (p *python) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}
