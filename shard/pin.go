package shard

import "unsafe" // used only here: linkname, and the size below

// Every lane must fill its cache lines exactly, or this does not compile.
const (
	_ = uint(unsafe.Sizeof(lane{}) - laneBytes)
	_ = uint(laneBytes - unsafe.Sizeof(lane{}))
)

// The runtime keeps these two for libraries that shard by P (Go issue 67401). The empty pin.s allows their declaration without a
// body.

//go:linkname procPin runtime.procPin
//go:nosplit
func procPin() int

//go:linkname procUnpin runtime.procUnpin
//go:nosplit
func procUnpin()

// procID is the number of the P that ran this call. It is only a hint, because the goroutine may have moved on before the caller
// reads it.
func procID() int {
	id := procPin()
	procUnpin()
	return id
}
