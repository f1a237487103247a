package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // lists of known files name them by MD5
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

func newHash() *cobra.Command {
	var h fileHasher
	cmd := &cobra.Command{
		Use:   "hash FILE…",
		Short: "The hashes by which known images, videos and files are found, as JSON lines",
		Long: `Prints a JSON line for each file: its kind (image, video or file), SHA-256 and MD5.

For a JPEG, PNG, GIF or WebP image it has the PDQ hash, the quality of that from 0
to 100, and the size in pixels; for AVIF and HEIC too, where the ffmpeg program is
installed. Of an animation the first frame is hashed, and --frames spreads more over
it. A hash of a quality under 50 says little. An image is hashed as it is stored:
the orientation in its metadata is not applied, and --dihedral gives the hashes of
all eight. From the same file the hash is that of the reference, bit for bit; --fast
takes large JPEG files at less than their size, and differs in a few bits.

For a video it has the PDQ hashes of its frames (vPDQ), by the ffmpeg program: a
frame every second, or what --every says.

A file that it cannot read gives {"path":…,"error":…} in its place; an image or a
video that it cannot decode, or that is beyond a limit, still gives its SHA-256 and
MD5 with the error. Either is exit status 1 at the end.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if min(h.images.Limits.Bytes, h.images.Limits.Pixels, int64(h.videos.Limits.Frames), int64(h.frames)) < 1 || h.every < 0 {
				return errors.New("--max-bytes, --max-pixels, --max-frames and --frames must be at least 1, and --every not negative")
			}
			h.images.Other = h.videos.Still
			return h.print(cmd.Context(), files, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&h.dihedral, "dihedral", false, "also the hashes of the image turned and mirrored, 8 in all")
	flags.BoolVar(&h.images.Fast, "fast", false, "take large JPEG files at a half or a quarter of their size")
	flags.IntVar(&h.frames, "frames", 1, "hash so many frames of an animation")
	flags.Int64Var(&h.images.Limits.Bytes, "max-bytes", 64<<20, "largest image file that is decoded")
	flags.Int64Var(&h.images.Limits.Pixels, "max-pixels", 100_000_000, "largest image that is decoded, width times height")
	flags.DurationVar(&h.every, "every", time.Second, "hash a frame of a video so often; 0 hashes all")
	flags.IntVar(&h.videos.Limits.Frames, "max-frames", 20_000, "most frames of a video that are hashed")
	flags.StringVar(&h.videos.Path, "ffmpeg", "", "the ffmpeg program, with ffprobe beside it; they are looked for if not given")
	return cmd
}

// fileHasher hashes one file after another.
type fileHasher struct {
	dihedral bool
	frames   int
	every    time.Duration
	images   picture.Hasher
	videos   vpdq.FFmpeg
}

// hashedFile is a line of output.
type hashedFile struct {
	Path   string `json:"path"`
	Kind   string `json:"kind,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	MD5    string `json:"md5,omitempty"`
	*hashedMedia
	Error string `json:"error,omitempty"`
}

// hashedMedia is what an image or a video has of its own.
type hashedMedia struct {
	PDQ      *pdq.Hash     `json:"pdq,omitempty"`
	Quality  *int          `json:"quality,omitempty"`
	Width    int           `json:"width"`
	Height   int           `json:"height"`
	Dihedral []pdq.Hash    `json:"pdq_dihedral,omitempty"`
	Frames   []hashedFrame `json:"pdq_frames,omitempty"` // of an animation
	VPDQ     []hashedFrame `json:"vpdq,omitempty"`
}

// hashedFrame is one frame of an animation, or of a video with its number and
// the seconds until it.
type hashedFrame struct {
	Frame   *int     `json:"frame,omitempty"`
	PDQ     pdq.Hash `json:"pdq"`
	Quality int      `json:"quality"`
	Time    *float64 `json:"time,omitempty"`
}

// print writes a line for each file. Its error is empty if only files failed:
// their lines say so.
func (h *fileHasher) print(ctx context.Context, files []string, out, terminal io.Writer) error {
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	if isTerminal(out) {
		terminal = io.Discard // the lines show how far it is
	}
	bar := newProgress(terminal, "hashing", int64(len(files)))
	defer bar.end()
	refused := false
	for i, path := range files {
		line, err := h.file(ctx, path)
		if ctx.Err() != nil {
			return failed(errors.Join(ctx.Err(), w.Flush()))
		}
		if err != nil {
			line.Error = err.Error()
			refused = true
		}
		if err := errors.Join(lines.Encode(line), w.Flush()); err != nil {
			return failed(err)
		}
		bar.set(int64(i + 1))
	}
	if refused {
		return &statusError{status: exitFound}
	}
	return nil
}

// file hashes one file. What it knows of it stands in the line also with an
// error.
func (h *fileHasher) file(ctx context.Context, path string) (line hashedFile, err error) {
	line.Path = path
	file, err := os.Open(path)
	if err != nil {
		return line, withoutPath(err)
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return line, withoutPath(err)
	}
	head = head[:n]
	long, short := sha256.New(), md5.New() //nolint:gosec // as above
	both := io.MultiWriter(long, short)
	_, err = both.Write(head)
	size, copyErr := io.Copy(both, untilDone(ctx, file))
	if err := errors.Join(err, copyErr); err != nil {
		return line, withoutPath(err)
	}
	line.SHA256, line.MD5 = hex.EncodeToString(long.Sum(nil)), hex.EncodeToString(short.Sum(nil))
	line.Kind, _, _ = strings.Cut(cmp.Or(picture.Sniff(head), "file"), "/")
	switch line.Kind {
	case "image":
		line.hashedMedia, err = h.image(ctx, file, size+int64(n))
	case "video":
		line.hashedMedia, err = h.video(ctx, file)
	}
	return line, err
}

func (h *fileHasher) image(ctx context.Context, file io.ReaderAt, size int64) (*hashedMedia, error) {
	if most := h.images.Limits.Bytes; size > most {
		return nil, fmt.Errorf("image of %d bytes; --max-bytes is %d", size, most)
	}
	data, err := io.ReadAll(untilDone(ctx, io.NewSectionReader(file, 0, size)))
	if err != nil {
		return nil, withoutPath(err)
	}
	frames, err := h.images.Frames(ctx, data, h.frames)
	if len(frames) == 0 {
		return nil, err
	}
	f := frames[0]
	line := &hashedMedia{PDQ: &f.Hash, Quality: &f.Quality, Width: f.Width, Height: f.Height}
	if h.dihedral {
		all := f.Dihedral()
		line.Dihedral = all[:]
	}
	for _, f := range frames {
		if h.frames > 1 {
			line.Frames = append(line.Frames, hashedFrame{PDQ: f.Hash, Quality: f.Quality})
		}
	}
	return line, err
}

func (h *fileHasher) video(ctx context.Context, file *os.File) (*hashedMedia, error) {
	v, err := h.videos.Hash(ctx, file, h.every)
	if len(v.Frames) == 0 {
		return nil, err
	}
	line := &hashedMedia{Width: v.Width, Height: v.Height}
	for _, f := range v.Frames {
		seconds := f.Time.Seconds()
		line.VPDQ = append(line.VPDQ, hashedFrame{Frame: &f.Number, PDQ: f.Hash, Quality: f.Quality, Time: &seconds})
	}
	return line, err
}

// withoutPath is an error of a file without its path, which stands beside it.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// readFunc is a function that reads.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// untilDone reads from r until ctx ends.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(b)
	})
}
