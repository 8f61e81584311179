//go:build e2e

package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"spike/bench/rig/rigtest"
)

// journal reads a command's log as journald does: from the other end of a socket.
type journal struct {
	ours  *os.File
	lines *bufio.Scanner
}

// journalOf starts a command whose log a journal reads, and waits for a text in the log.
func journalOf(t testing.TB, says string, args ...string) (*exec.Cmd, *journal) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "theirs")
	j := &journal{ours: os.NewFile(uintptr(pair[0]), "ours")}
	j.lines = bufio.NewScanner(j.ours)
	cmd := exec.Command(binary(t), args...)
	cmd.Stderr, cmd.Env = theirs, rigtest.Environ()
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = j.ours.Close()
	})
	for j.lines.Scan() {
		if strings.Contains(j.lines.Text(), says) {
			return cmd, j
		}
	}
	t.Fatalf("spike %v did not say %q", args, says)
	return nil, nil
}

// ended sends SIGTERM, and fails the test unless the command exits with 0.
func ended(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v", cmd.Args[1:2], err)
	}
}

// Row D1: the log's reader goes away. The next lines are lost and counted, and no long-running command ends.
func TestD1ReaderOfTheLogEnds(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "100", "--redis", redis.addr)
	addr, admin := rigtest.FreeAddr(t), rigtest.FreeAddr(t)
	serve, log := journalOf(t, "edge is up", "serve", "--redis", redis.addr, "--listen", addr, "--admin", admin)
	_ = log.ours.Close()
	if status, _, body := get(t, "POST", "http://"+admin+"/api/v1/sales/ticket/pause"); status != 200 { // a pause is logged
		t.Errorf("%d %s", status, body)
	}
	get(t, "POST", "http://"+admin+"/api/v1/sales/ticket/resume")
	eventually(t, patience, "the edge sells", func() bool {
		return rigtest.Ask(t, "POST", "http://"+addr+"/buy/ticket").Word() == rigtest.Won
	})
	eventually(t, patience, "lost lines are counted", func() bool {
		return rigtest.Scrape(t, admin).Sum("spike_log_lost_lines_total") > 0
	})
	ended(t, serve)
	if a := redis.audit(t, "ticket"); a.Leased != 0 || a.Pending != 1 {
		t.Errorf("it did not settle and give back: %+v", a)
	}

	admin = rigtest.FreeAddr(t)
	orders, log := journalOf(t, "order worker is up", "orders", "--redis", redis.addr, "--admin", admin,
		"--db", "sqlite:"+filepath.Join(t.TempDir(), "o.db"))
	_ = log.ours.Close()
	_ = orders.Process.Signal(syscall.SIGHUP) // a reload is logged
	eventually(t, patience, "lost lines are counted", func() bool {
		return rigtest.Scrape(t, admin).Sum("spike_log_lost_lines_total") > 0
	})
	ended(t, orders)

	flags := filepath.Join(t.TempDir(), "flags")
	topology := filepath.Join(t.TempDir(), "topology.yaml")
	write(t, topology, fmt.Sprintf("listen: 127.0.0.1:1\ngate_dir: %s\nedges:\n  - {addr: %s, weight: 1}\n", flags, addr))
	gate, log := journalOf(t, " flags", "gate", "--topology", topology, "--redis", redis.addr)
	_ = log.ours.Close()
	ended(t, gate) // its end is logged
}

