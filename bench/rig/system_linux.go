package rig

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// dieWithParent makes the kernel end the server if this process is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

// cpuOf is the time all threads of a process, past and present, have spent on a CPU, in user and in kernel mode together:
// utime + stime of getrusage, but read from outside and in nanoseconds instead of ticks.
func cpuOf(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of the whole thread group
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts)
	return time.Duration(ts.Nano()), err
}

// childrenOf looks through every process, because some kernels have no list of children.
func childrenOf(parent int) (all []int) {
	processes, _ := procfs.AllProcs() // the only possible error is that there is no /proc
	for _, p := range processes {
		if stat, err := p.Stat(); err == nil && stat.PPID == parent { // an error: it has ended
			all = append(all, p.PID)
		}
	}
	return all
}

// Listens checks that a process or a child of it listens on an address, because another server may answer there. nil: it
// does.
func Listens(pid int, addr string) error {
	_, text := split(addr)
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("port of %q: %w", addr, err)
	}
	sockets, err := listeners(pid, port)
	if err != nil {
		return err
	}
	if has(pid, sockets) || len(sockets) > 0 && slices.ContainsFunc(childrenOf(pid), func(c int) bool { return has(c, sockets) }) {
		return nil
	}
	return fmt.Errorf("process %d does not listen on %s; somebody else: %v", pid, addr, len(sockets) > 0)
}

// listeners returns the sockets that listen on a port, in the network of a process.
func listeners(pid int, port uint64) (sockets []string, err error) {
	const listening = "0A" // a state in /proc/net/tcp
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == listening && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				sockets = append(sockets, "socket:["+f[9]+"]")
			}
		}
	}
	return sockets, nil
}

// has says whether a process has one of these sockets.
func has(pid int, sockets []string) bool {
	p, _ := procfs.NewProc(pid)
	files, _ := p.FileDescriptorTargets() // an error: it has ended
	return slices.ContainsFunc(files, func(file string) bool { return slices.Contains(sockets, file) })
}

// Do calls f on a thread that is at the place meanwhile. A socket made there stays there. A thread that cannot come back is
// never used again. f must not start a process, because the kernel ends our servers with the thread that started them.
func (p Place) Do(f func() error) error {
	if p == Host {
		return f()
	}
	there, err := os.Open("/run/netns/" + string(p))
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	defer there.Close()
	here, err := os.Open("/proc/thread-self/ns/net") // of every thread that may be used
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	defer here.Close()
	runtime.LockOSThread()
	if err = unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", p, err)
	}
	defer func() {
		if unix.Setns(int(here.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}
