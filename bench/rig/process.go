package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"spike/bench"
)

const readyLimit = time.Minute // of a server that says nothing else

// Spec says what to start.
type Spec struct {
	Name  string
	Path  string
	Args  []string
	Dir   string              // working directory, and where the log goes; it is made
	Env   []string            // beside this process' variables, without its SPIKE_*
	Files []*os.File          // open in the server from descriptor 3 on
	Place Place               // where it runs
	User  *syscall.Credential // nil: this process' user

	Addrs []string                    // the process itself must listen there to be ready
	Probe func(context.Context) error // must return nil then; nil: no more is asked
	Limit time.Duration               // to be ready within; 0: a minute

	Ask  syscall.Signal // asks it to stop; 0: SIGTERM
	Kill syscall.Signal // ends it at once; 0: SIGKILL
}

// Process is a server. Its output goes to a file that outlives it.
type Process struct {
	Spec
	life *life // the newest; nil: it was never started
}

// life is one run of a process.
type life struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
	err  error         // how it ended; read after done
}

// Start starts a server, and waits until it is ready. A server that does not get ready is stopped. ctx bounds the start only.
func (p *Process) Start(ctx context.Context) error {
	if err := p.Launch(); err != nil {
		return err
	}
	if err := p.Ready(ctx); err != nil {
		return errors.Join(err, p.Stop())
	}
	return nil
}

// Launch starts a server, and does not wait.
func (p *Process) Launch() error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	out, err := os.OpenFile(p.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	defer out.Close()
	line := p.Place.line(p.Path, p.Args...)
	l := &life{cmd: exec.Command(line[0], line[1:]...), done: make(chan struct{})}
	l.cmd.Dir, l.cmd.Env, l.cmd.ExtraFiles = p.Dir, Environ(p.Env...), p.Files
	l.cmd.Stdout, l.cmd.Stderr = out, out
	l.cmd.SysProcAttr = dieWithParent()
	l.cmd.SysProcAttr.Credential = p.User
	if err = l.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w: %w", p.Name, bench.ErrDependency, err)
	}
	p.life = l
	go func() {
		l.err = l.cmd.Wait()
		close(l.done)
	}()
	return nil
}

// Environ is this process' environment without its SPIKE_* variables, and more variables.
func Environ(more ...string) []string {
	clean := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SPIKE_") })
	return append(clean, more...)
}

// Ready waits until the process listens on all its addresses and its probe returns nil. It gives up when the process ends, when
// its limit is over or ctx ends.
func (p *Process) Ready(ctx context.Context) error {
	return p.Within(ctx, cmp.Or(p.Limit, readyLimit), p.Check)
}

// Check says whether the process is ready now. nil: it is.
func (p *Process) Check(ctx context.Context) error {
	for _, addr := range p.Addrs {
		if err := Listens(p.PID(), addr); err != nil {
			return err
		}
	}
	if p.Probe == nil {
		return nil
	}
	return p.Probe(ctx)
}

// Within polls probe until it returns nil. It gives up when the process ends, when limit is over or ctx ends.
func (p *Process) Within(ctx context.Context, limit time.Duration, probe func(context.Context) error) error {
	const every = 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := probe(ctx)
		if err == nil && p.Alive() {
			return nil
		}
		select {
		case <-p.life.done:
			return p.failed("ended before it was ready", p.life.err)
		case <-ctx.Done():
			return p.failed("not ready", errors.Join(context.Cause(ctx), err))
		case <-time.After(every):
		}
	}
}

// failed wraps a failure with the end of the process' output.
func (p *Process) failed(what string, err error) error {
	const most = 1000
	text := p.Output()
	return fmt.Errorf("%w: %s %s: %w\n%s", bench.ErrDependency, p.Name, what, err, text[max(0, len(text)-most):])
}

// PID of the process.
func (p *Process) PID() int { return p.life.cmd.Process.Pid }

// Log is the file of its output, of all its lives.
func (p *Process) Log() string { return filepath.Join(p.Dir, p.Name+".log") }

// Output is what it has written.
func (p *Process) Output() string {
	text, _ := os.ReadFile(p.Log())
	return string(text)
}

// Alive says whether the process was started and has not ended.
func (p *Process) Alive() bool {
	if p == nil || p.life == nil {
		return false
	}
	select {
	case <-p.life.done:
		return false
	default:
		return true
	}
}

// Wait returns when the process has ended, and says how.
func (p *Process) Wait() error {
	<-p.life.done
	return p.life.err
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.life.done }

// Stop asks the process to stop, and kills it if it does not. It returns when the process is gone. Its error is the process' own.
func (p *Process) Stop() error {
	if p == nil || p.life == nil {
		return nil
	}
	const grace = 15 * time.Second // to stop by itself
	_ = p.life.cmd.Process.Signal(cmp.Or(p.Ask, syscall.SIGTERM))
	select {
	case <-p.life.done:
	case <-time.After(grace):
		p.End()
	}
	return p.life.err
}

// End ends the process at once, as a crash does, with its children. It returns when the process is gone.
func (p *Process) End() {
	if p.Alive() {
		p.Signal(cmp.Or(p.Kill, syscall.SIGKILL))
		p.Resume()
		<-p.life.done
	}
}

// Pause stops the process and its children, the process first, so that no new ones start. The kernel still accepts connections.
func (p *Process) Pause() { p.Signal(syscall.SIGSTOP) }

// Resume lets them go on.
func (p *Process) Resume() { p.Signal(syscall.SIGCONT) }

// Signal sends a signal to the process, and then to the children that it has now.
func (p *Process) Signal(s syscall.Signal) {
	if !p.Alive() {
		return
	}
	children := childrenOf(p.PID())
	_ = p.life.cmd.Process.Signal(s)
	for _, pid := range children {
		_ = syscall.Kill(pid, s)
	}
}

// CPU is the time that the process and its living children have spent on a CPU.
func (p *Process) CPU() (sum time.Duration, err error) {
	for _, pid := range append([]int{p.PID()}, childrenOf(p.PID())...) {
		one, err := cpuOf(pid)
		if err != nil {
			return 0, fmt.Errorf("CPU time of %s: process %d: %w", p.Name, pid, err)
		}
		sum += one
	}
	return sum, nil
}

// ErrNoCPU means that the CPU time of another process cannot be read here, as on any system but Linux. Then requests/s are
// measured, and CPU per request is not.
var ErrNoCPU = errors.New("the CPU time of another process can be read on Linux only")
