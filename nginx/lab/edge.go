package lab

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"spike/bench/process"
)

// startEdge starts an edge, or restarts it on its ring.
func (l *lab) startEdge(ctx context.Context, h host) error {
	dir, err := l.room(h)
	if err != nil {
		return err
	}
	p, err := h.start(l.life, process.Spec{Name: "edge", Path: l.o.Binary, Dir: dir, Args: []string{"serve",
		"--listen", h.edgeAddr(), "--admin", adminAddr, "--redis", l.redis(), "--node", h.name,
		"--data", filepath.Join(dir, "ring"),
		"--grace", "2s"}})
	if err != nil {
		return err
	}
	return p.ReadyAt(ctx, upLimit, h.edgeAddr()+","+adminAddr, func(ctx context.Context) error { return ready(ctx, h) })
}

func (h host) edgeAddr() string { return fmt.Sprintf("%s:%d", h.edge, edgePort) }

// adminAddr is the operators' side, on the own loopback of each edge and each gate.
var adminAddr = fmt.Sprintf("127.0.0.1:%d", adminPort)

// ready is a probe of an edge or a gate.
func ready(ctx context.Context, h host) error {
	status, _, err := get(ctx, h.web(false, time.Second), "http://"+adminAddr+"/readyz")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: not ready: %d", h.name, status)
	}
	return err
}
