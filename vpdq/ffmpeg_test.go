package vpdq_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

// installed skips a test where ffmpeg is not installed.
func installed(t testing.TB) {
	t.Helper()
	if err := new(vpdq.FFmpeg).Installed(); err != nil {
		t.Skip(err)
	}
}

func open(t testing.TB, name string) *os.File {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// Every frame hashes near to what the reference gives of it: conversions of
// colour round, and did so otherwise on the machines that made these lines. The
// reference's own test allows a distance of 31 where the quality is 50.
func TestVectors(t *testing.T) {
	installed(t)
	videos, lines := vectors(t)
	step := 1
	if raced {
		step = 30
	}
	for _, name := range videos {
		v, err := new(vpdq.FFmpeg).Hash(t.Context(), open(t, name), time.Duration(step)*time.Second/30)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var want []vpdq.Frame
		for i := 0; i < len(lines[name]); i += step {
			want = append(want, lines[name][i])
		}
		if len(v.Frames) != len(want) {
			t.Fatalf("%s: %d frames, want %d", name, len(v.Frames), len(want))
		}
		exact, most := 0, 0
		for i, f := range v.Frames {
			if f.Number != want[i].Number || f.Time.Round(time.Millisecond) != want[i].Time {
				t.Errorf("%s: frame %d at %v, want %d at %v", name, f.Number, f.Time, want[i].Number, want[i].Time)
			}
			d := f.Hash.Distance(want[i].Hash)
			if d == 0 {
				exact++
			}
			if want[i].Quality >= 50 {
				most = max(most, d)
			}
		}
		if most > 10 {
			t.Errorf("%s: distance %d", name, most)
		}
		t.Logf("%s: %d × %d, %d of %d frames exact, the others within %d", filepath.Base(name), v.Width, v.Height, exact, len(want), most)
	}
}

func TestEvery(t *testing.T) {
	installed(t)
	videos, lines := vectors(t)
	data, err := os.ReadFile(videos[0])
	if err != nil {
		t.Fatal(err)
	}
	v, err := new(vpdq.FFmpeg).HashBytes(t.Context(), data, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Frames) != 4 || v.Frames[3].Number != 90 || v.Frames[3].Time != 3*time.Second {
		t.Errorf("%+v", v.Frames)
	}
	rule := vpdq.DefaultRule()
	if o := rule.Overlap(v.Frames, lines[videos[0]]); !rule.Match(o) {
		t.Errorf("not found in all of it: %+v", o)
	}
}

// made makes a video of a test picture that moves.
func made(t testing.TB, arguments ...string) []byte {
	t.Helper()
	installed(t)
	name := filepath.Join(t.TempDir(), "made.mkv")
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=3"}, arguments...)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(all, name)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLimits(t *testing.T) {
	video := made(t, "-c:v", "mpeg4")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		limits vpdq.Limits
		want   error
		frames int
	}{
		"none":      {vpdq.Limits{}, nil, 30},
		"at them":   {vpdq.Limits{Bytes: int64(len(video)), Pixels: 160 * 120, Frames: 30}, nil, 30},
		"bytes":     {vpdq.Limits{Bytes: int64(len(video)) - 1}, picture.ErrLimit, 0},
		"pixels":    {vpdq.Limits{Pixels: 160*120 - 1}, picture.ErrLimit, 0},
		"frames":    {vpdq.Limits{Frames: 29}, picture.ErrLimit, 29},
		"time":      {vpdq.Limits{Time: 1}, picture.ErrLimit, 0},
		"cancelled": {vpdq.Limits{}, context.Canceled, 0},
	} {
		f := vpdq.FFmpeg{Limits: test.limits}
		ctx := t.Context()
		if name == "cancelled" {
			ctx = ended
		}
		v, err := f.HashBytes(ctx, video, 0)
		if !errors.Is(err, test.want) || len(v.Frames) != test.frames {
			t.Errorf("%s: %d frames, %v", name, len(v.Frames), err)
		}
	}
}

// What is no video, or one that leads to other files, is refused.
func TestRefuses(t *testing.T) {
	video := made(t, "-c:v", "mpeg4")
	outside := filepath.Join(t.TempDir(), "outside.mkv")
	if err := os.WriteFile(outside, video, 0o600); err != nil {
		t.Fatal(err)
	}
	silence := made(t, "-f", "lavfi", "-i", "anullsrc=duration=1", "-map", "1:a", "-c:a", "flac")
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":     {nil, picture.ErrFormat},
		"text":        {[]byte("hello, this is no video\n"), picture.ErrFormat},
		"sound":       {silence, picture.ErrFormat},
		"playlist":    {[]byte("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://" + outside + "\n#EXT-X-ENDLIST\n"), picture.ErrFormat},
		"list":        {[]byte("ffconcat version 1.0\nfile " + outside + "\n"), picture.ErrFormat},
		"description": {[]byte("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"), picture.ErrFormat},
	} {
		if v, err := new(vpdq.FFmpeg).HashBytes(t.Context(), test.data, 0); !errors.Is(err, test.want) {
			t.Errorf("%s: %d frames, %v", name, len(v.Frames), err)
		}
	}
	folder := open(t, t.TempDir())
	if _, err := new(vpdq.FFmpeg).Hash(t.Context(), folder, 0); !errors.Is(err, picture.ErrFormat) {
		t.Errorf("a folder: %v", err)
	}
}

