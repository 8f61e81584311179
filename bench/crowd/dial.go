package crowd

import (
	"context"
	"net"
	"net/netip"
)

// Dial opens a connection, as [net.Dialer.DialContext] does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// From dials from one of this machine's addresses. The zero address is the one that the machine chooses.
func From(ip netip.Addr) Dial {
	var d net.Dialer
	if ip.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
	}
	return d.DialContext
}
