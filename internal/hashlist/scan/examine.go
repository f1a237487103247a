package scan

import (
	"context"
	"crypto/md5"  //nolint:gosec // lists are of MD5 and SHA-1, whatever they are worth
	"crypto/sha1" //nolint:gosec // see above
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"regexp"
	"strings"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

// sums are digests of all that is written.
type sums struct{ sha256, sha1, md5 hash.Hash }

func newSums() *sums { return &sums{sha256.New(), sha1.New(), md5.New()} } //nolint:gosec // see the imports

func (s *sums) Write(b []byte) (int, error) {
	for _, h := range []hash.Hash{s.sha256, s.sha1, s.md5} {
		h.Write(b) // a hash never fails
	}
	return len(b), nil
}

// examiner hashes and matches one job after another.
type examiner struct {
	*Scanner
	pictures picture.Hasher
	buf      []byte
	// address is where in memory the ffmpeg program had something, which it
	// says in its errors. Reports of the same files are to be the same.
	address *regexp.Regexp
}

func (s *Scanner) newExaminer() *examiner {
	return &examiner{
		Scanner:  s,
		pictures: picture.Hasher{Limits: s.Images, Fast: s.Fast, Other: s.Videos.Still},
		address:  regexp.MustCompile(` @ 0x[0-9a-f]+`),
	}
}

// examine finishes a job. Its error ends the scan.
func (e *examiner) examine(ctx context.Context, j *job) error {
	line := &j.line
	q := hashlist.Query{Banks: e.Banks}
	err := j.err
	if err == nil {
		err = e.hash(ctx, j, &q)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		line.Error = err.Error()
	}
	if j.size > 0 && q.SHA256 != "" {
		result, err := e.Lists.Match(ctx, q)
		if err != nil {
			return err
		}
		line.Matches, line.Suppressed = bodies(result.Matches), len(result.Suppressed)
	}
	if line.Error != "" || len(line.Matches) > 0 || line.Kind == "image" || line.Kind == "video" {
		if line.Matches == nil {
			line.Matches = []hashlist.MatchBody{}
		}
		j.done.Line = line
	}
	return nil
}

func bodies(matches []hashlist.Match) []hashlist.MatchBody {
	all := make([]hashlist.MatchBody, len(matches))
	for i, m := range matches {
		all[i] = hashlist.BodyOf(m)
	}
	return all
}

// hash fills in the line and the query. With an error stands what could be
// hashed all the same.
func (e *examiner) hash(ctx context.Context, j *job, q *hashlist.Query) error {
	if err := e.sum(ctx, j); err != nil {
		return err
	}
	q.SHA256, q.SHA1, q.MD5 = hexOf(j.sums.sha256), hexOf(j.sums.sha1), hexOf(j.sums.md5)
	j.line.SHA256, j.line.MD5 = q.SHA256, q.MD5
	head := j.data
	if j.file != nil {
		head = make([]byte, headSize)
		n, _ := j.file.ReadAt(head, 0) // it was read a moment ago
		head = head[:n]
	}
	j.line.Kind, _, _ = strings.Cut(picture.Sniff(head[:min(len(head), headSize)]), "/")
	switch j.line.Kind {
	case "":
		j.line.Kind = "file"
	case "image":
		return e.image(ctx, j, q)
	case "video":
		return e.video(ctx, j, q)
	}
	return nil
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// sum computes the digests, and reads a file that may be an image.
func (e *examiner) sum(ctx context.Context, j *job) error {
	switch {
	case j.sums != nil:
		return nil
	case j.file == nil:
		j.sums = newSums()
		_, _ = j.sums.Write(j.data)
		return nil
	}
	j.sums = newSums()
	if j.size > e.imageBytes() {
		_, err := io.Copy(j.sums, untilDone{ctx, io.NewSectionReader(j.file, 0, j.size)})
		return withoutPath(err)
	}
	if int64(cap(e.buf)) < j.size {
		e.buf = make([]byte, j.size)
	}
	e.buf = e.buf[:j.size]
	n, err := j.file.ReadAt(e.buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return withoutPath(err)
	}
	j.data, j.size = e.buf[:n], int64(n)
	_, _ = j.sums.Write(j.data)
	return nil
}

func (e *examiner) image(ctx context.Context, j *job, q *hashlist.Query) error {
	if j.data == nil {
		return reason("image of %d bytes; the most is %d", j.size, e.imageBytes())
	}
	frames, err := e.pictures.Frames(ctx, j.data, hashlist.Animated)
	if len(frames) == 0 {
		return err
	}
	first := &frames[0]
	j.line.PDQ, j.line.Quality, j.line.Width, j.line.Height = first.Hash.String(), &first.Quality, first.Width, first.Height
	q.Turned = hashlist.Turned(frames)
	return err
}

func (e *examiner) video(ctx context.Context, j *job, q *hashlist.Query) error {
	var v vpdq.Video
	var err error
	if j.file != nil {
		v, err = e.Videos.Hash(ctx, j.file, every)
	} else {
		v, err = e.Videos.HashBytes(ctx, j.data, every)
	}
	j.line.Width, j.line.Height, j.line.Frames = v.Width, v.Height, len(v.Frames)
	if len(vpdq.Distinct(v.Frames, hashlist.LeastQuality)) > 0 {
		q.VPDQ = vpdq.Signal(v.Frames)
	}
	var missing *vpdq.MissingError
	if errors.As(err, &missing) {
		return reason("%s is not installed, so the video's digests were compared, not its pictures", missing.Program)
	}
	if err != nil {
		return errors.New(e.address.ReplaceAllString(err.Error(), ""))
	}
	return nil
}

// untilDone reads until ctx ends.
type untilDone struct {
	ctx context.Context //nolint:containedctx // a reader has no other way to learn of it
	r   io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
