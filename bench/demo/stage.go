package demo

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/process"
	"spike/luascripts"
	"spike/luascripts/ledger"
	"spike/nginx"
)

const readyLimit = 15 * time.Second

// stage is every server of the demo. The demo has started all of them.
type stage struct {
	dir    string // logs
	front  string // where nginx listens
	redis  *process.Redis
	client rueidis.Client
	store  *luascripts.Redis
	edges  []*edgeProcess
	nginx  *process.Process
}

// edgeProcess is one running edge.
type edgeProcess struct {
	*process.Process
	name   string
	weight int
	addr   string
	admin  string
	log    string // its decisions
}

// open starts the servers one after another. The caller must call close, also after an error.
//
// The servers go on when ctx ends: close stops them in an order in which nothing is lost.
func (s *stage) open(ctx context.Context, o Options, nginxPath string) error {
	life := context.WithoutCancel(ctx)
	if err := s.openRedis(ctx, life, o); err != nil {
		return err
	}
	o.step("four edges on %s:%d-%d", host, o.BasePort, o.BasePort+len(weights)-1)
	for i, weight := range weights {
		if err := s.openEdge(ctx, life, o, i, weight); err != nil {
			return err
		}
	}
	o.step("nginx on %s, weights %s", s.front, weightWords())
	return s.openNginx(ctx, life, nginxPath)
}

// openRedis starts a Redis and makes the sale in it as the article does.
func (s *stage) openRedis(ctx, life context.Context, o Options) (err error) {
	if s.redis, err = process.StartRedis(life, s.dir, "redis"); err != nil {
		return err
	}
	o.step("Redis on %s, nothing of it kept", s.redis.Addr)
	options := rueidis.ClientOption{InitAddress: []string{s.redis.Addr}, DisableCache: true}
	if s.client, err = rueidis.NewClient(options); err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrDown, err)
	}
	if s.store, err = luascripts.Dial(ctx, options, ledger.DefaultBounds()); err != nil {
		return err
	}
	hmset := s.client.B().Hmset().Key(hashKey).FieldValue().
		FieldValue(totalField, strconv.FormatInt(o.Units, 10)).FieldValue(soldField, "0").Build()
	o.step("HMSET %s %s %d %s 0", hashKey, totalField, o.Units, soldField)
	if err = s.client.Do(ctx, hmset).Error(); err != nil {
		return fmt.Errorf("make the sale: %w", err)
	}
	return nil
}

// The article's hash.
const (
	hashKey    = sale + ledger.HashSuffix
	totalField = "ticket_total_nums"
	soldField  = "ticket_sold_nums"
)

// fields of the hash: total and sold.
func (s *stage) fields(ctx context.Context) (total, sold string, err error) {
	both, err := s.client.Do(ctx, s.client.B().Hmget().Key(hashKey).Field(totalField, soldField).Build()).AsStrSlice()
	if err == nil && len(both) != 2 {
		err = fmt.Errorf("%d fields, not 2", len(both))
	}
	if err != nil {
		return "", "", fmt.Errorf("read %s: %w", hashKey, err)
	}
	return both[0], both[1], nil
}

func (s *stage) openEdge(ctx, life context.Context, o Options, i, weight int) error {
	e := &edgeProcess{name: fmt.Sprintf("edge-%d", i+1), weight: weight, addr: o.edgeAddr(i)}
	e.log = filepath.Join(s.dir, e.name+".decisions")
	if err := os.Remove(e.log); err != nil && !os.IsNotExist(err) { // an edge appends
		return fmt.Errorf("%s: %w", e.name, err)
	}
	admin, err := process.FreeAddr()
	if err != nil {
		return err
	}
	e.admin = admin
	e.Process, err = process.Start(life, process.Spec{Name: e.name, Path: o.Binary, Dir: s.dir, Args: []string{"serve",
		"--listen", e.addr, "--admin", e.admin, "--redis", s.redis.Addr, "--node", e.name, "--sales", sale,
		"--decision-log", e.log, "--grace", "4s"}})
	if err != nil {
		return err
	}
	s.edges = append(s.edges, e)
	return e.ReadyAt(ctx, readyLimit, e.admin, process.Answers("http://"+e.admin+"/readyz", http.StatusOK))
}

func (s *stage) openNginx(ctx, life context.Context, path string) error {
	t := nginx.Topology{Listen: s.front}
	for _, e := range s.edges {
		t.Edges = append(t.Edges, nginx.Edge{Addr: e.addr, Weight: e.weight})
	}
	prefix := filepath.Join(s.dir, "nginx")
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return fmt.Errorf("nginx: %w", err)
	}
	conf := filepath.Join(prefix, "nginx.conf")
	if err := writeConf(conf, t); err != nil {
		return err
	}
	var err error
	s.nginx, err = process.Start(life, process.Spec{Name: "nginx", Path: path, Dir: s.dir,
		Args: []string{"-p", prefix, "-c", conf, "-e", "stderr", "-g", "daemon off;"}})
	if err != nil {
		return err
	}
	// This probe buys nothing: an edge answers 404 to this path.
	return s.nginx.ReadyAt(ctx, readyLimit, s.front, process.Answers("http://"+s.front+"/", http.StatusNotFound))
}

func writeConf(file string, t nginx.Topology) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("nginx: %w", err)
	}
	defer f.Close()
	return nginx.Render(f, t)
}

// closeFront stops nginx and the edges, which settle and give back.
func (s *stage) closeFront() {
	if s.nginx != nil {
		s.nginx.Stop()
		s.nginx = nil
	}
	var wg sync.WaitGroup
	for _, e := range s.edges {
		wg.Go(e.Stop)
	}
	wg.Wait()
}

// close stops everything that was started.
func (s *stage) close() {
	s.closeFront()
	if s.store != nil {
		s.store.Close()
	}
	if s.client != nil {
		s.client.Close()
	}
	if s.redis != nil {
		s.redis.Stop()
		_ = os.RemoveAll(filepath.Dir(s.redis.Log))
	}
}
