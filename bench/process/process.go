// Package process runs a server as a process of its own, so that the server's cost can be told from the load's. It ends only
// what it started, by its process id.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"spike/bench"
)

// stopGrace is how long a server may take to stop by itself before it is killed.
const stopGrace = 15 * time.Second

// Process is a running server. Its output goes to a file that outlives it.
type Process struct {
	Name string
	Log  string // its output

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
	err  error         // how it ended; read after done
}

// Spec says what to start.
type Spec struct {
	Name string
	Path string
	Args []string
	Dir  string   // working directory, and where the log goes
	Env  []string // in addition to this process' own
}

// Start starts a server. The server ends when ctx ends, or before by [Process.Stop].
func Start(ctx context.Context, s Spec) (*Process, error) {
	p := &Process{Name: s.Name, Log: filepath.Join(s.Dir, s.Name+".log"), done: make(chan struct{})}
	out, err := os.Create(p.Log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	defer out.Close()
	p.cmd = exec.CommandContext(ctx, s.Path, s.Args...)
	p.cmd.Dir, p.cmd.Env = s.Dir, append(os.Environ(), s.Env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopGrace
	p.cmd.SysProcAttr = dieWithParent()
	if err = p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w: %w", s.Name, bench.ErrDependency, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Alive says whether the process has not ended.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop asks the process to stop, and kills it if it does not. It returns when the process is gone.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(stopGrace):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Ready polls probe until it returns nil. It gives up when the process ends, when limit is over or ctx ends.
func (p *Process) Ready(ctx context.Context, limit time.Duration, probe func(context.Context) error) error {
	const every = 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := probe(ctx)
		if err == nil && p.Alive() {
			return nil
		}
		select {
		case <-p.done:
			return p.failed("ended before it was ready", p.err)
		case <-ctx.Done():
			return p.failed("not ready", errors.Join(context.Cause(ctx), err))
		case <-time.After(every):
		}
	}
}

// ReadyAt is Ready for a server that listens on addresses, separated by commas. The process itself must listen on each,
// because another server may answer there.
func (p *Process) ReadyAt(ctx context.Context, limit time.Duration, addrs string, probe func(context.Context) error) error {
	return p.Ready(ctx, limit, func(ctx context.Context) error {
		for addr := range strings.SplitSeq(addrs, ",") {
			if err := Listens(p.PID(), addr); err != nil {
				return err
			}
		}
		return probe(ctx)
	})
}

// failed wraps a failure with the end of the process' output.
func (p *Process) failed(what string, err error) error {
	return fmt.Errorf("%w: %s %s: %w\n%s", bench.ErrDependency, p.Name, what, err, tail(p.Log))
}

func tail(path string) string {
	const limit = 1000
	b, _ := os.ReadFile(path)
	return string(b[max(0, len(b)-limit):])
}
