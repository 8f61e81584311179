package lab

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// do calls f on a thread that is in the namespace meanwhile. A socket made there stays there. A thread that cannot come back is
// never used again. f must not start a process, because the kernel ends our servers with the thread that started them.
func (n Namespace) do(f func() error) error {
	there, err := os.Open("/run/netns/" + string(n))
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	defer there.Close()
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("namespace: %w", err)
	}
	defer here.Close()
	if err = unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", n, err)
	}
	defer func() {
		if unix.Setns(int(here.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}
