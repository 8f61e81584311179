package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports of servers. The kernel gives higher ports to outgoing connections. A crowd without keepalive opens thousands a
// second, and one of them could take the port before its server listens.
const lowPort, highPort = 10_000, 32_767

// held are the UDP sockets of the ports that this process has got. They keep them from other processes, and for a server that
// is started again.
var held struct {
	sync.Mutex
	sockets []net.PacketConn
}

// FreeAddr returns a loopback address on which nobody listened a moment ago, from which no connection goes out, and which no
// process of a rig has got that still lives.
func FreeAddr() (string, error) {
	const tries = 100
	var err error
	for range tries {
		addr := fmt.Sprintf("127.0.0.1:%d", lowPort+rand.IntN(highPort-lowPort+1))
		if err = hold(addr); err == nil {
			return addr, nil
		}
	}
	return "", fmt.Errorf("free port: %w", err)
}

func hold(addr string) error {
	udp, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		_ = udp.Close()
		return err
	}
	held.Lock()
	defer held.Unlock()
	held.sockets = append(held.sockets, udp)
	return tcp.Close()
}
