package rig

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"spike/bench"
)

// Redis is a redis-server, or a Sentinel.
type Redis struct {
	*Process
	Addr  string
	login rueidis.ClientOption
}

// RedisOptions say which Redis to make.
type RedisOptions struct {
	Name  string // empty: redis
	Dir   string // its folder is made below
	Addr  string // empty: a free loopback address
	Of    *Redis // the primary that it follows; nil: it is a primary
	Place Place
	Env   []string
	Args  []string             // further ones; they win
	Login rueidis.ClientOption // how the rig itself logs in
}

// NewRedis makes a redis-server that keeps nothing on disk, unless Args say otherwise.
func NewRedis(o RedisOptions) (*Redis, error) {
	o.Name = cmp.Or(o.Name, "redis")
	path, err := bench.Tool("redis-server")
	if err == nil && o.Addr == "" {
		o.Addr, err = FreeAddr()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	dir := filepath.Join(o.Dir, o.Name)
	host, port := split(o.Addr)
	args := []string{"--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0"}
	if o.Of != nil {
		host, port = split(o.Of.Addr)
		args = append(args, "--replicaof", host, port)
	}
	r := &Redis{Addr: o.Addr, login: o.Login, Process: &Process{Spec: Spec{Name: o.Name, Path: path, Args: append(args, o.Args...),
		Dir: dir, Env: o.Env, Place: o.Place, Addrs: []string{o.Addr}}}}
	r.Probe = func(ctx context.Context) error {
		_, err := r.Ask(ctx, "PING")
		return err
	}
	return r, nil
}

// Client is how a client of this server alone connects, from where the server is. It sends nothing twice.
func (r *Redis) Client() rueidis.ClientOption {
	o := r.login
	o.InitAddress, o.DisableCache, o.ForceSingleClient, o.DisableRetry = []string{r.Addr}, true, true, true
	o.ConnWriteTimeout = cmp.Or(o.ConnWriteTimeout, 2*time.Second)
	if r.Place != Host {
		o.DialCtxFn = func(ctx context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return r.Place.Dial(ctx, "tcp", addr)
		}
	}
	return o
}

// Ask sends one command over a connection of its own.
func (r *Redis) Ask(ctx context.Context, words ...string) (m rueidis.RedisMessage, err error) {
	c, err := rueidis.NewClient(r.Client())
	if err == nil {
		defer c.Close()
		m, err = c.Do(ctx, c.B().Arbitrary(words...).Build()).ToMessage()
	}
	if err != nil {
		err = fmt.Errorf("%s: %s: %w", r.Name, words[0], err)
	}
	return m, err
}

// Info is a section of INFO, by its fields.
func (r *Redis) Info(ctx context.Context, section string) (map[string]string, error) {
	m, err := r.Ask(ctx, "INFO", section)
	if err != nil {
		return nil, err
	}
	text, err := m.ToString()
	return InfoFields(text), err
}

// InfoFields reads the answer to INFO.
func InfoFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			fields[name] = value
		}
	}
	return fields
}

// Scripts is how many scripts and functions the server has run since its start, by its own count.
func (r *Redis) Scripts(ctx context.Context) (int64, error) {
	return r.Calls(ctx, "eval", "evalsha", "fcall", "eval_ro", "evalsha_ro", "fcall_ro")
}

// Calls is how many of these commands the server has got, by its own count.
func (r *Redis) Calls(ctx context.Context, commands ...string) (sum int64, err error) {
	info, err := r.Info(ctx, "commandstats")
	for _, command := range commands {
		var n int64
		if text, some := info["cmdstat_"+command]; some && err == nil {
			_, err = fmt.Sscanf(text, "calls=%d,", &n)
		}
		sum += n
	}
	return sum, err
}

// Followed is a probe: so many replicas have all that the server has.
func (r *Redis) Followed(replicas int) func(context.Context) error {
	return func(ctx context.Context) error {
		info, err := r.Info(ctx, "replication")
		n := 0
		for _, value := range info {
			if strings.Contains(value, "state=online") {
				n++
			}
		}
		if err == nil && n != replicas {
			err = fmt.Errorf("%d of %d replicas follow", n, replicas)
		}
		return err
	}
}

// The article's hash of a sale, and its fields.
const (
	HashSuffix = "_hash_key"
	TotalField = "ticket_total_nums"
	SoldField  = "ticket_sold_nums"
)

// CreateSale makes a sale as the article does: a hash with a total and a sold count.
func (r *Redis) CreateSale(ctx context.Context, sale string, total, sold int64) error {
	_, err := r.Ask(ctx, "HMSET", sale+HashSuffix, TotalField, strconv.FormatInt(total, 10), SoldField, strconv.FormatInt(sold, 10))
	return err
}

// MakeSale makes a sale by `spike sale create`, with further arguments.
func MakeSale(ctx context.Context, binary, redis, sale string, units int64, args ...string) error {
	args = append([]string{"sale", "create", sale, "--redis", redis, "--total", strconv.FormatInt(units, 10)}, args...)
	runs := 0
	err := Patiently(func() error {
		runs++
		_, err := Run(ctx, "", binary, args...)
		return err
	})
	if err != nil && runs > 1 { // an earlier run may have made the sale
		if _, missing := Run(ctx, "", binary, "sale", "show", sale, "--redis", redis); missing == nil {
			return nil
		}
	}
	return err
}

// Patiently runs the spike program, and again a few times while its store is too slow to answer on a busy machine.
func Patiently(run func() error) (err error) {
	const notReached, runs = 3, 5
	for range runs {
		var exit *exec.ExitError
		if err = run(); !errors.As(err, &exit) || exit.ExitCode() != notReached {
			break
		}
	}
	return err
}

// Sold is the sold count of the hash.
func (r *Redis) Sold(ctx context.Context, sale string) (int64, error) {
	m, err := r.Ask(ctx, "HGET", sale+HashSuffix, SoldField)
	if err != nil {
		return 0, err
	}
	return m.AsInt64()
}
