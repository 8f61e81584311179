//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench"
	"spike/bench/process"
)

// part is a server that a run may kill, stop, and start again on the same ports and directory.
type part struct {
	t     testing.TB
	spec  process.Spec
	addrs string // where it listens, separated by commas
	probe func(context.Context) error
	lives int
	*process.Process
}

// nowhere is the address of a server that does not listen.
const nowhere = ""

// newPart starts a server. The end of the test ends it, by its process id.
func newPart(t testing.TB, addrs string, spec process.Spec, probe func(context.Context) error) *part {
	t.Helper()
	p := idlePart(t, addrs, spec, probe)
	p.Start()
	return p
}

// idlePart returns a server that is not started yet.
func idlePart(t testing.TB, addrs string, spec process.Spec, probe func(context.Context) error) *part {
	t.Helper()
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := &part{t: t, spec: spec, addrs: addrs, probe: probe}
	t.Cleanup(p.Kill)
	t.Cleanup(p.logs)
	return p
}

// Start starts the server, for the first time or after a kill, and waits until it is ready.
func (p *part) Start() {
	p.t.Helper()
	p.Launch()
	ready := func() error { return p.ReadyAt(context.Background(), 20*time.Second, p.addrs, p.probe) }
	if p.addrs == nowhere {
		ready = func() error { return p.Ready(context.Background(), 20*time.Second, p.probe) }
	}
	if err := ready(); err != nil {
		p.t.Fatal(err)
	}
}

// Launch starts the server and does not wait.
func (p *part) Launch() {
	p.t.Helper()
	p.lives++
	spec := p.spec
	spec.Name = fmt.Sprintf("%s.%d", spec.Name, p.lives)
	started, err := process.Start(context.Background(), spec)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Process = started
}

// Kill kills the server by kill -9, and returns when it is gone.
func (p *part) Kill() {
	if p.Process != nil {
		p.signal(syscall.SIGKILL)
		p.Stop() // it is dead, so this only waits
	}
}

// Pause sends SIGSTOP.
func (p *part) Pause() { p.signal(syscall.SIGSTOP) }

// Resume sends SIGCONT.
func (p *part) Resume() { p.signal(syscall.SIGCONT) }

func (p *part) signal(s syscall.Signal) {
	if p.Alive() {
		_ = syscall.Kill(p.PID(), s)
	}
}

// logs shows the end of its log, if the test has failed.
func (p *part) logs() {
	if !p.t.Failed() {
		return
	}
	files, _ := filepath.Glob(filepath.Join(p.spec.Dir, p.spec.Name+".*.log"))
	for _, file := range files {
		const most = 1500
		text, _ := os.ReadFile(file)
		p.t.Logf("%s:\n%s", filepath.Base(file), text[max(0, len(text)-most):])
	}
}

// Node is a redis-server.
type Node struct {
	*part
	Addr   string
	client rueidis.ClientOption
}

// durable makes a redis-server write every command to disk before it answers.
var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

// NewNode starts a redis-server on a free port, with a directory of its own below dir.
func NewNode(t testing.TB, dir, name string, args ...string) *Node {
	t.Helper()
	return newNode(t, filepath.Join(dir, name), name, freeAddr(t), plainLogin, nil, args...)
}

var plainLogin rueidis.ClientOption // of a server without logins

func newNode(t testing.TB, dir, name, addr string, login rueidis.ClientOption, env []string, args ...string) *Node {
	t.Helper()
	path, err := bench.Tool("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{Addr: addr, client: plainly(addr, login)}
	n.part = newPart(t, addr, process.Spec{Name: name, Path: path, Dir: dir, Env: env,
		Args: append([]string{"--bind", "127.0.0.1", "--port", port(addr), "--dir", dir, "--save", ""}, args...)}, n.answers)
	return n
}

// plainly is how a run itself talks to a server: to this server only, and without repeats.
func plainly(addr string, login rueidis.ClientOption) rueidis.ClientOption {
	login.InitAddress, login.DisableCache, login.ForceSingleClient = []string{addr}, true, true
	login.DisableRetry = true
	return login
}

func (n *Node) answers(context.Context) error {
	_, err := n.Try("PING")
	return err
}

// Try sends one command over a connection of its own, and returns the answer as text.
func (n *Node) Try(words ...string) (string, error) {
	m, err := n.ask(time.Second, words)
	if err != nil {
		return "", err
	}
	return text(m), nil
}

// each does the same for a list, and returns the text of each part.
func (n *Node) each(words ...string) (all []string) {
	m, _ := n.ask(time.Second, words)
	parts, _ := m.ToArray()
	for _, part := range parts {
		all = append(all, text(part))
	}
	return all
}

// ask sends one command, and waits so long for its answer.
func (n *Node) ask(wait time.Duration, words []string) (m rueidis.RedisMessage, err error) {
	login := n.client
	login.ConnWriteTimeout = wait
	client, err := rueidis.NewClient(login)
	if err != nil {
		return m, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*wait)
	defer cancel()
	return client.Do(ctx, client.B().Arbitrary(words...).Build()).ToMessage()
}

// text returns an answer as words with spaces between them.
func text(m rueidis.RedisMessage) string {
	if fields, err := m.AsStrMap(); err == nil && m.IsMap() {
		var all []string
		for name, value := range fields {
			all = append(all, name+" "+value)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	parts, err := m.ToArray()
	if err != nil {
		s, _ := m.ToString()
		if n, err := m.AsInt64(); err == nil && s == "" {
			return fmt.Sprint(n)
		}
		return s
	}
	var all []string
	for _, part := range parts {
		all = append(all, text(part))
	}
	return strings.Join(all, " ")
}

// Do sends one command, which must succeed.
func (n *Node) Do(words ...string) string {
	n.t.Helper()
	m, err := n.ask(10*time.Second, words) // a healthy server may be slow
	if err != nil {
		n.t.Fatalf("%s: %v: %v", n.spec.Name, words, err)
	}
	return text(m)
}

func freeAddr(t testing.TB) string {
	t.Helper()
	addr, err := process.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// within waits until something is so.
func within(t testing.TB, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
