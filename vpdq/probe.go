package vpdq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/breakwater-project/breakwater/picture"
)

// probe asks ffprobe for the size and the rate of a video, so that nothing too
// large is decoded.
func (f *FFmpeg) probe(ctx context.Context, file *os.File, limits Limits) (Video, error) {
	process, err := f.start(ctx, "ffprobe", file, limits,
		"-hide_banner", "-loglevel", "error", input,
		"-select_streams", "V:0", "-show_entries", "stream=width,height,avg_frame_rate,r_frame_rate", "-of", "json")
	if err != nil {
		return Video{}, err
	}
	out, err := io.ReadAll(io.LimitReader(process.out, 1<<20))
	if err := errors.Join(err, process.end()); err != nil {
		return Video{}, fmt.Errorf("%w: %w", picture.ErrFormat, err)
	}
	v, err := parseProbe(out)
	if err != nil {
		return Video{}, err
	}
	if int64(v.Width) > limits.Pixels/int64(v.Height) {
		return Video{}, fmt.Errorf("%w: %d × %d pixels, and %d are allowed", picture.ErrLimit, v.Width, v.Height, limits.Pixels)
	}
	return v, nil
}

// parseProbe reads what ffprobe writes.
func parseProbe(out []byte) (Video, error) {
	var read struct {
		Streams []struct {
			Width   int    `json:"width"`
			Height  int    `json:"height"`
			Average string `json:"avg_frame_rate"`
			Real    string `json:"r_frame_rate"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(out, &read); err != nil {
		return Video{}, fmt.Errorf("%w: ffprobe: %w", picture.ErrDamaged, err)
	}
	if len(read.Streams) == 0 {
		return Video{}, fmt.Errorf("%w: no video in it", picture.ErrFormat)
	}
	s := read.Streams[0]
	if s.Width < 1 || s.Height < 1 || s.Width > 1<<20 || s.Height > 1<<20 {
		return Video{}, fmt.Errorf("%w: no size", picture.ErrDamaged)
	}
	v := Video{Width: s.Width, Height: s.Height, Rate: ratio(s.Average)}
	if v.Rate == 0 {
		v.Rate = ratio(s.Real)
	}
	if v.Rate == 0 {
		return Video{}, fmt.Errorf("%w: no frame rate", picture.ErrDamaged)
	}
	return v, nil
}

// ratio reads a fraction such as 30000/1001; 0 is anything else.
func ratio(s string) float64 {
	up, down, _ := strings.Cut(s, "/")
	a, err := strconv.Atoi(up)
	b, err2 := strconv.Atoi(down)
	if err != nil || err2 != nil || a <= 0 || b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}
