package rig

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
)

// Place is where a server runs: this host, or the network namespace of that name.
type Place string

// Host is this host.
const Host Place = ""

// command is a program at the place.
func (p Place) command(program string, args ...string) *exec.Cmd {
	if p != Host {
		program, args = "ip", append([]string{"netns", "exec", string(p), program}, args...)
	}
	return exec.Command(program, args...)
}

// Run runs a program at the place to its end, and returns its output.
func (p Place) Run(ctx context.Context, input, program string, args ...string) (string, error) {
	if p != Host {
		program, args = "ip", append([]string{"netns", "exec", string(p), program}, args...)
	}
	return Run(ctx, input, program, args...)
}

// Run runs a program to its end, without this process' SPIKE_* variables, and returns its output.
func Run(ctx context.Context, input, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = strings.NewReader(input), &out, &errs, Environ()
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(slices.Insert(args, 0, program), " "), err, said)
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

// Client is a client whose connections begin at the place. kept: it keeps them.
func (p Place) Client(kept bool, timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{
		DialContext: p.Dial, DisableKeepAlives: !kept, MaxIdleConnsPerHost: 1, DisableCompression: true}}
}

// Answers is a probe: a GET of url from the place must be answered with status.
func (p Place) Answers(url string, status int) func(context.Context) error {
	client := p.Client(false, 5*time.Second)
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
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
