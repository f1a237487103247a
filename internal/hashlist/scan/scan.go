// Package scan looks for known images, videos and files in folders and in
// archives: tar, also compressed with gzip, and zip, in one another. Shards of
// training sets are such tars.
//
// A Scanner walks in one fixed order, hashes on all processors, and reports in
// the order of the walk. So a Position says all of how far it is, and a Report
// that keeps it goes on after a crash with no line lost and none twice.
//
// What is scanned comes from strangers. Symbolic links are not followed; what
// an archive may expand to, how deep archives may lie in each other, and the
// memory that is taken at a time are limited. What can't be looked at has a
// line that says why.
package scan

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

// Lists answer what is known of a file.
type Lists interface {
	Match(ctx context.Context, q hashlist.Query) (hashlist.Result, error)
}

// Scanner looks for what the lists know.
type Scanner struct {
	Lists  Lists
	Banks  []string // only these; all if none is named
	Images picture.Limits
	Fast   bool        // see picture.Hasher
	Videos vpdq.FFmpeg // where it is not installed, videos have digests only
	Limits Limits

	Workers int // files that are hashed at a time; one for each processor unless set
}

// Limits bound what archives may cost. A field that is 0 has its default.
type Limits struct {
	Memory  int64 // bytes of files that wait to be hashed; 256 MiB
	Spool   int64 // bytes of a temporary file, for a video or a zip file that lies in an archive; 4 GiB
	Expand  int64 // bytes that any archive may expand to; 1 GiB
	Ratio   int64 // and this many more for each byte that it has on disk; 100
	Depth   int   // archives in each other; 4
	Members int64 // of a zip file; 1 million
}

func (l Limits) orDefaults() Limits {
	for _, f := range []struct {
		field *int64
		value int64
	}{{&l.Memory, 256 << 20}, {&l.Spool, 4 << 30}, {&l.Expand, 1 << 30}, {&l.Ratio, 100}, {&l.Members, 1_000_000}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if l.Depth == 0 {
		l.Depth = 4
	}
	return l
}

// Position is a place in the walk: everything before it is done.
type Position struct {
	Root  int    `json:"root"`  // which of the paths that are scanned
	Path  string `json:"path"`  // the file on disk that the walk is in
	Items int    `json:"items"` // of that file, or of the archive that it is, done
}

// Done is one file, or member of an archive, that is finished.
type Done struct {
	Line *Line // nil for what is neither image nor video, is no failure, and matches nothing
	At   Position
	Disk int64 // bytes of all files on disk so far
}

// Line is a line of the report.
type Line struct {
	Path    string `json:"path"`             // of the file on disk
	Member  string `json:"member,omitempty"` // its name in the archive that the file is; ! stands before a name in an archive in it
	Kind    string `json:"kind,omitempty"`   // image, video or file
	SHA256  string `json:"sha256,omitempty"`
	MD5     string `json:"md5,omitempty"`
	PDQ     string `json:"pdq,omitempty"`
	Quality *int   `json:"quality,omitempty"` // of the PDQ hash; under 50 it is not looked for
	Width   int    `json:"width,omitempty"`   // pixels
	Height  int    `json:"height,omitempty"`
	Frames  int    `json:"frames,omitempty"` // of a video, hashed

	Matches []hashlist.MatchBody `json:"matches"` // nearest first
	// Suppressed is how many matches an innocent bank took back.
	Suppressed int    `json:"suppressed,omitempty"`
	Error      string `json:"error,omitempty"` // why it was not looked at, or not whole
}

// Scan walks the paths, from a position on, and gives each thing that is
// finished to done, one after another and in order. It ends with the first
// error of done, of the lists, or of ctx; what is wrong with a file has a line.
func (s *Scanner) Scan(ctx context.Context, paths []string, from Position, done func(Done) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := s.Workers
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	limits := s.Limits.orDefaults()
	w := &walker{
		ctx: ctx, limits: limits, images: s.imageBytes(), from: from,
		room: newRoom(limits.Memory), work: make(chan *job, n), order: make(chan *job, 64*n),
	}
	go func() {
		if err := w.walk(paths); err != nil {
			cancel(err)
		}
		close(w.work)
		close(w.order)
	}()
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			e := s.newExaminer()
			for j := range w.work {
				if err := e.examine(ctx, j); err != nil {
					cancel(err)
				}
				j.release()
				close(j.finished)
			}
		})
	}
	defer workers.Wait()
	for j := range w.order {
		<-j.finished
		if ctx.Err() == nil {
			if err := done(j.done); err != nil {
				cancel(err)
			}
		}
	}
	return context.Cause(ctx)
}

func (s *Scanner) imageBytes() int64 {
	if s.Images.Bytes > 0 {
		return s.Images.Bytes
	}
	return 64 << 20
}

// every is how often a frame of a video is hashed, as lists have them.
const every = time.Second

// room is memory that is handed out in bytes.
type room struct {
	mu   sync.Mutex
	free int64
	all  int64
	more *sync.Cond
}

func newRoom(all int64) *room {
	r := &room{free: all, all: all}
	r.more = sync.NewCond(&r.mu)
	return r
}

// take waits until there are n bytes, or all of them if n is more, and returns
// how many were taken.
func (r *room) take(n int64) int64 {
	n = min(n, r.all)
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.free < n {
		r.more.Wait()
	}
	r.free -= n
	return n
}

func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += n
	r.more.Signal()
}

// reason is an error as a line says it.
func reason(format string, args ...any) error { return fmt.Errorf(format, args...) }
