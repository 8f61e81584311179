package lab

import (
	"context"
	"fmt"

	"spike/bench/rig"
)

// startEdge starts an edge, or restarts it on its ring.
func (l *lab) startEdge(ctx context.Context, h host) error {
	_, err := rig.StartServer(ctx, rig.Edge, rig.Options{Name: h.name, Binary: l.o.Binary, Dir: l.dir, Place: h.Place,
		Addr: h.edgeAddr(), Admin: adminAddr, Redis: l.redis(), Args: []string{"--node", h.name, "--grace", "2s"}})
	return err
}

func (h host) edgeAddr() string { return fmt.Sprintf("%s:%d", h.edge, edgePort) }

// adminAddr is the operators' side, on the own loopback of each edge and each gate.
var adminAddr = fmt.Sprintf("127.0.0.1:%d", adminPort)
