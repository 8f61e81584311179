package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"spike/bench/process"
)

// Namespace is the name of a network namespace: a machine of the lab.
type Namespace string

// namespaces are all with our prefix.
func namespaces(ctx context.Context) ([]Namespace, error) {
	out, err := output(ctx, "", "ip", "netns", "list")
	if err != nil {
		return nil, err
	}
	var all []Namespace
	for line := range strings.Lines(out) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, prefix) {
			all = append(all, Namespace(name))
		}
	}
	return all, nil
}

func (n Namespace) add(ctx context.Context) error {
	_, err := output(ctx, "", "ip", "netns", "add", string(n))
	return err
}

// remove ends all its processes, and removes it with all its links.
func (n Namespace) remove(ctx context.Context) error {
	n.kill(ctx)
	_, err := output(ctx, "", "ip", "netns", "delete", string(n))
	return err
}

// pids are its processes. This process is never among them, even if one of its threads looks.
func (n Namespace) pids(ctx context.Context) (pids []int) {
	out, _ := output(ctx, "", "ip", "netns", "pids", string(n)) // an error: the namespace and its processes are gone
	for _, word := range strings.Fields(out) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill ends every process at once, as a power cut does. Killing a master alone would leave its workers.
func (n Namespace) kill(ctx context.Context) {
	for range 100 {
		pids := n.pids(ctx)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// run runs a program in the namespace to its end, and returns its output.
func (n Namespace) run(ctx context.Context, input, program string, args ...string) (string, error) {
	return output(ctx, input, "ip", append([]string{"netns", "exec", string(n), program}, args...)...)
}

// start starts a server in the namespace.
func (n Namespace) start(ctx context.Context, s process.Spec) (*process.Process, error) {
	s.Args = append([]string{"netns", "exec", string(n), s.Path}, s.Args...)
	s.Path = "ip"
	return process.Start(ctx, s)
}

// dial connects from the namespace.
func (n Namespace) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = n.do(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// set writes kernel settings of the namespace.
func (n Namespace) set(settings map[string]string) error {
	return n.do(func() error {
		for name, value := range settings {
			if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o644); err != nil {
				return fmt.Errorf("%s: %w", n, err)
			}
		}
		return nil
	})
}

// web is a client whose connections begin in the namespace.
func (n Namespace) web(kept bool, timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{
		DialContext: n.dial, DisableKeepAlives: !kept, MaxIdleConnsPerHost: 1, DisableCompression: true}}
}

// output runs a program to its end.
func output(ctx context.Context, input, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(slices.Insert(args, 0, program), " "), err, said)
	}
	return out.String(), nil
}
