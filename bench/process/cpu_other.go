//go:build !linux

package process

import "time"

// CPU is not known here. See [ErrNoCPU].
func (p *Process) CPU() (time.Duration, error) { return 0, ErrNoCPU }