// Of a video that breaks off, what is there is hashed or the error says so.
func TestTorn(t *testing.T) {
	video := made(t, "-c:v", "mpeg4")
	for _, n := range []int{20, 500, len(video) / 2, len(video) - 10} {
		v, err := new(vpdq.FFmpeg).HashBytes(t.Context(), video[:n], 0)
		if len(v.Frames) == 0 && err == nil {
			t.Errorf("%d bytes: neither frames nor an error", n)
		}
		if err != nil && !errors.Is(err, picture.ErrFormat) && !errors.Is(err, picture.ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A frame of another size in the middle does not shift those that follow.
func TestSizeChanges(t *testing.T) {
	small := made(t, "-c:v", "mpeg4", "-f", "m4v")
	large := made(t, "-c:v", "mpeg4", "-vf", "scale=320:240", "-f", "m4v")
	v, err := new(vpdq.FFmpeg).HashBytes(t.Context(), append(bytes.Clone(small), large...), 0)
	if err != nil {
		t.Fatal(err)
	}
	if v.Width != 160 || v.Height != 120 || len(v.Frames) < 50 {
		t.Errorf("%d frames of %d × %d", len(v.Frames), v.Width, v.Height)
	}
}

func TestMissing(t *testing.T) {
	for _, f := range []vpdq.FFmpeg{{Path: filepath.Join(t.TempDir(), "ffmpeg")}, {Path: "no-such-program"}} {
		var missing *vpdq.MissingError
		if _, err := f.HashBytes(t.Context(), []byte("x"), 0); !errors.As(err, &missing) || !strings.Contains(err.Error(), "not installed") {
			t.Errorf("%q: %v", f.Path, err)
		}
		if err := f.Installed(); !errors.As(err, &missing) {
			t.Errorf("%q: %v", f.Path, err)
		}
	}
}

// fake is an ffmpeg of ours.
func fake(t *testing.T, ffprobe, ffmpeg string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a script for sh")
	}
	folder := t.TempDir()
	for name, script := range map[string]string{"ffprobe": ffprobe, "ffmpeg": ffmpeg} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "ffmpeg")
}

const probed = `echo '{"streams":[{"width":8,"height":8,"avg_frame_rate":"30000/1001","r_frame_rate":"30/1"}]}'`

// The process gets nothing of ours but the file: no variable, no name.
func TestProcessKnowsNothing(t *testing.T) {
	t.Setenv("BREAKWATER_ADMIN_KEY", "hidden")
	name := filepath.Join(t.TempDir(), "-i http:example.org")
	if err := os.WriteFile(name, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := vpdq.FFmpeg{Path: fake(t, probed, `{ echo "$@"; set; cat /dev/stdin; } | tr '\n' ' ' | grep -o -e hidden -e example.org -e 'content$' | tr '\n' ' ' >&2; exit 1`)}
	_, err := f.Hash(t.Context(), open(t, name), 0)
	if !errors.Is(err, picture.ErrDamaged) || !strings.Contains(err.Error(), "content") || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "example.org") {
		t.Error(err)
	}
}

// On Linux the process is under limits, and in a group of its own.
func TestProcessIsLimited(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("limits are set on Linux")
	}
	f := vpdq.FFmpeg{Path: fake(t, probed, `until [ "$(ulimit -f)" = 0 ] && [ "$(ulimit -v)" = 2097152 ]; do :; done; set -- $(cat /proc/$$/stat); [ $1 = $5 ] && echo limited >&2; exit 1`), Limits: vpdq.Limits{Memory: 2 << 30, Time: time.Minute}}
	if _, err := f.HashBytes(t.Context(), []byte("x"), 0); !errors.Is(err, picture.ErrDamaged) || !strings.Contains(err.Error(), "limited") {
		t.Error(err)
	}
}

// A process that does not end is ended, with what it started.
func TestProcessHangs(t *testing.T) {
	f := vpdq.FFmpeg{Path: fake(t, probed, "sleep 1000 & sleep 1000"), Limits: vpdq.Limits{Time: time.Second}}
	if _, err := f.HashBytes(t.Context(), []byte("x"), 0); !errors.Is(err, picture.ErrLimit) {
		t.Error(err)
	}
	f.Path = fake(t, "sleep 1000", "")
	if _, err := f.HashBytes(t.Context(), []byte("x"), 0); !errors.Is(err, picture.ErrLimit) {
		t.Error(err)
	}
}

// A path may be relative, and the process still be started elsewhere.
func TestRelativePath(t *testing.T) {
	t.Chdir(filepath.Dir(fake(t, probed, "pwd >&2; exit 1")))
	f := vpdq.FFmpeg{Path: "./ffmpeg"}
	if _, err := f.HashBytes(t.Context(), []byte("x"), 0); !errors.Is(err, picture.ErrDamaged) || !strings.Contains(err.Error(), os.TempDir()) {
		t.Error(err)
	}
}

// What a process writes is not believed.
func TestProcessLies(t *testing.T) {
	for name, test := range map[string]struct {
		ffprobe, ffmpeg string
		want            error
	}{
		"no JSON":       {"echo hello", "", picture.ErrDamaged},
		"no stream":     {`echo '{"streams":[]}'`, "", picture.ErrFormat},
		"no size":       {`echo '{"streams":[{"width":0,"height":8,"avg_frame_rate":"1/1"}]}'`, "", picture.ErrDamaged},
		"no rate":       {`echo '{"streams":[{"width":8,"height":8,"avg_frame_rate":"0/0"}]}'`, "", picture.ErrDamaged},
		"a torn frame":  {probed, "echo hello", picture.ErrDamaged},
		"nothing":       {probed, "", picture.ErrDamaged},
		"endless":       {probed, "exec cat /dev/zero", picture.ErrLimit},
		"endless probe": {"exec cat /dev/zero", "", picture.ErrFormat},
	} {
		f := vpdq.FFmpeg{Path: fake(t, test.ffprobe, test.ffmpeg), Limits: vpdq.Limits{Frames: 1000}}
		if _, err := f.HashBytes(t.Context(), []byte("x"), 0); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
