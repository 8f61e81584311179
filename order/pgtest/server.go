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

// Server is a PostgreSQL of the test's own. It has its own folder and a free loopback port, and need not survive a loss of power.
type Server struct {
	URL string

	t    testing.TB
	dir  string
	port string
	as   *syscall.Credential // PostgreSQL refuses to run as root; nil: the test is not root
	cmd  *exec.Cmd
	died chan struct{} // closed when cmd has ended
	log  *bytes.Buffer
	sets []string // name=value, over its defaults
}

// Start makes a cluster and starts the server, with settings (name=value). Both end with the test.
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

// Standby is a server that follows this one, on a port of its own. The primary knows it by name.
func (s *Server) Standby(name string, settings ...string) *Server {
	s.t.Helper()
	b := house(s.t, settings)
	copied := b.command("pg_basebackup", "-D", b.data(), "-d", s.URL+"?application_name="+name, "-R", "-X", "stream",
		"-c", "fast",
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

// Addr is its address.
func (s *Server) Addr() string { return "127.0.0.1:" + s.port }

// house makes a folder for a server. It goes with the test.
func house(t testing.TB, settings []string) *Server {
	t.Helper()
	s := &Server{t: t, log: &bytes.Buffer{}, sets: settings}
	var err error
	if s.dir, err = os.MkdirTemp("", "spike-postgres-"); err != nil { // t.TempDir would lock out the other user
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

// open starts the server for the first time.
func (s *Server) open() {
	s.t.Helper()
	s.t.Cleanup(s.Stop)
	s.begin(func() {
		s.port = freePort(s.t)
		s.URL = "postgres://spike@127.0.0.1:" + s.port + "/postgres"
	})
}

// unprivileged is the server's user when root runs the test.
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

// find also looks where Debian keeps programs that are not on the path: .../VERSION/bin/name. It takes the newest.
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

// version is a number, so that 15 is more than 9.6.
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

// Restart starts the server again after Stop, on the same port, with the same data, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.begin(func() {})
}

// begin tries a few times, because others take ports too. It calls before each time.
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

// launch starts the server and waits until it answers; false: it does not, or it has ended.
func (s *Server) launch() bool {
	s.t.Helper()
	args := []string{"-D", s.data(), "-p", s.port}
	for _, set := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
		"max_connections=50",
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

// answers says whether this server answers, and not another one at its port.
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

// Stop ends the server at once, as a crash does. After Restart it has everything that was committed.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	s.Resume()
	<-s.died
	s.cmd = nil
}

// Hang stops the server's processes, the first one first, so that no new ones start. The kernel still accepts connections.
func (s *Server) Hang() { s.signal(syscall.SIGSTOP) }

// Resume lets the processes go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig)
	for _, pid := range process.Family(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, sig)
	}
}
