package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"spike/bench"
	"spike/bench/process"
	"spike/nginx"
)

// nginxPlaces are the places of nginx. Debian keeps it off a user's PATH.
var nginxPlaces = []string{"nginx", "/usr/sbin/nginx", "/sbin/nginx"}

func nginxPath() (string, error) {
	for _, place := range nginxPlaces {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: nginx is not installed (Debian package nginx)", bench.ErrDependency)
}

// topologyOf is the topology of one nginx, which `spike nginx` and `spike gate` read elsewhere.
func (p plan) topologyOf(gateDir string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "listen: :%d\ngate_dir: %s\nworkers: 1\naccess_log: %s\nedges:\n", buyersPort, gateDir, accessLog)
	for i, e := range p.edges {
		fmt.Fprintf(&b, "  - {addr: %s, weight: %d}\n", e.edgeAddr(), p.Edges[i])
	}
	return b.String()
}

// gateDir is the directory of an nginx' flags, below its folder.
const gateDir = "gate"

// accessLog has a line for each request of an nginx.
const accessLog = "access.log"

// startFront starts an nginx and its gate, as `spike nginx` and `spike gate` do from the same topology.
func (l *lab) startFront(ctx context.Context, h host) error {
	dir, err := l.room(h)
	if err != nil {
		return err
	}
	gates, file, conf := filepath.Join(dir, gateDir), filepath.Join(dir, "topology.yaml"), filepath.Join(dir, "nginx.conf")
	if err = errors.Join(mkdir(gates), write(file, l.topologyOf(gates))); err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	t, err := nginx.Load(file)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err = nginx.Render(&text, t); err == nil {
		err = write(conf, text.String())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	if err = l.startNginx(ctx, h, dir, conf); err != nil {
		return err
	}
	p, err := h.start(l.life, process.Spec{Name: "gate", Path: l.o.Binary, Dir: dir,
		Args: []string{"gate", "--topology", file, "--redis", l.redis(), "--admin", adminAddr}})
	if err != nil {
		return err
	}
	return p.ReadyAt(ctx, upLimit, adminAddr, func(ctx context.Context) error { return ready(ctx, h) })
}

// answersAlone says that every nginx itself says "sold out".
func (l *lab) answersAlone(sale string) bool {
	return !slices.ContainsFunc(l.fronts, func(h host) bool {
		flag := nginx.FlagName(sale, nginx.SoldOut, nginx.Slot(time.Now()))
		_, err := os.Stat(filepath.Join(l.dir, h.name, gateDir, flag))
		return err != nil
	})
}

func (l *lab) startNginx(ctx context.Context, h host, dir, conf string) error {
	path, err := nginxPath()
	if err != nil {
		return err
	}
	p, err := h.start(l.life, process.Spec{Name: "nginx", Path: path, Dir: dir,
		Args: []string{"-p", dir, "-c", conf, "-e", "stderr", "-g", "daemon off;"}})
	if err != nil {
		return err
	}
	return p.ReadyAt(ctx, upLimit, fmt.Sprintf("%s:%d", h.lan, buyersPort), func(ctx context.Context) error {
		if !healthy(ctx, h.web(false, time.Second), h.lan) {
			return fmt.Errorf("%s does not answer", h.name)
		}
		return nil
	})
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o755) }

func write(file, text string) error { return os.WriteFile(file, []byte(text), 0o644) }

// get sends a short question for the figures.
func get(ctx context.Context, c *http.Client, url string) (status int, body []byte, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	return do(c, q)
}
