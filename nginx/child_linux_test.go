//go:build integration

package nginx

import (
	"os"
	"syscall"
)

// childAttr ends nginx with the test, even if the test panics. It also takes root away from nginx.
func childAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if os.Getuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return attr
}
