package vpdq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// input stands for what the process is told of its input: that it is the file
// that it was given as standard input, by no other protocol, in one of the
// formats that lead to no other files, by one of the usual decoders.
const input = "\x00input"

func inputArguments() []string {
	return []string{
		"-protocol_whitelist", "file",
		"-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,ogg,asf,rm,gif,apng,h264,hevc,m4v,obu,ivf,mxf",
		"-codec_whitelist:v", "h264,hevc,vvc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg1video,mpeg2video,mpeg4,h263,h263i,h263p," +
			"flv,vp6,vp6a,vp6f,vc1,wmv1,wmv2,wmv3,msmpeg4v1,msmpeg4v2,msmpeg4,mjpeg,theora,prores,dnxhd,dvvideo,rv10,rv20,rv30,rv40,svq1,svq3,cinepak,gif,apng,png,rawvideo",
		"-i", "file:/dev/stdin",
	}
}

// process is a run of ffmpeg or ffprobe.
type process struct {
	cmd *exec.Cmd
	out io.ReadCloser
	err complaint
}

// start starts a program on a file.
func (f *FFmpeg) start(ctx context.Context, name string, file *os.File, limits Limits, arguments ...string) (*process, error) {
	path, err := f.program(name)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, a := range arguments {
		if a == input {
			all = append(all, inputArguments()...)
		} else {
			all = append(all, a)
		}
	}
	for _, isolate := range []bool{true, false} { // what the system refuses is done without
		p := &process{cmd: exec.CommandContext(ctx, path, all...)} //nolint:gosec // the arguments are ours
		p.cmd.Env = []string{}
		p.cmd.Dir = os.TempDir()
		p.cmd.Stdin = file
		p.cmd.Stderr = &p.err
		p.cmd.WaitDelay = 5 * time.Second
		confine(p.cmd, isolate)
		if p.out, err = p.cmd.StdoutPipe(); err != nil {
			return nil, err
		}
		if err = p.cmd.Start(); err != nil {
			continue
		}
		if err := restrict(p.cmd.Process.Pid, limits); err != nil {
			p.kill()
			return nil, errors.Join(fmt.Errorf("%s: limits: %w", name, err), p.end())
		}
		return p, nil
	}
	return nil, fmt.Errorf("%s: %w", name, err)
}

// kill ends the process before its time.
func (p *process) kill() { _ = p.cmd.Cancel() } // it may have ended by itself

// end waits for the process, without what it still has to say, and gives its
// complaint if it failed.
func (p *process) end() error {
	_ = p.out.Close()
	err := p.cmd.Wait()
	if err == nil {
		return nil
	}
	if said := p.err.String(); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// complaint keeps the beginning of what a process writes of its errors.
type complaint struct{ text []byte }

func (c *complaint) Write(b []byte) (int, error) {
	c.text = append(c.text, b[:min(len(b), 300-len(c.text))]...)
	return len(b), nil
}

// String is one line that is safe to print.
func (c *complaint) String() string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, string(c.text)))
}
