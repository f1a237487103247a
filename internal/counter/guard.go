package counter

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
)

// mostAnnounced bounds what replies to one request may announce, elements and
// bytes together. The client makes room for what is announced before it comes.
const mostAnnounced = 16 << 20

var errAnnounced = errors.New("a reply announces more than can be meant")

// guard is a connection to Redis that ends when a reply announces too much.
// It follows RESP just far enough for that: lines, and the bytes of strings.
type guard struct {
	net.Conn
	left   int  // that may be announced until the next request
	skip   int  // bytes of a string that are to come
	kind   byte // of the line, 0 at its beginning
	length int  // that the line announces; -1 where it is no number
	err    error
}

// Write begins a request.
func (g *guard) Write(b []byte) (int, error) {
	g.left = mostAnnounced
	return g.Conn.Write(b)
}

func (g *guard) Read(b []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.Conn.Read(b)
	for read := b[:n]; len(read) > 0 && g.err == nil; {
		if g.skip > 0 {
			k := min(g.skip, len(read))
			g.skip -= k
			read = read[k:]
			continue
		}
		g.follow(read[0])
		read = read[1:]
	}
	if g.err != nil {
		return 0, g.err
	}
	return n, err
}

// follow reads one byte of a line.
func (g *guard) follow(c byte) {
	switch {
	case c == '\n':
		g.line()
		g.kind, g.length = 0, 0
	case g.kind == 0:
		g.kind = c
	case c >= '0' && c <= '9' && g.length >= 0:
		if g.length = 10*g.length + int(c-'0'); g.length > mostAnnounced {
			g.length = mostAnnounced + 1
		}
	case c != '\r':
		g.length = -1
	}
}

// line has come to its end.
func (g *guard) line() {
	const element = 64 // bytes that the client takes for one, about
	switch {
	case g.length <= 0:
		return
	case strings.IndexByte("$=!;", g.kind) >= 0:
		g.skip = g.length
		g.left -= g.length
	case strings.IndexByte("*%~>|", g.kind) >= 0:
		g.left -= element * g.length
	}
	if g.left < 0 {
		g.err = errAnnounced
	}
}

// dial connects as the client would, guarded.
func dial(network string) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	return func(ctx context.Context, addr string, d *net.Dialer, c *tls.Config) (net.Conn, error) {
		var conn net.Conn
		var err error
		if c != nil {
			conn, err = (&tls.Dialer{NetDialer: d, Config: c}).DialContext(ctx, network, addr)
		} else {
			conn, err = d.DialContext(ctx, network, addr)
		}
		if err != nil {
			return nil, err
		}
		return &guard{Conn: conn}, nil
	}
}
