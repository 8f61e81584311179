package process

import "syscall"

// dieWithParent makes the kernel end the server if this process is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
