package process

import "errors"

// ErrNoCPU says that the CPU time of another process cannot be read here: on any system but Linux.
// Requests/s are still measured, CPU per request is not.
var ErrNoCPU = errors.New("the CPU time of another process can be read on Linux only")
