// Package file reads lists that are files, on this machine or behind an https
// address: one hash a line, "kind value", or just the value where the whole
// list is of one kind. It is what python-threatexchange calls local_file.
package file

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
)

const (
	// maxFile bounds a list, in bytes, and maxLine a line of it: a video's
	// frames may be on one.
	maxFile = 4 << 30
	maxLine = 4 << 20
	// pageSize is how many entries are a page.
	pageSize = 1000
	// downloadTime bounds one attempt to get the file.
	downloadTime = 10 * time.Minute
)

// Client reads one list.
type Client struct {
	// Transport leads to the list's address; nil if it is on this machine.
	Transport *exchange.Transport
	Token     string // "" or what goes into an Authorization header: "Bearer …"

	Path string        // of the file on this machine
	Kind hashlist.Kind // of lines that name none; "" has them name one
}

// New reads the list at an https address, or in a file.
func New(place, token string, kind hashlist.Kind) (*Client, error) {
	if !strings.Contains(place, "://") {
		return &Client{Path: place, Kind: kind}, nil
	}
	t, err := exchange.NewTransport(place)
	if err != nil {
		return nil, err
	}
	t.Body, t.Time = maxFile, downloadTime
	return &Client{Transport: t, Token: token, Kind: kind}, nil
}

// Pull reads the list anew, unless it is the one that was read last: the
// checkpoint is the digest of its bytes. A list from elsewhere is read once all
// of it is here: half a list would seem to say that the other half is gone.
func (c *Client) Pull(ctx context.Context, checkpoint string) iter.Seq2[exchange.Page, error] {
	return func(yield func(exchange.Page, error) bool) {
		f, err := c.open(ctx)
		if err != nil {
			yield(exchange.Page{}, fmt.Errorf("file: %w", err))
			return
		}
		defer f.close()
		if f.digest == checkpoint {
			return
		}
		if err := c.read(ctx, f, yield); err != nil {
			yield(exchange.Page{}, fmt.Errorf("file: %w", err))
		}
	}
}

// read gives the list's lines. The last page has the checkpoint.
func (c *Client) read(ctx context.Context, f *list, yield func(exchange.Page, error) bool) error {
	p := exchange.Page{Whole: true}
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	read, skipped := 0, 0
	for lines.Scan() {
		switch e, kind := c.entry(lines.Text()); kind {
		case readable:
			p.Upserts = append(p.Upserts, e)
			read++
		case unreadable:
			p.Skipped++
			p.Unreadable++
			skipped++
		case foreign:
			p.Skipped++
			skipped++
		case nothing:
		}
		if len(p.Upserts) < pageSize {
			continue
		}
		if err := ctx.Err(); err != nil || !yield(p, nil) {
			return err
		}
		p = exchange.Page{Whole: true}
	}
	switch err := lines.Err(); {
	case err != nil:
		return err
	case read == 0 && skipped > 0:
		return errors.New("nothing in it can be read")
	}
	p.Checkpoint = f.digest
	yield(p, nil)
	return nil
}

// What a line is.
type line int

const (
	nothing line = iota // empty, or a comment
	readable
	unreadable
	foreign // of a kind that nothing here can compare
)

func (c *Client) entry(text string) (hashlist.Entry, line) {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, "#") {
		return hashlist.Entry{}, nothing
	}
	kind, value := c.Kind, text
	if kind == "" {
		name, rest, _ := strings.Cut(text, " ")
		if kind, value = kindOf(name), rest; slices.Contains(foreignKinds(), name) {
			return hashlist.Entry{}, foreign
		}
	}
	e := hashlist.Entry{ID: exchange.Name(kind, value)}
	if !exchange.Put(&e.Hashes, kind, value) {
		return hashlist.Entry{}, unreadable
	}
	if kind == hashlist.VPDQ { // it is long, and the list's name for it is as good
		sum := sha256.Sum256([]byte(strings.TrimSpace(value)))
		e.ID = exchange.Name(kind, hex.EncodeToString(sum[:16]))
	}
	return e, readable
}

// kindOf is what python-threatexchange's name of a signal is here.
func kindOf(signal string) hashlist.Kind {
	switch signal {
	case "video_md5":
		return hashlist.MD5
	case "video_sha256":
		return hashlist.SHA256
	}
	return hashlist.Kind(signal)
}

// foreignKinds are names of signals that lists have and nothing here can compare.
func foreignKinds() []string {
	return []string{"photodna", "tmk", "pdq_ocr", "pdq_ocr_v2", "clip", "raw_text", "trend_query", "text_tlsh", "tlsh_pdf", "nilsimsa"}
}

// list is an open list that is all here.
type list struct {
	*os.File
	digest string
	remove bool
}

func (l *list) close() {
	_ = l.Close() // it was only read
	if l.remove {
		_ = os.Remove(l.Name()) // the system's folder of temporary files is swept anyway
	}
}

// open gives the list from its beginning.
func (c *Client) open(ctx context.Context) (*list, error) {
	var l *list
	var err error
	if c.Transport == nil {
		l, err = local(c.Path)
	} else {
		l, err = c.download(ctx)
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if _, err = io.Copy(sum, l); err == nil {
		_, err = l.Seek(0, io.SeekStart)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	l.digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return l, nil
}

func local(path string) (*list, error) {
	f, err := os.Open(path) // #nosec G304 -- the operator names it
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("it is not a file")
	case info.Size() > maxFile:
		err = errors.New("it is larger than is read")
	default:
		return &list{File: f}, nil
	}
	_ = f.Close()
	return nil, err
}

// download fetches the list into a temporary file.
func (c *Client) download(ctx context.Context) (*list, error) {
	f, err := os.CreateTemp("", "breakwater-list-")
	if err != nil {
		return nil, err
	}
	l := &list{File: f, remove: true}
	header := http.Header{}
	if c.Token != "" {
		header.Set("Authorization", c.Token)
	}
	err = c.Transport.Do(ctx, exchange.Request{Header: header}, func(body io.Reader) error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(f, body)
		return err
	})
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// Send gives ErrNotTaken: a file takes no feedback.
func (c *Client) Send(context.Context, hashlist.Opinion) error { return exchange.ErrNotTaken }
