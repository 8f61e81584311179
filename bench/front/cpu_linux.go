package front

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spike/bench/process"
)

// familyCPU is the CPU time of a process and of its living children. nginx' workers live until it stops.
func familyCPU(p *process.Process) (time.Duration, error) {
	sum, err := p.CPU()
	if err != nil {
		return 0, err
	}
	children, err := childrenOf(p.PID())
	for _, pid := range children {
		one, err := cpuOf(pid)
		if err != nil {
			return 0, fmt.Errorf("CPU time of %s: worker %d: %w", p.Name, pid, err)
		}
		sum += one
	}
	return sum, err
}

// cpuOf is [process.Process.CPU] for a process that we have not started.
func cpuOf(pid int) (time.Duration, error) {
	const schedClock = 2
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts)
	return time.Duration(ts.Nano()), err
}

// childrenOf looks through every process, because some kernels have no list of children.
func childrenOf(parent int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("children of %d: %w", parent, err)
	}
	var all []int
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		if pid, ppid := family(string(text)); ppid == parent {
			all = append(all, pid)
		}
	}
	return all, nil
}

// family reads "7 (a name) S 1 …". The name may have any character, so it ends at the last parenthesis.
func family(stat string) (pid, parent int) {
	head, _, _ := strings.Cut(stat, " ")
	rest := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(rest) < 2 {
		return 0, 0
	}
	pid, _ = strconv.Atoi(head)
	parent, _ = strconv.Atoi(rest[1])
	return pid, parent
}
