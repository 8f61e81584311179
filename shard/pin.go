package shard

import "unsafe" // the package's only one: linkname, and the size below

// Every lane fills its cache lines exactly: this does not compile otherwise.
const (
	_ = uint(unsafe.Sizeof(lane{}) - laneBytes)
	_ = uint(laneBytes - unsafe.Sizeof(lane{}))
)

// The runtime keeps these two for libraries that shard by P (Go issue 67401).
// The empty pin.s is what lets them be declared without a body.

//go:linkname procPin runtime.procPin
//go:nosplit
func procPin() int

//go:linkname procUnpin runtime.procUnpin
//go:nosplit
func procUnpin()

// procID is the number of the P that ran this call. The goroutine may have
// moved on before the caller reads it: a hint, nothing more.
func procID() int {
	id := procPin()
	procUnpin()
	return id
}