// Row D6: a command that was started by nohup ignores SIGHUP.
func TestD6NohupIsKept(t *testing.T) {
	t.Parallel()
	edge := runEdge(t, rigtest.Options{Under: []string{"nohup"}})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", edge.PID()))
	if err != nil {
		t.Fatal(err)
	}
	ignored := regexp.MustCompile(`SigIgn:\s+[0-9a-f]*([0-9a-f])`).FindSubmatch(status)
	if !strings.ContainsAny(string(ignored[1]), "13579bdf") {
		t.Errorf("SIGHUP, the first signal, is not ignored: %s", ignored[0])
	}
	edge.Signal(syscall.SIGHUP)
	if a := edge.buy(t, "ticket"); a.Word() != rigtest.Won {
		t.Error(a)
	}
	edge.stop(t) // only SIGTERM ends it
	if log := edge.Output(); strings.Contains(log, "SIGHUP") {
		t.Errorf("an ignored SIGHUP was heard:\n%s", log)
	}
}

// newKey makes a token key in the form that --token-key reads.
func newKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:])
	return base64.StdEncoding.EncodeToString(key[:]) + "\n"
}

// hangupStage is an edge that has all its secrets in files.
type hangupStage struct {
	*testServer
	dir, decisions string
}

func newHangupStage(t *testing.T) *hangupStage {
	dir := t.TempDir()
	s := &hangupStage{dir: dir, decisions: filepath.Join(dir, "decisions.log")}
	for file, text := range map[string]string{
		"keys": newKey(), "jwt": "the-first-secret-of-the-issuer-of-jwts", "admin": "first\n",
	} {
		write(t, filepath.Join(dir, file), text)
	}
	s.configure(t, "lang: en")
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000", "--redis", redis.addr)
	s.testServer = startEdge(t, "--redis", redis.addr, "--config", filepath.Join(dir, "spike.yaml"))
	return s
}

func (s *hangupStage) file(name string) string { return filepath.Join(s.dir, name) }

// configure writes the edge's settings.
func (s *hangupStage) configure(t testing.TB, more string) {
	write(t, s.file("spike.yaml"), fmt.Sprintf("token-key: %s\njwt-key: %s\nadmin-token-file: %s\ndecision-log: %s\n%s\n",
		s.file("keys"), s.file("jwt"), s.file("admin"), s.decisions, more))
}

// hangup sends SIGHUP and waits until the edge's log has a text n times.
func (s *hangupStage) hangup(t testing.TB, says string, n int) {
	t.Helper()
	s.Signal(syscall.SIGHUP)
	eventually(t, patience, fmt.Sprintf("it says %q %d times", says, n),
		func() bool { return strings.Count(s.Output(), says) >= n })
}

// buy reserves a unit under a JWT, and returns the reservation's token.
func (s *hangupStage) buy(t testing.TB, secret string) (status int, token string) {
	t.Helper()
	claims := jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	a := rigtest.Ask(t, "POST", "http://"+s.addr+"/v1/sales/ticket/reservations", "Authorization", "Bearer "+signed)
	return a.Status, rigtest.Bought(a).Token
}

