package vpdq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/breakwater-project/breakwater/pdq"
	"github.com/breakwater-project/breakwater/picture"
)

// MissingError says that a program is not installed.
type MissingError struct {
	Program string // ffmpeg or ffprobe
	Err     error
}

// Error names the program.
func (e *MissingError) Error() string {
	return fmt.Sprintf("vpdq: the %s program is not installed: %v", e.Program, e.Err)
}

// Unwrap is what looking for it gave.
func (e *MissingError) Unwrap() error { return e.Err }

// Limits bound what a video may cost. A field that is 0 has its default.
type Limits struct {
	Bytes  int64         // of the file; 4 GiB
	Pixels int64         // of a frame, width × height; 36 million
	Frames int           // that are hashed; 20,000
	Time   time.Duration // for one video; 10 min
	Memory int64         // of the process, in bytes of address space; 4 GiB. Linux only
}

// FFmpeg hashes videos by a process of the ffmpeg program for each. The zero
// FFmpeg is ready, and safe for concurrent use.
//
// A video comes from a stranger, and decoders have holes. The process gets no
// environment, no shell, no name of a file and no network protocol; it opens
// the one file that it is given, in formats that lead to no others; on Linux
// its time, memory and files are limited, and where the system allows, it has
// no network at all. It still runs as the user that the program runs as: who
// wants more gives Path a program that confines it.
type FFmpeg struct {
	// Path is the ffmpeg program; if it names a folder, ffprobe must lie there
	// too. Otherwise they are looked for in PATH.
	Path string

	Limits Limits
}

// Video is what a video hashes to.
type Video struct {
	Frames        []Frame
	Width, Height int     // in pixels, as stored
	Rate          float64 // frames a second
}

// Hash hashes a frame of the first, and every so often one more; 0 is every
// frame. Frames are counted as the reference counts them: every n-th, for the
// whole number of frames that come in that time.
//
// Errors are a MissingError, those of ctx, or wrap picture.ErrFormat (no
// video), picture.ErrLimit or picture.ErrDamaged; with the latter two come the
// frames before.
func (f *FFmpeg) Hash(ctx context.Context, file *os.File, every time.Duration) (Video, error) {
	limits := f.limits()
	if err := f.Installed(); err != nil {
		return Video{}, err
	}
	if err := check(file, limits); err != nil {
		return Video{}, err
	}
	within, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	v, err := f.hash(within, file, every, limits)
	switch {
	case err == nil:
		return v, nil
	case ctx.Err() != nil:
		return v, fmt.Errorf("vpdq: %w", ctx.Err())
	case within.Err() != nil:
		return v, fmt.Errorf("vpdq: %w: not hashed within %v", picture.ErrLimit, limits.Time)
	}
	return v, fmt.Errorf("vpdq: %w", err)
}

// HashBytes is Hash of a file in memory.
func (f *FFmpeg) HashBytes(ctx context.Context, data []byte, every time.Duration) (Video, error) {
	file, err := unnamed(data)
	if err != nil {
		return Video{}, fmt.Errorf("vpdq: %w", err)
	}
	defer func() { _ = file.Close() }()
	return f.Hash(ctx, file, every)
}

func (f *FFmpeg) limits() Limits {
	l := f.Limits
	l.Bytes, l.Pixels, l.Memory = or(l.Bytes, 4<<30), or(l.Pixels, 36_000_000), or(l.Memory, 4<<30)
	l.Frames, l.Time = or(l.Frames, 20_000), or(l.Time, 10*time.Minute)
	return l
}

func or[T int | int64 | time.Duration](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}

// check sees that the process is given a file that it may read.
func check(file *os.File, limits Limits) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("vpdq: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("vpdq: %w: not a regular file", picture.ErrFormat)
	}
	if info.Size() > limits.Bytes {
		return fmt.Errorf("vpdq: %w: %d bytes, and %d are allowed", picture.ErrLimit, info.Size(), limits.Bytes)
	}
	return nil
}

