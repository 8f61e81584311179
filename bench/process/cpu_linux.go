package process

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the time all threads of the process, past and present, have spent on a CPU, in user and in kernel
// mode together: utime + stime of getrusage, but read from outside and in nanoseconds instead of ticks.
func (p *Process) CPU() (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of the whole thread group
	clock := int32(^p.PID()<<3 | schedClock)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("CPU time of %s: %w", p.Name, err)
	}
	return time.Duration(ts.Nano()), nil
}
