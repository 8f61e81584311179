package process

import "errors"

// ErrNoCPU means that the CPU time of another process cannot be read here, as on any system but Linux. Then requests/s are
// measured, and CPU per request is not.
var ErrNoCPU = errors.New("the CPU time of another process can be read on Linux only")