// program finds ffmpeg or ffprobe.
func (f *FFmpeg) program(name string) (string, error) {
	look := name
	if folder, file := filepath.Split(f.Path); name == "ffmpeg" && f.Path != "" {
		look = f.Path
	} else if folder != "" {
		look = folder + name + filepath.Ext(file)
	}
	path, err := exec.LookPath(look)
	if err != nil {
		return "", &MissingError{Program: name, Err: err}
	}
	return filepath.Abs(path) // it is started in another folder
}

// Installed says whether both programs are there: nil, or a MissingError.
func (f *FFmpeg) Installed() error {
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := f.program(name); err != nil {
			return err
		}
	}
	return nil
}

// fastest is the most frames a second that are believed: a file that claims
// more wants most of them left out.
const fastest = 240

func (f *FFmpeg) hash(ctx context.Context, file *os.File, every time.Duration, limits Limits) (Video, error) {
	v, err := f.probe(ctx, file, limits)
	if err != nil {
		return v, err
	}
	step := max(1, int(every.Seconds()*min(v.Rate, fastest)))
	process, err := f.decode(ctx, file, v, step, limits.Frames+1, limits)
	if err != nil {
		return v, err
	}
	more, err := v.read(process.out, step, limits.Frames)
	if more || err != nil {
		process.kill()
	}
	ended := process.end()
	switch {
	case err != nil:
		return v, err
	case more:
		return v, fmt.Errorf("%w: more than %d frames", picture.ErrLimit, limits.Frames)
	case ended != nil:
		return v, fmt.Errorf("%w: %w", picture.ErrDamaged, ended)
	case len(v.Frames) == 0:
		return v, fmt.Errorf("%w: no frame", picture.ErrDamaged)
	}
	return v, nil
}

// decode starts a process that gives every so many frames of a video, as bytes
// of red, green and blue. What is damaged in a video is passed over, unless
// options say otherwise.
func (f *FFmpeg) decode(ctx context.Context, file *os.File, v Video, step, most int, limits Limits, options ...string) (*process, error) {
	// A stream may change the size of its frames: all are brought to that of the
	// first. Accurate rounding comes nearest to the reference's hashes made on
	// any processor; what swscale does otherwise depends on it.
	filter := fmt.Sprintf(`select=not(mod(n\,%d)),scale=%d:%d:flags=area+accurate_rnd`, step, v.Width, v.Height)
	return f.start(ctx, "ffmpeg", file, limits, append(options,
		"-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", "-noautorotate",
		"-max_pixels", strconv.FormatInt(2*limits.Pixels+1<<16, 10), input, // with what a decoder fills up
		"-map", "0:V:0", "-an", "-sn", "-dn", "-vf", filter, "-fps_mode", "passthrough",
		"-frames:v", strconv.Itoa(most), "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1")...)
}

// read hashes frames as they come, each while the next one is read. It reports
// whether there are more than most.
func (v *Video) read(from io.Reader, step, most int) (more bool, err error) {
	type read struct {
		pix []byte
		err error
	}
	full, empty := make(chan read), make(chan []byte, 2)
	done := make(chan struct{})
	defer close(done)
	for range cap(empty) {
		empty <- make([]byte, 3*v.Width*v.Height)
	}
	go func() {
		for pix := range empty {
			_, err := io.ReadFull(from, pix)
			select {
			case full <- read{pix, err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer close(empty)
	hasher := new(pdq.Hasher)
	for n := 0; ; n++ {
		r := <-full
		if errors.Is(r.err, io.EOF) {
			return false, nil
		}
		if r.err != nil {
			return false, fmt.Errorf("%w: a frame breaks off", picture.ErrDamaged)
		}
		if n == most {
			return true, nil
		}
		f, err := hasher.FromRGB(r.pix, v.Width, v.Height)
		if err != nil {
			return false, err
		}
		empty <- r.pix
		at := time.Duration(float64(n*step) / v.Rate * float64(time.Second))
		v.Frames = append(v.Frames, Frame{Hash: f.Hash, Quality: f.Quality, Time: at, Number: n * step})
	}
}
