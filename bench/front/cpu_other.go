//go:build !linux

package front

import (
	"time"

	"spike/bench/process"
)

func familyCPU(*process.Process) (time.Duration, error) { return 0, process.ErrNoCPU }
