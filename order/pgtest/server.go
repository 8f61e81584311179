// Package pgtest starts a real PostgreSQL for a test.
package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"spike/bench/process"
)

// Server is a PostgreSQL of the test's own: in a folder of its own, on a free loopback port, with no promise to survive
// a loss of power.
type Server struct {
	URL string

	t    testing.TB
	dir  string
	port string
	as   *syscall.Credential // PostgreSQL refuses to be root; nil: we are not
	cmd  *exec.Cmd
	died chan struct{} // closed when cmd has ended
	log  *bytes.Buffer
	sets []string // name=value, over what it begins with
}

// Start makes a cluster and starts the server, with settings (name=value) if any; both end with the test.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := house(t, settings)
	initdb := s.command("initdb", "-D", s.data(), "-A", "trust", "-U", "spike", "-E", "UTF8", "--locale=C",
		"--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.open()
	return s
}

// Standby is a server that follows this one, on a port of its own; it may be connected to as name says to the primary.
func (s *Server) Standby(name string, settings ...string) *Server {
	s.t.Helper()
	b := house(s.t, settings)
	copied := b.command("pg_basebackup", "-D", b.data(), "-d", s.URL+"?application_name="+name, "-R", "-X", "stream", "-c", "fast",
		"--no-sync")
	if out, err := copied.CombinedOutput(); err != nil {
		s.t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	b.open()
	return b
}

// Promote makes a standby a primary, and returns when it takes writes.
func (s *Server) Promote() {
	s.t.Helper()
	if out, err := s.command("pg_ctl", "promote", "-w", "-D", s.data()).CombinedOutput(); err != nil {
		s.t.Fatalf("pg_ctl promote: %v\n%s", err, out)
	}
}

// Addr is where it listens.
func (s *Server) Addr() string { return "127.0.0.1:" + s.port }

// house is a place for a server, gone with the test.
func house(t testing.TB, settings []string) *Server {
	t.Helper()
	s := &Server{t: t, log: &bytes.Buffer{}, sets: settings}
	var err error
	if s.dir, err = os.MkdirTemp("", "spike-postgres-"); err != nil { // not t.TempDir: another user must get there
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	if os.Getuid() == 0 {
		s.as = unprivileged(t)
		if err = os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// open starts it for the first time.
func (s *Server) open() {
	s.t.Helper()
	s.t.Cleanup(s.Stop)
	s.begin(func() {
		s.port = freePort(s.t)
		s.URL = "postgres://spike@127.0.0.1:" + s.port + "/postgres"
	})
}

// unprivileged is who runs the server when the test is run by root.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(find(s.t, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

// find knows where Debian keeps what it does not put on the path: .../VERSION/bin/name. The newest is wanted.
func find(t testing.TB, name string) string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s (make deps installs it): %v", name, err)
	}
	return path
}

// version is a number: 15 is more than 9.6.
func version(path string) float64 {
	v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(path))), 64)
	return v
}

// freePort is a port that is free now; a moment later another may have it.
func freePort(t testing.TB) string {
	t.Helper()
	addr, err := process.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// Restart starts the server again after Stop, on the same port, with what it had, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.begin(func() {})
}

// begin tries a few times, for others take ports too; before is called each time.
func (s *Server) begin(before func()) {
	s.t.Helper()
	for range 5 {
		before()
		if s.launch() {
			return
		}
		s.Stop()
		time.Sleep(200 * time.Millisecond)
	}
	s.t.Fatalf("PostgreSQL does not answer:\n%s", s.log)
}

// launch starts the server and waits until it answers; false: it does not, or has ended.
func (s *Server) launch() bool {
	s.t.Helper()
	args := []string{"-D", s.data(), "-p", s.port}
	for _, set := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=50",
		"shared_buffers=32MB"}, s.sets...) {
		args = append(args, "-c", set)
	}
	s.cmd = s.command("postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.died = make(chan struct{})
	go func(cmd *exec.Cmd, died chan struct{}) {
		_ = cmd.Wait()
		close(died)
	}(s.cmd, s.died)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if s.answers() {
			return true
		}
		select {
		case <-s.died:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// answers says whether this server answers, not another at its port.
func (s *Server) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close(ctx) }()
	var data string
	err = c.QueryRow(ctx, "SHOW data_directory").Scan(&data)
	return err == nil && data == s.data()
}

// Stop ends the server at once, as a crash does; what was committed is there after Restart.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	s.Resume()
	<-s.died
	s.cmd = nil
}

// Hang stops the server's processes, the first one first, so that there are no new ones. Connections are taken by the kernel.
func (s *Server) Hang() { s.signal(syscall.SIGSTOP) }

// Resume lets them go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig)
	for _, pid := range process.Family(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, sig)
	}
}
