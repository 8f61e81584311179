package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Place is where a server runs: this host, or the network namespace of that name.
type Place string

// Host is this host.
const Host Place = ""

// line is a command line at the place.
func (p Place) line(program string, args ...string) []string {
	if p == Host {
		return append([]string{program}, args...)
	}
	return append([]string{"ip", "netns", "exec", string(p), program}, args...)
}

// Run runs a program at the place to its end, and returns its output.
func (p Place) Run(ctx context.Context, input, program string, args ...string) (string, error) {
	line := p.line(program, args...)
	return Run(ctx, input, line[0], line[1:]...)
}

// Run runs a program to its end, without this process' SPIKE_* variables, and returns its output.
func Run(ctx context.Context, input, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = strings.NewReader(input), &out, &errs, Environ()
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		return out.String(), fmt.Errorf("%s: %w: %s", program+" "+strings.Join(args, " "), err, said)
	}
	return out.String(), nil
}

// Dial connects from the place.
func (p Place) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = p.Do(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// get returns the answer to a GET of url from the place, whose status must be this.
func (p Place) get(ctx context.Context, url string, status int) ([]byte, error) {
	const most = 16 << 20 // bytes
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: p.Dial, DisableKeepAlives: true,
		DisableCompression: true}}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, most))
}

// Answers is a probe: a GET of url from the place must be answered with status.
func (p Place) Answers(url string, status int) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := p.get(ctx, url, status)
		return err
	}
}

// Places are the network namespaces whose names begin with prefix.
func Places(ctx context.Context, prefix string) (all []Place, err error) {
	out, err := Run(ctx, "", "ip", "netns", "list")
	for line := range strings.Lines(out) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); err == nil && strings.HasPrefix(name, prefix) {
			all = append(all, Place(name))
		}
	}
	return all, err
}

// Add makes the namespace.
func (p Place) Add(ctx context.Context) error {
	_, err := Run(ctx, "", "ip", "netns", "add", string(p))
	return err
}

// Remove ends all processes of the namespace, and removes it with all its links.
func (p Place) Remove(ctx context.Context) error {
	p.Kill(ctx)
	_, err := Run(ctx, "", "ip", "netns", "delete", string(p))
	return err
}

// Kill ends every process of the namespace at once, as a power cut does. Killing a master alone would leave its workers.
func (p Place) Kill(ctx context.Context) {
	for range 100 {
		pids := p.Processes(ctx)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Processes are the ids of its processes. This process is never among them, even if one of its threads looks.
func (p Place) Processes(ctx context.Context) (pids []int) {
	out, _ := Run(ctx, "", "ip", "netns", "pids", string(p)) // an error: the namespace and its processes are gone
	for _, word := range strings.Fields(out) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Set writes kernel settings of the namespace.
func (p Place) Set(settings map[string]string) error {
	return p.Do(func() error {
		for name, value := range settings {
			if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o644); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
		}
		return nil
	})
}

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

func split(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}
