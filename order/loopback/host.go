// Package loopback recognizes requests that mean this machine. A page of another site, open in an operator's browser, may reach a
// listener on loopback, under a name that the site's owner has pointed here. The request's Host tells.
package loopback

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Means says that a request with this Host was addressed to this machine: to localhost or a loopback address, with or without a
// port.
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
