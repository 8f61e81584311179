//go:build integration

package nginx

import (
	"os"
	"syscall"
)

// childAttr lets nginx die with the test, also with one that panics, and takes root away from it.
func childAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if os.Getuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return attr
}
