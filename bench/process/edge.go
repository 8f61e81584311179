package process

import (
	"context"
	"net/http"
	"path/filepath"
	"time"
)

// Edge is a running `spike serve`, with its ring in a file, as in production.
type Edge struct {
	*Process
	Addr  string // buyers'
	Admin string // operators'
}

// EdgeSpec says which edge to start.
type EdgeSpec struct {
	Name   string
	Binary string   // the spike program
	Dir    string   // of its log, and of its data
	Redis  string   // address
	Args   []string // further ones
}

// StartEdge starts an edge and waits until it is ready. The edge ends when ctx ends, or before by [Process.Stop].
func StartEdge(ctx context.Context, s EdgeSpec) (*Edge, error) {
	const readyLimit = 20 * time.Second
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	p, err := Start(ctx, Spec{Name: s.Name, Path: s.Binary, Dir: s.Dir, Args: append([]string{"serve", "--listen", addr,
		"--admin", admin, "--redis", s.Redis, "--data", filepath.Join(s.Dir, s.Name+"-data")}, s.Args...)})
	if err != nil {
		return nil, err
	}
	if err = p.ReadyAt(ctx, readyLimit, addr+","+admin, Answers("http://"+admin+"/readyz", http.StatusOK)); err != nil {
		p.Stop()
		return nil, err
	}
	return &Edge{p, addr, admin}, nil
}

// Buys is how many buys of the sale the edge has answered, by outcome.
func (e *Edge) Buys(ctx context.Context, sale string) (map[string]int64, error) {
	text, err := Metrics(ctx, e.Admin)
	if err != nil {
		return nil, err
	}
	return Buys(text, sale)
}
