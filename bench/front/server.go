package front

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"

	"spike/bench/peers"
	"spike/bench/process"
)

// Server answers buys behind nginx: an edge, or the article's server.
type Server struct {
	*process.Process
	Addr  string
	admin string // empty: the server does not count
}

// Answered is how many buys of the sale the server has answered, by its own counter. The article's server has none.
func (s *Server) Answered(ctx context.Context) (sum int64, err error) {
	buys, err := (&process.Edge{Admin: s.admin}).Buys(ctx, Sale)
	for _, n := range buys {
		sum += n
	}
	return sum, err
}

func startEdge(ctx context.Context, o Options, i int, redis string) (*Server, error) {
	name := fmt.Sprintf("edge-%d", i+1)
	e, err := process.StartEdge(context.WithoutCancel(ctx), process.EdgeSpec{Name: name, Binary: o.Binary, Dir: o.Dir, Redis: redis,
		Args: []string{"--node", name, "--sales", Sale, "--grace", "4s"}})
	if err != nil {
		return nil, err
	}
	return &Server{e.Process, e.Addr, e.Admin}, nil
}

// startArticle starts the article's server, corrected as in bench/peers. Its stock is its share and half as much again.
func startArticle(ctx context.Context, o Options, i int, redis string) (*Server, error) {
	addr, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("article-%d", i+1)
	p, err := process.Start(context.WithoutCancel(ctx), process.Spec{Name: name, Path: o.Binary, Dir: o.Dir,
		Args: []string{"bench", "peer", peers.Article, "--listen", addr, "--redis", redis,
			"--log", filepath.Join(o.Dir, name+".stat"), "--local-stock", strconv.FormatInt(LocalStock(o.Units), 10)}})
	if err != nil {
		return nil, err
	}
	if err = p.ReadyAt(ctx, readyLimit, addr, process.Answers("http://"+addr+"/", http.StatusNotFound)); err != nil {
		p.Stop()
		return nil, err
	}
	return &Server{Process: p, Addr: addr}, nil
}

// LocalStock is how many requests each of the article's four servers lets through to Redis: a quarter of the units and half
// as much again, as the article's 150 of 100.
func LocalStock(units int64) int64 { return (units*3 + 7) / 8 }

// startGate starts `spike gate` for the topology in a file.
func startGate(ctx context.Context, o Options, topology, redis string) (*process.Process, error) {
	admin, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	p, err := process.Start(context.WithoutCancel(ctx), process.Spec{Name: "gate", Path: o.Binary, Dir: o.Dir,
		Args: []string{"gate", "--topology", topology, "--redis", redis, "--admin", admin}})
	if err != nil {
		return nil, err
	}
	if err = p.ReadyAt(ctx, readyLimit, admin, process.Answers("http://"+admin+"/readyz", http.StatusOK)); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}