// Row D6: SIGHUP makes the edge read token keys, JWT keys, admin tokens and the log level again. The edge also opens the
// decision log anew, which logrotate has moved away. It goes on selling. A setting that cannot be used changes nothing.
func TestD6HangupReadsAgain(t *testing.T) {
	t.Parallel()
	const again = "read again"
	s := newHangupStage(t)
	status, before := s.buy(t, "the-first-secret-of-the-issuer-of-jwts")
	if status != http.StatusCreated {
		t.Fatal(status)
	}
	keys, err := os.ReadFile(s.file("keys"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.file("keys"), newKey()+string(keys))
	write(t, s.file("jwt"), "another-secret-of-the-issuer-of-jwts")
	write(t, s.file("admin"), "second\nthird\n")
	s.hangup(t, again, 1)
	if status, _ = s.buy(t, "the-first-secret-of-the-issuer-of-jwts"); status != http.StatusUnauthorized {
		t.Errorf("the old JWT key: %d", status)
	}
	status, after := s.buy(t, "another-secret-of-the-issuer-of-jwts")
	if status != http.StatusCreated {
		t.Errorf("the new JWT key: %d", status)
	}
	for _, token := range []string{before, after} {
		if status, _, body := get(t, "GET", "http://"+s.addr+"/v1/reservations/"+token); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	}
	for token, want := range map[string]int{"first": 401, "second": 200, "third": 200} {
		if status, _ := ask(t, "GET", s.admin, "/metrics", "", "Bearer "+token); status != want {
			t.Errorf("admin token %s: %d", token, status)
		}
	}

	write(t, s.file("keys"), newKey()) // drops both keys, and with them their tokens
	s.hangup(t, again, 2)
	if status, _, _ := get(t, "GET", "http://"+s.addr+"/v1/reservations/"+after); status != http.StatusNotFound {
		t.Errorf("a token of a dropped key: %d", status)
	}
	write(t, s.file("keys"), "no key")
	write(t, s.file("admin"), "fourth\n")
	s.hangup(t, "all stay as they were", 1)
	if want := "--token-key: " + s.file("keys") + ": key 1: is neither base64 nor hex"; !strings.Contains(s.Output(), want) {
		t.Errorf("the log does not say: %s", want)
	}
	if status, _ := ask(t, "GET", s.admin, "/metrics", "", "Bearer second"); status != 200 {
		t.Errorf("after keys that cannot be used: %d", status)
	}
	write(t, s.file("keys"), newKey())
	s.configure(t, "lang: zh\nlog-level: debug")
	s.hangup(t, again, 3)
	if !regexp.MustCompile(`take a restart.*lang`).MatchString(s.Output()) {
		t.Error("lang takes a restart, and that is not said")
	}
	s.configure(t, "lang: zh\nlog-level: error")
	s.Signal(syscall.SIGHUP)
	eventually(t, patience, "pausing is not logged", func() bool {
		n := len(s.Output())
		ask(t, "POST", s.admin, "/api/v1/sales/ticket/pause", "", "Bearer fourth")
		ask(t, "POST", s.admin, "/api/v1/sales/ticket/resume", "", "Bearer fourth")
		return len(s.Output()) == n
	})
	s.rotate(t)
	s.stop(t)
}

// rotate makes logrotate move the decision log away. No line is lost, and the next line is in the new file.
func (s *hangupStage) rotate(t testing.TB) {
	t.Helper()
	rotate, err := exec.LookPath("logrotate")
	if err != nil {
		t.Log("there is no logrotate: skipped")
		return
	}
	lines := func(file string) int {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Count(string(text), "result:1")
	}
	want := lines(s.decisions)
	const secret = "another-secret-of-the-issuer-of-jwts"
	buy := func() {
		if status, _ := s.buy(t, secret); status != http.StatusCreated {
			t.Fatal(status)
		}
		want++
	}
	eventually(t, patience, "the sale is on", func() bool {
		status, _ := s.buy(t, secret)
		return status == http.StatusCreated
	})
	want++
	write(t, s.file("rotate.conf"),
		fmt.Sprintf("%s {\n  rotate 3\n  su root root\n  postrotate\n    kill -HUP %d\n  endscript\n}\n",
			s.decisions, s.PID()))
	if out, err := exec.Command(rotate, "--force", "--state", s.file("state"), s.file("rotate.conf")).CombinedOutput(); err != nil {
		t.Fatalf("logrotate: %v\n%s", err, out)
	}
	eventually(t, patience, "lines are in the new file", func() bool {
		buy()
		return lines(s.decisions) > 0
	})
	eventually(t, patience, "every line is in one of them",
		func() bool { return lines(s.decisions)+lines(s.decisions+".1") == want })
}

// Row D3: production sells nothing without a store. A setting that is there but empty, and a variable that was meant to be a
// setting, are named and refused, in flags, environment and file.
func TestD3SettingsThatAreNotThere(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "spike.yaml")
	keys := filepath.Join(t.TempDir(), "keys")
	write(t, keys, newKey())
	for _, c := range []struct {
		env, file string
		args      []string
		says      string // "": the command starts
	}{
		{args: []string{"--production", "--token-key", keys}, says: "--production needs --redis"},
		{env: "SPIKE_REDIS=", args: []string{"--production", "--token-key", keys}, says: "SPIKE_REDIS is there but empty"},
		{env: "SPIKE_REDIS=", says: "SPIKE_REDIS is there but empty"},
		{args: []string{"--redis="}, says: "--redis is there but empty"},
		{args: []string{"--redis", ""}, says: "--redis is there but empty"},
		{file: `redis: ""`, says: "redis is there but empty"},
		{file: `redis:`, says: "redis: has no value"},
		{env: "SPIKE_TOKEN_KEY=", says: "SPIKE_TOKEN_KEY is there but empty"},
		{env: "SPIKE_DATA=", says: "SPIKE_DATA is there but empty"},
		{env: "SPIKE_SALES=", says: "SPIKE_SALES is there but empty"},
		{args: []string{"--sales="}, says: "--sales is there but empty"},
		{file: "sales: []", says: "sales is there but empty"},
		{file: `data: ""`, says: "data is there but empty"},
		{env: "SPIKE_PRODUCTION=", says: "SPIKE_PRODUCTION"},
		{env: "SPIKE_LEASE=", says: "SPIKE_LEASE"},
		{env: "SPIKE_CONFIG=", says: "SPIKE_CONFIG is there but empty"},
		{env: "SPIKE_REDISS=127.0.0.1:1", says: "unknown variable SPIKE_REDISS, did you mean SPIKE_REDIS?"},
		{env: "SPIKE_TOKENKEY=x", says: "did you mean SPIKE_TOKEN_KEY?"},
		{env: "SPIKE_SERVICE_HOST=10.0.0.1"},
		{env: "SPIKE_PORT_3005_TCP=tcp://10.0.0.1:3005"},
		{env: "SPIKE_ADMIN="},
		{file: `admin: ""`},
		{env: "SPIKE_QUITE_ANOTHER_THING=1"},
	} {
		write(t, config, c.file+"\n")
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--config", config}, c.args...)
		if c.env == "SPIKE_CONFIG=" {
			args = []string{"serve", "--listen", "127.0.0.1:0"}
		}
		if !strings.Contains(c.env+c.file, "ADMIN") && !strings.Contains(c.file, "admin") {
			args = append(args, "--admin", rigtest.FreeAddr(t))
		}
		p := &rigtest.Process{Spec: rigtest.Spec{Name: "edge", Path: binary(t), Args: args, Dir: t.TempDir(), Env: []string{c.env}}}
		rigtest.Launch(t, p)
		up := false
		eventually(t, patience, "it is up, or ends", func() bool {
			over := !p.Alive()
			up = strings.Contains(p.Output(), "edge is up")
			return up || over
		})
		p.End()
		var exit *exec.ExitError
		if up != (c.says == "") || !up && (!errors.As(p.Wait(), &exit) || exit.ExitCode() != exitUsage) ||
			!strings.Contains(p.Output(), c.says) {
			t.Errorf("%s %s %v: up %v, want %q:\n%s", c.env, c.file, c.args, up, c.says, p.Output())
		}
		if c.env == "SPIKE_QUITE_ANOTHER_THING=1" && !strings.Contains(p.Output(), "SPIKE_QUITE_ANOTHER_THING") {
			t.Errorf("a variable that nobody reads is not named:\n%s", p.Output())
		}
	}
}

// Row D15: a low limit of open files is named at the start.
func TestD15FewFiles(t *testing.T) {
	t.Parallel()
	edge := runEdge(t, rigtest.Options{Under: []string{"sh", "-c", `ulimit -n 64; exec "$@"`, "sh"}})
	edge.stop(t)
	if log := edge.Output(); !strings.Contains(log, "ulimit -n") {
		t.Errorf("it is not said that there are few:\n%s", log)
	}
}
