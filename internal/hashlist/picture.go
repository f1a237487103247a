package hashlist

import (
	"cmp"
	"context"
	"crypto/md5"  //nolint:gosec // lists are of MD5 and SHA-1, whatever they are worth
	"crypto/sha1" //nolint:gosec // see above
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

// Picture is what is known of an uploaded file: its digests, and if it is an
// image or a video that can be decoded, its PDQ hash or those of its frames.
type Picture struct {
	Hashes  Hashes // SHA256, SHA1, MD5, and PDQ, also one of low quality, or VPDQ
	Quality int    // of the PDQ hash, or of the best frame, 0 to 100
	Type    string // image/…, video/…, "" for all others

	// Turned are more PDQ hashes, of good quality: of the picture turned and
	// mirrored, and of more frames of an animation.
	Turned []string

	// Unhashed says why nothing that it shows is hashed, "" where it is.
	Unhashed string
	// Partial says that a part of it, such as later frames of an animation or
	// a video, could not be looked at.
	Partial bool
}

// Visual reports whether it is or may be something to see, so that it matters
// that it could not be looked at.
func (p *Picture) Visual() bool {
	return p.Type == "" || strings.HasPrefix(p.Type, "image/") || strings.HasPrefix(p.Type, "video/")
}

// Query looks for the picture: its PDQ hash only if its quality is enough, and
// with turned in all eight ways that it can lie, and in further frames.
func (p Picture) Query(turned bool) Query {
	q := Query{Hashes: p.Hashes}
	if p.Quality < LeastQuality {
		q.PDQ = ""
	}
	if turned {
		q.Turned = p.Turned
	}
	return q
}

// Hasher hashes uploaded files and remembers the hashes, not the files: what
// is uploaded again need not be decoded again. It is safe for concurrent use,
// and decodes as many pictures at once as there are processors, and half as
// many videos.
type Hasher struct {
	limits  picture.Limits
	ffmpeg  *vpdq.FFmpeg
	decoder sync.Pool     // of *picture.Hasher
	slots   chan struct{} // for decoders at work
	films   chan struct{} // for videos at work
	cache   cache
}

// remembered is how many pictures the two halves of a cache have: some 25 MB.
const remembered = 20_000

// Animated is how many frames of an animation are looked for.
const Animated = 8

// NewHasher makes a hasher. With an ffmpeg it decodes AVIF, HEIC and videos,
// these within its limits; without, nil, it doesn't.
func NewHasher(limits picture.Limits, ffmpeg *vpdq.FFmpeg) *Hasher {
	processors := runtime.GOMAXPROCS(0)
	h := &Hasher{limits: limits, ffmpeg: ffmpeg, slots: make(chan struct{}, processors), films: make(chan struct{}, max(1, processors/2))}
	h.decoder.New = func() any {
		p := &picture.Hasher{Limits: limits}
		if ffmpeg != nil {
			p.Other = ffmpeg.Still
		}
		return p
	}
	return h
}

// Hash hashes a file. That it is no image or video, or a broken one, is no
// error: it then has digests only and says why. The error is that of ctx.
func (h *Hasher) Hash(ctx context.Context, data []byte) (Picture, error) {
	key := sha256.Sum256(data)
	if p, ok := h.cache.get(key); ok {
		return p, nil
	}
	p := Picture{Type: picture.Sniff(data[:min(len(data), 512)])}
	one, two := sha1.Sum(data), md5.Sum(data) //nolint:gosec // see the imports
	p.Hashes.SHA256, p.Hashes.SHA1, p.Hashes.MD5 = hex.EncodeToString(key[:]), hex.EncodeToString(one[:]), hex.EncodeToString(two[:])
	decode := h.picture
	if strings.HasPrefix(p.Type, "video/") {
		decode = h.video
	}
	err := decode(ctx, data, &p)
	if ctx.Err() != nil {
		return Picture{}, ctx.Err()
	}
	if err == nil || !errors.Is(err, picture.ErrLimit) { // another time there may be more time
		h.cache.put(key, p)
	}
	return p, nil
}

func (h *Hasher) picture(ctx context.Context, data []byte, p *Picture) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.slots }()
	decoder, _ := h.decoder.Get().(*picture.Hasher) // the pool has nothing else
	defer h.decoder.Put(decoder)
	frames, err := decoder.Frames(ctx, data, Animated)
	if len(frames) > 0 { // a broken end does not undo what came before
		p.take(frames)
		p.Partial = err != nil
	} else {
		p.fail(err, "image")
	}
	return err
}

// video hashes a frame every second, for as long as there is time: what comes
// later is not looked at. It leaves a quarter of the time that ctx gives for
// what is to be done with the hashes.
func (h *Hasher) video(ctx context.Context, data []byte, p *Picture) error {
	if h.ffmpeg == nil {
		p.Unhashed = "it is a video, and the ffmpeg program is not installed"
		return nil
	}
	ffmpeg := *h.ffmpeg
	within := cmp.Or(ffmpeg.Limits.Time, 10*time.Second)
	if end, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(end)*3/4)
	}
	until := time.Now().Add(within)
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	select {
	case h.films <- struct{}{}:
	case <-waiting.Done():
		err := fmt.Errorf("%w: other videos took the time", picture.ErrLimit)
		p.fail(err, "video")
		return err
	}
	defer func() { <-h.films }()
	ffmpeg.Limits.Time = max(time.Until(until), 1)
	v, err := ffmpeg.HashBytes(ctx, data, time.Second)
	if len(v.Frames) == 0 {
		p.fail(err, "video")
		return err
	}
	for _, f := range v.Frames {
		p.Quality = max(p.Quality, f.Quality)
	}
	if p.Quality >= LeastQuality {
		p.Hashes.VPDQ = vpdq.Signal(v.Frames)
	}
	p.Partial = err != nil
	return err
}

// fail says why nothing of it is hashed.
func (p *Picture) fail(err error, what string) {
	switch {
	case errors.Is(err, picture.ErrFormat):
		p.Unhashed = "it is not " + map[string]string{"image": "an image", "video": "a video"}[what] + " of a format that is decoded"
	case errors.Is(err, picture.ErrLimit):
		p.Unhashed = "it is larger than " + what + "s may be, or took too long"
	default:
		p.Unhashed = "it is a damaged " + what
	}
}

func (p *Picture) take(frames []picture.Hashed) {
	p.Hashes.PDQ, p.Quality, p.Type = frames[0].Hash.String(), frames[0].Quality, frames[0].Type
	p.Turned = slices.DeleteFunc(Turned(frames), func(text string) bool { return text == p.Hashes.PDQ })
}

// Turned are the different PDQ hashes of the frames, turned and mirrored in
// all ways, of those whose quality is enough.
func Turned(frames []picture.Hashed) (all []string) {
	for i := range frames {
		if frames[i].Quality < LeastQuality {
			continue
		}
		for _, turned := range frames[i].Dihedral() {
			if text := turned.String(); !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return all
}

// cache keeps what was put last, at least half of what it may.
type cache struct {
	mu         sync.Mutex
	young, old map[[32]byte]Picture
}

func (c *cache) get(key [32]byte) (Picture, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.young[key]; ok {
		return p, true
	}
	p, ok := c.old[key]
	if ok {
		c.putLocked(key, p)
	}
	return p, ok
}

func (c *cache) put(key [32]byte, p Picture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putLocked(key, p)
}

func (c *cache) putLocked(key [32]byte, p Picture) {
	if c.young == nil || len(c.young) >= remembered/2 {
		c.young, c.old = make(map[[32]byte]Picture), c.young
	}
	c.young[key] = p
}
