package process

import "syscall"

// dieWithParent lets the kernel end the server if this process is killed before it can.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
