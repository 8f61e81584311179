package rigtest

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/rig"
)

type (
	// Process is [rig.Process]. It and the others are the types of rig that tests name: they import no other package of bench.
	Process = rig.Process
	// Spec is [rig.Spec].
	Spec = rig.Spec
	// Redis is [rig.Redis].
	Redis = rig.Redis
	// RedisOptions is [rig.RedisOptions].
	RedisOptions = rig.RedisOptions
	// Kind is [rig.Kind].
	Kind = rig.Kind
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
)

// Kinds of servers of the tested program.
var (
	Edge      = rig.Edge
	Gate      = rig.Gate
	Orders    = rig.Orders
	Dashboard = rig.Dashboard
)

// Functions of rig and crowd, as they are.
var (
	Answers   = rig.Host.Answers
	Environ   = rig.Environ
	Listens   = rig.Listens
	FindNginx = rig.FindNginx
	RunCrowd  = crowd.Run
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
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return StartRedisBy(t, RedisOptions{Args: args})
}

// StartRedisAt is StartRedis at an address of the caller's choice, where a killed server may still be about to end. It may still
// be loading its file.
func StartRedisAt(t testing.TB, addr string, args ...string) *Redis {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			break
		}
	}
	r, err := rig.NewRedis(RedisOptions{Dir: t.TempDir(), Addr: addr, Args: args})
	must(t, err)
	r.Probe = nil
	Start(t, r.Process)
	return r
}

// StartRedisBy starts a Redis, in a folder of the test's own if the options name none.
func StartRedisBy(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	r, err := rig.NewRedis(o)
	must(t, err)
	Start(t, r.Process)
	return r
}

// StartServer starts a server of the tested spike program, in a folder of the test's own if the options name none.
func StartServer(t testing.TB, k Kind, o Options) *Server {
	t.Helper()
	s := NewServer(t, k, o)
	Start(t, s.Process)
	return s
}

// NewServer is StartServer, and does not start it.
func NewServer(t testing.TB, k Kind, o Options) *Server {
	t.Helper()
	o.Binary = Binary(t)
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := rig.NewServer(k, o)
	must(t, err)
	return s
}

// StartNginx starts an nginx that listens at an address, by a configuration.
func StartNginx(t testing.TB, addr, conf string) *Nginx {
	t.Helper()
	return StartNginxBy(t, NginxOptions{Addr: addr, Conf: conf})
}

// StartNginxBy starts an nginx in a folder of the test's own.
func StartNginxBy(t testing.TB, o NginxOptions) *Nginx {
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
func StartStandby(t testing.TB, of *Postgres, name string, settings ...string) *Postgres {
	t.Helper()
	return postgres(t, rig.PostgresOptions{Name: name, Of: of, Settings: settings})
}

func postgres(t testing.TB, o rig.PostgresOptions) *Postgres {
	t.Helper()
	o.Dir, o.Unsafe = Room(t), true
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

// StartPooler starts a PgBouncer in front of a PostgreSQL, and returns the URL through it. Settings are lines of its
// configuration.
func StartPooler(t testing.TB, p *Postgres, settings string) string {
	t.Helper()
	pooler, err := p.NewPooler(settings)
	must(t, err)
	Start(t, pooler.Process)
	return pooler.URL
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
