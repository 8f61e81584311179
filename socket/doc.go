// Package socket reads and writes TCP sockets by system calls that never wait in the kernel. Go's scheduler need not hear of such
// calls: what it does before and after an ordinary one costs a twentieth of a microsecond, and its monitor, which looks after
// threads in the kernel, stays at rest. The sockets must be non-blocking, as Go's are.
//
//	Receive, Transmit  one call each, for who waits by itself
//	Conn               a net.Conn that waits by Go's poller
//
// In builds with the race detector, and on systems other than Linux, the calls are the ordinary ones.
package socket
