package hashlist_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/hashlist"
	"github.com/breakwater-project/breakwater/picture"
	"github.com/breakwater-project/breakwater/vpdq"
)

// drawn is a file that ffmpeg makes of a test picture that moves.
func drawn(t *testing.T, name string, arguments ...string) []byte {
	t.Helper()
	if err := new(vpdq.FFmpeg).Installed(); err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=6"}, arguments...)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(all, path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// TestVideoIsFoundByItsFrames looks up a video that was compressed again.
func TestVideoIsFoundByItsFrames(t *testing.T) {
	known := drawn(t, "known.mp4", "-c:v", "mpeg4", "-q:v", "2")
	again := drawn(t, "again.mp4", "-c:v", "mpeg4", "-q:v", "9", "-vf", "scale=280:210")
	h := hashlist.NewHasher(picture.Limits{}, new(vpdq.FFmpeg))
	first, err := h.Hash(t.Context(), known)
	must(t, err)
	if first.Unhashed != "" || first.Partial || first.Hashes.VPDQ == "" {
		t.Fatalf("%+v", first)
	}
	lists := newSite(t).lists
	must(t, second(lists.Create(t.Context(), hashlist.NewBank("ALL"))))
	must(t, second(lists.Apply(t.Context(), "ALL", hashlist.Change{
		Upserts: []hashlist.Entry{{ID: "v", Hashes: hashlist.Hashes{VPDQ: first.Hashes.VPDQ}}},
	})))
	p, err := h.Hash(t.Context(), again)
	must(t, err)
	found, err := lists.Match(t.Context(), p.Query(true))
	must(t, err)
	if len(found.Matches) != 1 || found.Matches[0].Kind != hashlist.VPDQ || found.Matches[0].Entry != "v" {
		t.Errorf("%+v", found)
	}
}

// TestVideoThatIsNotLookedAt holds that it is said of whatever is not seen of
// a video, and that the rest of it counts.
func TestVideoThatIsNotLookedAt(t *testing.T) {
	video := drawn(t, "video.mp4", "-c:v", "mpeg4")
	for name, h := range map[string]*hashlist.Hasher{
		"no ffmpeg": hashlist.NewHasher(picture.Limits{}, nil),
		"no time":   hashlist.NewHasher(picture.Limits{}, &vpdq.FFmpeg{Limits: vpdq.Limits{Time: 1}}),
		"too large": hashlist.NewHasher(picture.Limits{}, &vpdq.FFmpeg{Limits: vpdq.Limits{Pixels: 100}}),
	} {
		p, err := h.Hash(t.Context(), video)
		if err != nil || p.Unhashed == "" || !p.Visual() || p.Hashes.MD5 == "" || p.Hashes.VPDQ != "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	few := hashlist.NewHasher(picture.Limits{}, &vpdq.FFmpeg{Limits: vpdq.Limits{Frames: 2}})
	if p, err := few.Hash(t.Context(), video); err != nil || !p.Partial || p.Hashes.VPDQ == "" {
		t.Errorf("two frames: %+v, %v", p, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	cancel()
	if _, err := few.Hash(ctx, append(video, 0)); err == nil {
		t.Error("nobody waits for it, and it is hashed")
	}
}

// TestStillsOfOtherFormats hashes an AVIF image where ffmpeg is installed.
func TestStillsOfOtherFormats(t *testing.T) {
	image := drawn(t, "still.avif", "-frames:v", "1", "-c:v", "libaom-av1", "-cpu-used", "8", "-still-picture", "1")
	h := hashlist.NewHasher(picture.Limits{}, new(vpdq.FFmpeg))
	if p, err := h.Hash(t.Context(), image); err != nil || p.Unhashed != "" || p.Hashes.PDQ == "" || len(p.Turned) != 7 {
		t.Errorf("%+v, %v", p, err)
	}
	without := hashlist.NewHasher(picture.Limits{}, nil)
	if p, err := without.Hash(t.Context(), image); err != nil || p.Unhashed == "" || !p.Visual() {
		t.Errorf("without ffmpeg: %+v, %v", p, err)
	}
}
