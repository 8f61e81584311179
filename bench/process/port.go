package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
)

// Ports of servers. The kernel gives higher ports to outgoing connections. A crowd without keepalive opens thousands a
// second, and one of them could take the port before its server listens.
const lowPort, highPort = 10_000, 32_767

// given are the ports that this process has got. The server of one may be dead, and may be started again.
var given sync.Map

// FreeAddr returns a loopback address on which nobody listened a moment ago, from which no connection goes out, and which this
// process has not got before. Another process may take it before it is used. Then the server ends, and [Process.Ready] says so.
func FreeAddr() (string, error) {
	const tries = 100
	var err error
	for range tries {
		var l net.Listener
		port := lowPort + rand.IntN(highPort-lowPort+1)
		if _, before := given.LoadOrStore(port, true); before {
			err = fmt.Errorf("port %d was given before", port)
			continue
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("free port: %w", err)
}

// Answers is a probe for [Process.Ready]: a GET of url must be answered with status.
func Answers(url string, status int) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != status {
			return fmt.Errorf("%s: %s", url, resp.Status)
		}
		return nil
	}
}
