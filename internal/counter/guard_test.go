package counter

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// conversation is a connection that says what is to be read.
type conversation struct {
	net.Conn
	r io.Reader
}

func (c conversation) Read(b []byte) (int, error)  { return c.r.Read(b) }
func (c conversation) Write(b []byte) (int, error) { return len(b), nil }

func TestGuard(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	for reply, ends := range map[string]bool{
		"+OK\r\n:1\r\n*2\r\n:5\r\n$3\r\nabc\r\n":        false,
		"$1048576\r\n" + large + "\r\n":                 false,
		"*2\r\n$16\r\n*2147483647\r\n$9\r\n\r\n:1\r\n":  false, // inside a string
		"+*2147483647\r\n":                              false,
		"$-1\r\n*-1\r\n_\r\n%0\r\n":                     false,
		"*?\r\n:1\r\n.\r\n":                             false,
		"*2147483647\r\n":                               true,
		"*99999999999999999999999999999999\r\n":         true,
		"%9223372036854775807\r\n":                      true,
		"$9223372036854775807\r\n":                      true,
		strings.Repeat("*100000\r\n", 3):                true,
		strings.Repeat("$1048576\r\n"+large+"\r\n", 17): true,
		":1\r\n$3\r\nabc\r\n~400000\r\n":                true,
	} {
		for _, r := range []io.Reader{strings.NewReader(reply), iotest.OneByteReader(strings.NewReader(reply))} {
			g := &guard{Conn: conversation{r: r}}
			if _, err := g.Write([]byte("PING")); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(g)
			if ended := errors.Is(err, errAnnounced); ended != ends || !ends && string(got) != reply {
				t.Errorf("%.60q: %v, %d bytes", reply, err, len(got))
			}
		}
	}
	// Each request has its own bound.
	g := &guard{Conn: conversation{r: strings.NewReader(strings.Repeat("*100000\r\n", 50))}}
	var b [9]byte
	for i := range 50 {
		if _, err := g.Write([]byte("PING")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(g, b[:]); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}
