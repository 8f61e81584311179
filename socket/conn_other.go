//go:build !unix

package socket

import "net"

// Of is the connection as it is: on this system there are no raw reads and writes.
func Of(c net.Conn) net.Conn { return c }
