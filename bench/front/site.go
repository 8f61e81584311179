package front

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"spike/bench/process"
)

// Sale is the only sale here: the article's.
const Sale = "ticket"

// Weights of the four servers, as in the article: a tenth of the requests for the first, four for the last.
func Weights() []int { return []int{1, 2, 3, 4} }

// Options of a site.
type Options struct {
	Binary  string // the spike program: all our servers are started from it
	Dir     string // of logs and data; nginx' workers must be able to enter it, and may run as nobody
	Article bool   // the servers are the article's, not edges
	Units   int64  // of the sale, which has no hold
	Sold    int64  // of them, before the first buyer
	Limit   int    // per buyer; 0: none, and the sale is made as the article does
}

// Site is a running Redis with a sale, and four servers. It has nginx and the gate, if they were opened.
type Site struct {
	o       Options
	Redis   *process.Redis
	Servers []*Server
	Nginx   *Nginx
	gate    *process.Process
	gateDir string
}

// Open starts the Redis and the four servers. They go on when ctx ends: Close stops them in an order in which none waits for
// another.
func Open(ctx context.Context, o Options) (*Site, error) {
	s := &Site{o: o}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Site) open(ctx context.Context) (err error) {
	if s.Redis, err = process.StartRedis(context.WithoutCancel(ctx), s.o.Dir, "redis"); err != nil {
		return err
	}
	if err = s.openSale(ctx); err != nil {
		return err
	}
	start := startEdge
	if s.o.Article {
		start = startArticle
	}
	for i := range Weights() {
		one, err := start(ctx, s.o, i, s.Redis.Addr)
		if err != nil {
			return err
		}
		s.Servers = append(s.Servers, one)
	}
	return nil
}

// openSale makes the sale. The article's way knows no limit.
func (s *Site) openSale(ctx context.Context) error {
	if s.o.Limit == 0 {
		return s.Redis.CreateSale(ctx, Sale, s.o.Units, s.o.Sold)
	}
	said, err := exec.CommandContext(ctx, s.o.Binary, "sale", "create", Sale, "--total", strconv.FormatInt(s.o.Units, 10),
		"--hold", "0s", "--limit-per-buyer", strconv.Itoa(s.o.Limit), "--redis", s.Redis.Addr).CombinedOutput()
	if err != nil {
		return fmt.Errorf("spike sale create: %w: %s", err, said)
	}
	return nil
}

// Addrs of the servers.
func (s *Site) Addrs() []string {
	var all []string
	for _, one := range s.Servers {
		all = append(all, one.Addr)
	}
	return all
}

// OpenFront puts nginx in front of the servers, in place of an earlier one. Without a configuration it uses the topology's.
func (s *Site) OpenFront(ctx context.Context, t Topology, conf []byte) (err error) {
	s.closeFront()
	if conf == nil {
		if conf, err = t.Conf(); err != nil {
			return err
		}
	}
	// This probe buys nothing: no server knows such a path.
	s.Nginx, err = StartNginx(ctx, s.o.Dir, "nginx", t.Listen, conf, http.StatusNotFound)
	return err
}

// OpenGate starts the gate beside nginx.
func (s *Site) OpenGate(ctx context.Context, t Topology) (err error) {
	file := filepath.Join(s.o.Dir, "topology.yaml")
	if err = t.Save(file); err != nil {
		return err
	}
	s.gate, err = startGate(ctx, s.o, file, s.Redis.Addr)
	return err
}

// GateDir makes a folder for flags, in memory if possible. The folder is removed when the site closes.
func (s *Site) GateDir() (string, error) {
	var err error
	s.gateDir, err = FlagDir()
	return s.gateDir, err
}

// FlagDir makes a folder that nginx' workers may enter, in memory if possible.
func FlagDir() (string, error) {
	const inMemory = "/dev/shm"
	parent := ""
	if info, err := os.Stat(inMemory); err == nil && info.IsDir() {
		parent = inMemory
	}
	dir, err := os.MkdirTemp(parent, "spike-gate-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("folder for flags: %w", err)
	}
	return dir, nil
}

// Cost is the CPU time that every server has spent so far. Its error wraps process.ErrNoCPU if the time cannot be read.
func (s *Site) Cost() (c Cost, err error) {
	add := func(to *time.Duration, cpu func() (time.Duration, error)) {
		d, wrong := cpu()
		*to, err = *to+d, errors.Join(err, wrong)
	}
	if s.Nginx != nil {
		add(&c.Nginx, s.Nginx.CPU)
	}
	for _, one := range s.Servers {
		add(&c.Servers, one.CPU)
	}
	add(&c.Redis, s.Redis.CPU)
	if s.gate != nil {
		add(&c.Gate, s.gate.CPU)
	}
	return c, err
}

func (s *Site) closeFront() {
	if s.Nginx != nil {
		s.Nginx.Stop()
		s.Nginx = nil
	}
}

// CloseSelling stops nginx, the gate and the servers. Edges settle and give back. Redis stays, to be audited.
func (s *Site) CloseSelling() {
	s.closeFront()
	var wg sync.WaitGroup
	for _, one := range s.Servers {
		wg.Go(one.Stop)
	}
	if s.gate != nil {
		wg.Go(s.gate.Stop)
	}
	wg.Wait()
	s.Servers, s.gate = nil, nil
}

// Close stops everything.
func (s *Site) Close() {
	s.CloseSelling()
	if s.Redis != nil {
		s.Redis.Stop()
		s.Redis = nil
	}
	if s.gateDir != "" {
		_ = os.RemoveAll(s.gateDir)
	}
}

// Room makes a folder for a run. nginx' workers may enter it, whichever user they are.
func Room(name string) (string, error) {
	dir, err := os.MkdirTemp("", "spike-"+name+"-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		return "", fmt.Errorf("folder for the servers: %w", err)
	}
	return dir, nil
}
