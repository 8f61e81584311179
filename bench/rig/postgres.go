package rig

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"spike/bench"
)

// Postgres is a PostgreSQL on loopback and a free port, with its own password. It refuses to run as root, so that root runs it as
// another user, who must be able to reach its folder: see [Room]. End is a crash of it.
type Postgres struct {
	*Process
	Addr     string
	password string
	data     string // its folder of data
}

const postgresUser = "spike"

// PostgresOptions say which PostgreSQL to make.
type PostgresOptions struct {
	Name     string    // empty: postgres
	Dir      string    // its folder is made below
	Of       *Postgres // the primary that it follows, which knows it by its name; nil: it is a primary
	Settings []string  // name=value, over its defaults
}

// NewPostgres makes a cluster of databases, which is empty or follows a primary.
func NewPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	p := &Postgres{password: rand.Text(), Process: &Process{}}
	o.Name = cmp.Or(o.Name, "postgres")
	dir := filepath.Join(o.Dir, o.Name)
	p.Spec = Spec{Name: o.Name, Dir: dir, Ask: syscall.SIGINT, Kill: syscall.SIGQUIT,
		Probe: func(ctx context.Context) error { return p.exec(ctx, "SELECT 1") }}
	p.data = filepath.Join(dir, "data")
	var err error
	if p.Path, err = postgresTool("postgres"); err != nil {
		return nil, err
	}
	if p.Addr, err = FreeAddr(); err != nil {
		return nil, err
	}
	p.Addrs = []string{p.Addr}
	host, port := split(p.Addr)
	p.Args = []string{"-D", p.data, "-h", host, "-p", port}
	for _, set := range append([]string{"unix_socket_directories=", "shared_buffers=32MB"}, o.Settings...) {
		p.Args = append(p.Args, "-c", set)
	}
	if err = p.fill(ctx, o.Of); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	return p, nil
}

// fill makes the folder of data.
func (p *Postgres) fill(ctx context.Context, of *Postgres) (err error) {
	if err = os.Mkdir(p.Dir, 0o700); err != nil {
		return err
	}
	if p.User, err = unprivileged(); err == nil && p.User != nil {
		err = os.Chown(p.Dir, int(p.User.Uid), int(p.User.Gid))
	}
	if err != nil {
		return err
	}
	if of != nil {
		p.password = of.password
		return p.tool(ctx, "pg_basebackup", "-D", p.data, "-d", of.URL("postgres")+"?application_name="+p.Name, "-R", "-X", "stream",
			"-c", "fast", "--no-sync")
	}
	secret := filepath.Join(p.Dir, "password")
	if err = os.WriteFile(secret, []byte(p.password), 0o644); err != nil { // the folder is closed to others
		return err
	}
	defer os.Remove(secret)
	return p.tool(ctx, "initdb", "-D", p.data, "-U", postgresUser, "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
		"--locale", "C", "--no-sync")
}

// tool runs one of PostgreSQL's programs to its end, as the server's user.
func (p *Postgres) tool(ctx context.Context, name string, args ...string) error {
	path, err := postgresTool(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.SysProcAttr = p.Dir, &syscall.SysProcAttr{Credential: p.User}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s: %w: %s", bench.ErrDependency, name, err, out)
	}
	return nil
}

// Promote makes a standby a primary, and returns when it takes writes.
func (p *Postgres) Promote(ctx context.Context) error {
	return p.tool(ctx, "pg_ctl", "promote", "-w", "-D", p.data)
}

// URL returns the address of a database, on this server or on others that follow it or are followed by it. It has the password in
// it, so it belongs in an environment, not in arguments or logs.
func (p *Postgres) URL(database string, others ...*Postgres) string {
	addrs := p.Addr
	for _, o := range others {
		addrs += "," + o.Addr
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(postgresUser, p.password), Host: addrs, Path: "/" + database}
	return u.String()
}

// Create makes a database.
func (p *Postgres) Create(ctx context.Context, database string) error {
	return p.exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
}

func (p *Postgres) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	_, err = c.Exec(ctx, sql)
	return err
}

// postgresTool finds a program. Debian has a folder for each version, and puts the server's programs into no PATH. The newest is
// taken.
func postgresTool(name string) (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the only possible error is a bad pattern
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) }), nil
	}
	return bench.Tool(name)
}

// version is a number, so that 15 is more than 9.6.
func version(path string) float64 {
	v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(path))), 64)
	return v
}

// unprivileged is the user that root runs the server as; nil: we are not root, and run it ourselves.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("%w: PostgreSQL does not run as root, and there is no user postgres or nobody", bench.ErrDependency)
}
