package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"spike/bench/rig"
	"spike/nginx"
)

// topologyOf is the topology of one nginx, which `spike nginx` and `spike gate` read elsewhere.
func (p plan) topologyOf(gateDir string) rig.Topology {
	t := rig.Topology{Listen: fmt.Sprintf(":%d", buyersPort), GateDir: gateDir, Workers: 1, Weights: p.Edges,
		More: []string{"access_log: " + accessLog}}
	for _, e := range p.edges {
		t.Edges = append(t.Edges, e.edgeAddr())
	}
	return t
}

// gateDir is the directory of an nginx' flags, below its folder.
const gateDir = "flags"

// accessLog has a line for each request of an nginx.
const accessLog = "access.log"

// startFront starts an nginx and its gate, as `spike nginx` and `spike gate` do from the same topology.
func (l *lab) startFront(ctx context.Context, h host) error {
	dir, err := l.room(h)
	if err != nil {
		return err
	}
	flags := filepath.Join(dir, gateDir)
	if err = mkdir(flags); err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	file, err := l.topologyOf(flags).Save(dir)
	if err != nil {
		return err
	}
	if err = l.startNginx(ctx, h, file); err != nil {
		return err
	}
	_, err = rig.StartServer(ctx, rig.Gate, rig.Options{Binary: l.o.Binary, Dir: dir, Place: h.Place, Admin: adminAddr,
		Redis: l.redis(), Args: []string{"--topology", file}})
	return err
}

// answersAlone says that every nginx itself says "sold out".
func (l *lab) answersAlone(sale string) bool {
	return !slices.ContainsFunc(l.fronts, func(h host) bool {
		flag := nginx.FlagName(sale, nginx.SoldOut, nginx.Slot(time.Now()))
		_, err := os.Stat(filepath.Join(l.dir, h.name, gateDir, flag))
		return err != nil
	})
}

func (l *lab) startNginx(ctx context.Context, h host, topology string) error {
	conf, err := rig.Conf(ctx, l.o.Binary, topology)
	if err != nil {
		return err
	}
	n, err := rig.NewNginx(rig.NginxOptions{Name: h.name, Dir: l.dir, Addr: fmt.Sprintf("%s:%d", h.lan, buyersPort), Conf: conf,
		Place: h.Place})
	if err != nil {
		return err
	}
	n.Probe = func(ctx context.Context) error {
		if !healthy(ctx, h.Client(false, time.Second), h.lan) {
			return fmt.Errorf("%s does not answer", h.name)
		}
		return nil
	}
	return n.Start(ctx)
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o755) }

func write(file, text string) error { return os.WriteFile(file, []byte(text), 0o644) }
