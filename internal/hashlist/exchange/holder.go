package exchange

import (
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// holder names this process: machine, process id, and what no other run has.
func holder() string {
	return machine() + " " + strconv.Itoa(os.Getpid()) + " " + rand.Text()
}

// machine is this machine since it was started. Containers on it have names of
// their own.
func machine() string {
	name, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // on Linux
	return strings.ReplaceAll(name, " ", "") + "/" + strings.TrimSpace(string(boot))
}

// dead reports whether a holder was a process of this machine that is no more,
// so that nobody need wait until its lease has run out.
func dead(holder string) bool {
	parts := strings.Split(holder, " ")
	if len(parts) != 3 || parts[0] != machine() {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid == os.Getpid() {
		return false
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(syscall.Signal(0))
	}
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
