package allotment

import (
	"runtime/debug"

	"spike/luascripts/ledger"
)

// A mapped file may lose its end, or the disk may be full under a hole in it. Then touching that memory is a fault, which ends a
// Go process unless the goroutine asks for a panic. So every goroutine that touches a slot of a file asks for one, and catches
// it. The ring has failed then, and its Keeper sells no more from it.

// publishMapped is publish for a slot in a file.
func (p reservedSlot) publishMapped(k kind, c ledger.Claim) (ok bool) {
	defer p.ring.survive(debug.SetPanicOnFault(true))
	p.write(k, c)
	return true
}

// survive is deferred as `defer r.survive(debug.SetPanicOnFault(true))`. After a fault in the ring's own memory the function
// returns zero values, and the ring has failed. Any other panic goes on.
func (r *Ring) survive(was bool) {
	debug.SetPanicOnFault(was)
	if e := recover(); e != nil {
		if fault, is := e.(interface{ Addr() uintptr }); !is || !r.mem.has(fault.Addr()) {
			panic(e)
		}
		r.failed.Store(true)
	}
}
