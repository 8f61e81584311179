//go:build !linux

package rig

import (
	"errors"
	"syscall"
	"time"
)

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func cpuOf(int) (time.Duration, error) { return 0, ErrNoCPU }

// childrenOf knows none here.
func childrenOf(int) []int { return nil }

// Listens cannot check this here.
func Listens(int, string) error { return nil }

// Do calls f on this host. There is no other place.
func (p Place) Do(f func() error) error {
	if p != Host {
		return errors.New("network namespaces are Linux'")
	}
	return f()
}
