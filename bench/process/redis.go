package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"spike/bench"
)

// Redis is a redis-server of our own: loopback, a random port, nothing kept on disk.
type Redis struct {
	*Process
	Addr   string
	client rueidis.Client
}

// StartRedis starts a Redis that keeps its log below dir. Further arguments win over the usual ones.
func StartRedis(ctx context.Context, dir, name string, args ...string) (*Redis, error) {
	path, err := bench.Tool("redis-server")
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	if dir, err = os.MkdirTemp(dir, name+"-"); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	host, port, _ := net.SplitHostPort(addr)
	p, err := Start(ctx, Spec{Name: name, Path: path, Dir: dir, Args: append([]string{
		"--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no"}, args...)})
	if err != nil {
		return nil, err
	}
	r := &Redis{Process: p, Addr: addr}
	if err = p.ReadyAt(ctx, 10*time.Second, addr, r.connect); err != nil {
		p.Stop()
		return nil, err
	}
	return r, nil
}

// connect is the probe: connected and answering.
func (r *Redis) connect(ctx context.Context) error {
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{r.Addr}, DisableCache: true, ConnWriteTimeout: 2 * time.Second})
	if err != nil {
		return err
	}
	if err = c.Do(ctx, c.B().Ping().Build()).Error(); err != nil {
		c.Close()
		return err
	}
	r.client = c
	return nil
}

// Host is the first part of Addr.
func (r *Redis) Host() string { host, _, _ := net.SplitHostPort(r.Addr); return host }

// Port is the other part.
func (r *Redis) Port() string { _, port, _ := net.SplitHostPort(r.Addr); return port }

// Stop ends the server and the connection to it.
func (r *Redis) Stop() {
	r.client.Close()
	r.Process.Stop()
}

// CreateSale makes a sale as the article does: a hash with a total and a sold count.
func (r *Redis) CreateSale(ctx context.Context, sale string, total, sold int64) error {
	cmd := r.client.B().Hset().Key(hashKey(sale)).FieldValue().
		FieldValue("ticket_total_nums", strconv.FormatInt(total, 10)).
		FieldValue("ticket_sold_nums", strconv.FormatInt(sold, 10)).Build()
	if err := r.client.Do(ctx, cmd).Error(); err != nil {
		return fmt.Errorf("create sale %s: %w", sale, err)
	}
	return nil
}

// MakeSale makes a sale by `spike sale create`, with further arguments.
func (r *Redis) MakeSale(ctx context.Context, binary, sale string, total int64, args ...string) error {
	cmd := exec.CommandContext(ctx, binary, append([]string{"sale", "create", sale, "--redis", r.Addr,
		"--total", strconv.FormatInt(total, 10)}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sale create %s: %w: %s", sale, err, out)
	}
	return nil
}

// Sold is the sold count of the hash.
func (r *Redis) Sold(ctx context.Context, sale string) (int64, error) {
	n, err := r.client.Do(ctx, r.client.B().Hget().Key(hashKey(sale)).Field("ticket_sold_nums").Build()).AsInt64()
	if err != nil {
		return 0, fmt.Errorf("sold units of %s: %w", sale, err)
	}
	return n, nil
}

func hashKey(sale string) string { return sale + "_hash_key" }

// Scripts is how many scripts and functions the server has run since its start, by its own count.
func (r *Redis) Scripts(ctx context.Context) (int64, error) { return r.calls(ctx, scriptCommands) }

// Waits is how many times the server was asked to wait for its replicas, by its own count.
func (r *Redis) Waits(ctx context.Context) (int64, error) {
	return r.calls(ctx, map[string]bool{"cmdstat_wait": true})
}

func (r *Redis) calls(ctx context.Context, commands map[string]bool) (int64, error) {
	info, err := r.client.Do(ctx, r.client.B().Info().Section("commandstats").Build()).ToString()
	if err != nil {
		return 0, fmt.Errorf("calls of %s: %w", r.Name, err)
	}
	return callsIn(info, commands)
}

// Followed is a probe: the server is a primary, and so many replicas follow it.
func (r *Redis) Followed(replicas int) func(context.Context) error {
	return func(ctx context.Context) error {
		info, err := r.client.Do(ctx, r.client.B().Info().Section("replication").Build()).ToString()
		if n := strings.Count(info, "state=online"); err == nil && n != replicas {
			err = fmt.Errorf("%d of %d replicas follow", n, replicas)
		}
		return err
	}
}

// callsIn adds up the calls of these commands in INFO commandstats.
func callsIn(info string, commands map[string]bool) (int64, error) {
	var sum int64
	for line := range strings.Lines(info) {
		name, rest, found := strings.Cut(strings.TrimSpace(line), ":calls=")
		if !found || !commands[name] {
			continue
		}
		digits, _, _ := strings.Cut(rest, ",")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("commandstats %q: %w", line, err)
		}
		sum += n
	}
	return sum, nil
}

var scriptCommands = map[string]bool{
	"cmdstat_eval": true, "cmdstat_evalsha": true, "cmdstat_fcall": true,
	"cmdstat_eval_ro": true, "cmdstat_evalsha_ro": true, "cmdstat_fcall_ro": true,
}
