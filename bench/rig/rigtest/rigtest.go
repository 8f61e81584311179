// Package rigtest starts servers and crowds for a test. They end with the test. If it fails, servers are told by their output.
package rigtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/rig"
)

type (
	// Process is [rig.Process]. It and the others are the types that tests name: they import no other package of bench.
	Process = rig.Process
	// Spec is [rig.Spec].
	Spec = rig.Spec
	// Server is [rig.Server].
	Server = rig.Server
	// Options is [rig.Options].
	Options = rig.Options
	// Nginx is [rig.Nginx].
	Nginx = rig.Nginx
	// NginxOptions is [rig.NginxOptions].
	NginxOptions = rig.NginxOptions
	// Postgres is [rig.Postgres].
	Postgres = rig.Postgres
	// Metrics is [rig.Metrics].
	Metrics = rig.Metrics

	// Answer is [crowd.Answer].
	Answer = crowd.Answer
	// Reservation is [crowd.Reservation].
	Reservation = crowd.Reservation
	// Conn is [crowd.Conn].
	Conn = crowd.Conn
	// CrowdOptions is [crowd.Options].
	CrowdOptions = crowd.Options
	// CrowdResult is [crowd.Result].
	CrowdResult = crowd.Result
	// Word is [crowd.Word].
	Word = crowd.Word
	// Wins is [crowd.Wins].
	Wins = crowd.Wins
)

// What tests name of rig and crowd, as it is.
var (
	Edge      = rig.Edge
	Gate      = rig.Gate
	Orders    = rig.Orders
	Dashboard = rig.Dashboard

	Answers  = rig.Host.Answers
	Environ  = rig.Environ
	Listens  = rig.Listens
	Tool     = bench.Tool
	RunCrowd = crowd.Run
)

// Scrape reads /metrics of an operators' address.
func Scrape(t testing.TB, admin string) Metrics {
	t.Helper()
	m, err := rig.Scrape(context.Background(), rig.Host, admin)
	must(t, err)
	return m
}

// Binary is the path of the tested spike program.
func Binary(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("SPIKE_BIN")
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make sets it")
	}
	return bin
}

// FreeAddr is a free loopback address: see [rig.FreeAddr].
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := rig.FreeAddr()
	must(t, err)
	return addr
}

// Room is a folder that servers of other users may enter, and that goes with the test.
func Room(t testing.TB) string {
	t.Helper()
	dir, err := rig.Room("test")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Start starts a process, and ends it at once with the test.
func Start(t testing.TB, p *Process) {
	t.Helper()
	Launch(t, p)
	must(t, p.Ready(context.Background()))
}

// Restart starts a process again that has ended.
func Restart(t testing.TB, p *Process) {
	t.Helper()
	must(t, p.Start(context.Background()))
}

// Launch starts a process, and does not wait.
func Launch(t testing.TB, p *Process) {
	t.Helper()
	Ends(t, p)
	must(t, p.Launch())
}

// Ends ends a process at once with the test, whoever starts it.
func Ends(t testing.TB, p *Process) {
	t.Cleanup(func() {
		p.End()
		const most = 6000
		if text := p.Output(); t.Failed() && text != "" {
			t.Logf("%s:\n%s", p.Name, text[max(0, len(text)-most):])
		}
	})
}

// StartRedis starts a redis-server that keeps nothing on disk. args are more of its arguments.
func StartRedis(t testing.TB, args ...string) *rig.Redis {
	t.Helper()
	return StartRedisBy(t, rig.RedisOptions{Args: args})
}

// StartRedisAt is StartRedis at an address of the caller's choice, where a killed server may still be about to end. It may still
// be loading its file.
func StartRedisAt(t testing.TB, addr string, args ...string) *rig.Redis {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			break
		}
	}
	r, err := rig.NewRedis(rig.RedisOptions{Dir: t.TempDir(), Addr: addr, Args: args})
	must(t, err)
	r.Probe = nil
	Start(t, r.Process)
	return r
}

// StartRedisBy starts a Redis, in a folder of the test's own if the options name none.
func StartRedisBy(t testing.TB, o rig.RedisOptions) *rig.Redis {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	r, err := rig.NewRedis(o)
	must(t, err)
	Start(t, r.Process)
	return r
}

// ClusterArgs are the arguments by which a Redis may be a node of a Cluster. Its bus has a free port of its own: the port that
// Redis takes by itself is 10,000 above the first, where another connection may have it.
func ClusterArgs(t testing.TB, timeout time.Duration) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(FreeAddr(t))
	must(t, err)
	return []string{"--cluster-enabled", "yes", "--cluster-port", port,
		"--cluster-node-timeout", strconv.FormatInt(timeout.Milliseconds(), 10), "--cluster-allow-replica-migration", "no"}
}

// StartServer starts a server of the tested spike program, in a folder of the test's own if the options name none.
func StartServer(t testing.TB, k rig.Kind, o Options) *Server {
	t.Helper()
	s := NewServer(t, k, o)
	Start(t, s.Process)
	return s
}

// NewServer is StartServer, and does not start it.
func NewServer(t testing.TB, k rig.Kind, o Options) *Server {
	t.Helper()
	o.Binary = Binary(t)
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := rig.NewServer(k, o)
	must(t, err)
	return s
}

