// Package loopback tells the requests that mean this machine. A page of another site, open in an operator's browser,
// reaches listeners on loopback under a name that its owner has made point here; that name betrays it.
package loopback

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Means says that a request with this Host was addressed to this machine itself: localhost, or an address of loopback,
// with a port or without.
func Means(host string) bool {
	if name, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
		host = name
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
