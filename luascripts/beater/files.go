package beater

import (
	"os"
	"syscall"
)

// files is how many files this process has open, and how many it may. 0 open: unknown. Linux from 6.2 on tells the number without
// a list.
func files() (open, most uint64) {
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) // cannot fail: the resource is known, and the memory is ours
	if fd, err := os.Stat("/proc/self/fd"); err == nil {
		open = uint64(max(fd.Size(), 0))
	}
	return open, limit.Cur
}