// StartNginx starts an nginx in a folder of the test's own.
func StartNginx(t testing.TB, o NginxOptions) *Nginx {
	t.Helper()
	o.Dir = Room(t)
	n, err := rig.NewNginx(o)
	must(t, err)
	Start(t, n.Process)
	return n
}

// StartPostgres starts a PostgreSQL that need not survive a loss of power, with settings (name=value).
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	return postgres(t, rig.PostgresOptions{Settings: settings})
}

// StartStandby starts a PostgreSQL that follows another one. The primary knows it by name.
func StartStandby(t testing.TB, of *Postgres, name string) *Postgres {
	t.Helper()
	return postgres(t, rig.PostgresOptions{Name: name, Of: of})
}

func postgres(t testing.TB, o rig.PostgresOptions) *Postgres {
	t.Helper()
	o.Dir, o.Settings = Room(t), append([]string{"fsync=off"}, o.Settings...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p, err := rig.NewPostgres(ctx, o)
	must(t, err)
	Start(t, p.Process)
	return p
}

// Promote makes a standby a primary.
func Promote(t testing.TB, p *Postgres) {
	t.Helper()
	must(t, p.Promote(context.Background()))
}

// StartPooler starts a PgBouncer in front of a PostgreSQL, and returns the URL through it. After each transaction its session may
// serve another client. Settings are lines of its configuration.
func StartPooler(t testing.TB, p *Postgres, settings string) string {
	t.Helper()
	path, err := Tool("pgbouncer")
	must(t, err)
	direct, err := url.Parse(p.URL("postgres"))
	must(t, err)
	password, _ := direct.User.Password()
	addr := FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	users, file := filepath.Join(p.Dir, "users.txt"), filepath.Join(p.Dir, "pooler."+port+".ini")
	lines := []string{"[databases]", "postgres = host=127.0.0.1 port=" + direct.Port() + " dbname=postgres", "[pgbouncer]",
		"listen_addr = 127.0.0.1", "listen_port = " + port, "unix_socket_dir =", "auth_type = scram-sha-256", "auth_file = " + users,
		"pool_mode = transaction", "default_pool_size = 2", "server_round_robin = 1", "server_login_retry = 1", settings, ""}
	must(t, os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", direct.User.Username(), password), 0o644)) // the folder is closed
	must(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644))
	Start(t, &Process{Spec: Spec{Name: "pooler." + port, Path: path, Args: []string{file}, Dir: p.Dir, User: p.User,
		Addrs: []string{addr}}})
	direct.Host = addr
	return direct.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Log is a log that a test may read while it is written. Safe for concurrent use. The zero value is empty.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Won and the others are words that tests look for: see [crowd.Word].
const (
	Won       = crowd.Won
	SoldOut   = crowd.SoldOut
	NoneNow   = crowd.NoneNow
	Undecided = crowd.Undecided
	Pending   = crowd.Pending
	Confirmed = crowd.Confirmed
	Cancelled = crowd.Cancelled
	Lost      = crowd.Lost
	OverLimit = crowd.OverLimit
	Entered   = crowd.Entered
)

// Crowd sends requests. The test fails unless each has an answer of status 200, and no serial is won twice.
func Crowd(t testing.TB, requests int64, connections int, urls ...string) (*Wins, CrowdResult) {
	t.Helper()
	w, r := CrowdAnyway(t, requests, connections, urls...)
	if r.Statuses[200] != requests || w.Wrong() != nil {
		t.Fatalf("%+v\nwrong: %q\nodd answers: %s", r, w.Wrong(), w.Odd())
	}
	return w, r
}

// CrowdAnyway sends requests, and accepts any answer.
func CrowdAnyway(t testing.TB, requests int64, connections int, urls ...string) (*Wins, CrowdResult) {
	t.Helper()
	w := &Wins{Keep: true}
	r, err := crowd.Run(context.Background(), CrowdOptions{URLs: urls, Connections: connections, Requests: requests,
		Timeout: 10 * time.Second, Heard: w.Hear})
	must(t, err)
	return w, r
}

// StartCrowd starts a crowd that buys until stop is called, for some minutes at most.
func StartCrowd(t testing.TB, o CrowdOptions) (w *Wins, stop func() CrowdResult) {
	t.Helper()
	w = &Wins{Keep: true}
	if o.Requests == 0 {
		o.Requests = 1 << 40
	}
	if o.Heard == nil {
		o.Heard = w.Hear
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	ended := make(chan CrowdResult, 1)
	go func() {
		r, _ := crowd.Run(ctx, o)
		ended <- r
	}()
	stop = sync.OnceValue(func() CrowdResult { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	return w, stop
}

// Ask sends one request. The header is names and values by turns.
func Ask(t testing.TB, method, url string, header ...string) Answer {
	t.Helper()
	host, path, err := crowd.Split(url)
	must(t, err)
	a, err := NewConn(t, host).Ask(method, path, header...)
	must(t, err)
	return a
}

// NewConn is a buyer's connection, which ends with the test.
func NewConn(t testing.TB, addr string) *Conn {
	t.Helper()
	c := crowd.NewConn(context.Background(), addr, 30*time.Second, nil)
	t.Cleanup(c.Close)
	return c
}

// Bought is what an answer says of a reservation: see [crowd.Answer.Reservation]. Empty: nothing.
func Bought(a Answer) Reservation {
	r, _ := a.Reservation()
	return r
}
