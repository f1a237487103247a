package vpdq

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine gives the process a group of its own, which is killed as a whole,
// and, to isolate it, a network without anything in it.
func confine(cmd *exec.Cmd, isolate bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if isolate {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
		if os.Geteuid() != 0 { // only in a namespace of users may others do so
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// restrict limits a process that has just begun.
func restrict(pid int, limits Limits) error {
	seconds := uint64(limits.Time.Seconds()) + 1
	for resource, most := range map[int]uint64{
		unix.RLIMIT_AS:     uint64(limits.Memory),
		unix.RLIMIT_CPU:    seconds,
		unix.RLIMIT_FSIZE:  0, // it writes no file
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_NOFILE: 64,
	} {
		limit := unix.Rlimit{Cur: most, Max: most}
		if err := unix.Prlimit(pid, resource, &limit, nil); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

// unnamed is a file in memory.
func unnamed(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("video", unix.MFD_CLOEXEC)
	if err != nil {
		return temporary(data)
	}
	return filled(os.NewFile(uintptr(fd), "video"), data)
}
