package main

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // lists of known files name them by MD5
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/image/webp"

	"github.com/breakwater-project/breakwater/pdq"
)

func newHash() *cobra.Command {
	var h fileHasher
	cmd := &cobra.Command{
		Use:   "hash FILE…",
		Short: "The hashes by which known images and files are found, as JSON lines",
		Long: `Prints a JSON line for each file: its kind (image, video or file), SHA-256 and MD5,
and for a JPEG, PNG, GIF (first frame) or WebP image its PDQ hash, the quality of
that from 0 to 100, and its size in pixels. A hash of a quality under 50 says
little. An image is hashed as it is stored: the orientation in its metadata is not
applied, and --dihedral gives the hashes of all eight.

A file that it cannot read gives {"path":…,"error":…} in its place; an image that
it cannot decode, or that is beyond a limit, still gives its SHA-256 and MD5 with
the error. Either is exit status 1 at the end.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if h.maxBytes < 1 || h.maxPixels < 1 {
				return errors.New("--max-bytes and --max-pixels must be at least 1")
			}
			return h.print(cmd.Context(), files, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&h.dihedral, "dihedral", false, "also the hashes of the image turned and mirrored, 8 in all")
	cmd.Flags().Int64Var(&h.maxBytes, "max-bytes", 64<<20, "largest image file that is decoded")
	cmd.Flags().Int64Var(&h.maxPixels, "max-pixels", 100_000_000, "largest image that is decoded, width times height")
	return cmd
}

// fileHasher hashes one file after another.
type fileHasher struct {
	dihedral            bool
	maxBytes, maxPixels int64
	pdq                 pdq.Hasher
}

// hashedFile is a line of output.
type hashedFile struct {
	Path   string `json:"path"`
	Kind   string `json:"kind,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	MD5    string `json:"md5,omitempty"`
	*hashedImage
	Error string `json:"error,omitempty"`
}

type hashedImage struct {
	PDQ      pdq.Hash   `json:"pdq"`
	Quality  int        `json:"quality"`
	Width    int        `json:"width"`
	Height   int        `json:"height"`
	Dihedral []pdq.Hash `json:"pdq_dihedral,omitempty"`
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
	mime := sniff(head)
	line.Kind, _, _ = strings.Cut(mime, "/")
	line.SHA256, line.MD5 = hex.EncodeToString(long.Sum(nil)), hex.EncodeToString(short.Sum(nil))
	if line.Kind != "image" {
		return line, nil
	}
	if size += int64(n); size > h.maxBytes {
		return line, fmt.Errorf("image of %d bytes; --max-bytes is %d", size, h.maxBytes)
	}
	start := func() io.Reader { return bufio.NewReader(untilDone(ctx, io.NewSectionReader(file, 0, size))) }
	m, err := decodeImage(start, mime, h.maxPixels)
	if err != nil {
		return line, withoutPath(err)
	}
	f := h.pdq.FromImage(m)
	line.hashedImage = &hashedImage{PDQ: f.Hash, Quality: f.Quality, Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}
	if h.dihedral {
		all := f.Dihedral()
		line.Dihedral = all[:]
	}
	return line, nil
}

// sniff gives the type of a file from how it begins: image/…, video/…, or
// "file" for all others.
func sniff(head []byte) string {
	if len(head) >= 12 && string(head[4:8]) == "ftyp" { // a family: MP4, QuickTime, HEIC, AVIF, AAC
		switch brand := string(head[8:12]); brand {
		case "avif", "avis", "heic", "heix", "hevc", "heim", "heis", "mif1", "msf1":
			return "image/" + brand
		case "M4A ", "M4B ", "M4P ":
			return "file"
		}
		return "video/mp4"
	}
	mime := http.DetectContentType(head)
	if strings.HasPrefix(mime, "image/") || strings.HasPrefix(mime, "video/") {
		return mime
	}
	return "file"
}

// decoder is of one format of images.
type decoder struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// decodeImage decodes an image, if it has no more than so many pixels. start
// reads it from its beginning.
func decodeImage(start func() io.Reader, mime string, maxPixels int64) (m image.Image, err error) {
	var d decoder
	switch mime {
	case "image/jpeg":
		d = decoder{jpeg.DecodeConfig, jpeg.Decode}
	case "image/png":
		d = decoder{png.DecodeConfig, png.Decode}
	case "image/gif":
		d = decoder{gif.DecodeConfig, gif.Decode}
	case "image/webp":
		d = decoder{webp.DecodeConfig, webp.Decode}
	default:
		return nil, fmt.Errorf("%s is not a format that it decodes", mime)
	}
	defer func() { // what a decoder's author did not think of costs one file
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("%s: %v", mime, p)
		}
	}()
	config, err := d.config(start())
	if err != nil {
		return nil, err
	}
	if int64(config.Width)*int64(config.Height) > maxPixels {
		return nil, fmt.Errorf("image of %d × %d pixels; --max-pixels is %d", config.Width, config.Height, maxPixels)
	}
	if m, err = d.decode(start()); err != nil {
		return nil, err
	}
	return onCanvas(m, image.Rect(0, 0, config.Width, config.Height)), nil
}

// onCanvas is the image as it is shown: the first frame of a GIF may fill a
// part of it only.
func onCanvas(m image.Image, canvas image.Rectangle) image.Image {
	if m.Bounds() == canvas {
		return m
	}
	whole := image.NewNRGBA(canvas)
	draw.Draw(whole, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return whole
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
