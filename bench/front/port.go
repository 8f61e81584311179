package front

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports of servers. The kernel gives those above to connections that go out, and a measurement without keepalive opens
// thousands a second: one of them would have taken the port before its server listens.
const lowPort, highPort = 10_000, 32_767

// FreeAddr is a loopback address nobody listened on a moment ago, and that no connection goes out from.
func FreeAddr() (string, error) {
	const tries = 100
	var err error
	for range tries {
		var l net.Listener
		addr := fmt.Sprintf("127.0.0.1:%d", lowPort+rand.IntN(highPort-lowPort+1))
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("free port: %w", err)
}
