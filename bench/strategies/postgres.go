package strategies

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
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
	"spike/bench/process"
)

// Postgres is a PostgreSQL of our own: on loopback and a free port, with its own password and default durability (fsync and
// synchronous_commit on). Its folder is removed afterwards.
type Postgres struct {
	proc     *process.Process
	addr     string
	password string
}

const (
	pgUser       = "spike"
	pgReady      = 30 * time.Second
	pgMaxConns   = 2*maxPool + 20
	initdbLimit  = time.Minute
	createdbTime = 30 * time.Second
)

// StartPostgres makes a cluster below dir and starts it. The server may run as another user, who must be able to reach dir:
// see [servant].
func StartPostgres(ctx context.Context, dir string) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	addr, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	p := &Postgres{addr: addr, password: rand.Text()}
	data, err := p.initdb(ctx, bin, dir)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	name, args := servant(filepath.Join(bin, "postgres"), "-D", data, "-h", host, "-p", port,
		"-c", "unix_socket_directories=", "-c", "max_connections="+strconv.Itoa(pgMaxConns))
	if p.proc, err = process.Start(ctx, process.Spec{Name: "postgres", Path: name, Args: args, Dir: dir}); err != nil {
		return nil, err
	}
	if err = p.proc.ReadyAt(ctx, pgReady, addr, p.answers); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// Stop ends the server, and cuts off its clients.
func (p *Postgres) Stop() {
	_ = syscall.Kill(p.proc.PID(), syscall.SIGINT) // a fast stop; SIGTERM would wait for the clients
	p.proc.Stop()
}

// URL returns the address of a database. It has the password in it, so it belongs in an environment, not in arguments or
// logs.
func (p *Postgres) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(pgUser, p.password), Host: p.addr, Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// Create makes a database.
func (p *Postgres) Create(ctx context.Context, database string) error {
	ctx, cancel := context.WithTimeout(ctx, createdbTime)
	defer cancel()
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	if _, err = c.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// answers is a probe for Ready.
func (p *Postgres) answers(ctx context.Context) error {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	return c.Close(ctx)
}

// initdb makes the cluster's folder.
func (p *Postgres) initdb(ctx context.Context, bin, dir string) (data string, err error) {
	home := filepath.Join(dir, "postgres")
	secret := filepath.Join(home, "password")
	data = filepath.Join(home, "data")
	if err = os.Mkdir(home, 0o700); err == nil {
		err = os.WriteFile(secret, []byte(p.password), 0o600)
	}
	if err == nil {
		err = give(home, secret)
	}
	if err != nil {
		return "", fmt.Errorf("initdb: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, initdbLimit)
	defer cancel()
	name, args := servant(filepath.Join(bin, "initdb"), "-D", data, "-U", pgUser, "-A", "scram-sha-256", "--pwfile", secret,
		"-E", "UTF8", "--locale", "C", "--no-sync")
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = home
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: initdb: %w: %s", bench.ErrDependency, err, out)
	}
	return data, os.Remove(secret)
}

// postgresBin returns the folder of the server's programs. Debian has a folder for each version, and puts none on PATH.
func postgresBin() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil { // initdb is beside the program, not beside a link to it
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the only possible error is a bad pattern
	if len(found) == 0 {
		return "", fmt.Errorf("%w: postgres is not installed (Debian package postgresql; `make deps` installs it)", bench.ErrDependency)
	}
	return filepath.Dir(newest(found)), nil
}

func newest(servers []string) string {
	return slices.MaxFunc(servers, func(a, b string) int { return version(a) - version(b) })
}

// version reads the version in /usr/lib/postgresql/VERSION/bin/postgres.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// servant returns the command for a user other than root, because PostgreSQL refuses to run as root.
func servant(path string, args ...string) (string, []string) {
	who := unprivileged()
	if who == nil {
		return path, args
	}
	return "setpriv", append([]string{"--reuid", who.Uid, "--regid", who.Gid, "--clear-groups", "--pdeathsig", "TERM",
		"--", path}, args...)
}

// give makes the servant the owner of files.
func give(paths ...string) error {
	who := unprivileged()
	if who == nil {
		return nil
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	for _, path := range paths {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// unprivileged is the user that root runs the server as; nil: we are not root, and run it ourselves.
func unprivileged() *user.User {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if who, err := user.Lookup(name); err == nil {
			return who
		}
	}
	return nil
}
