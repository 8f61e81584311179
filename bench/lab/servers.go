package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"spike/bench/rig"
	"spike/luascripts"
	"spike/luascripts/ledger"
	"spike/nginx"
)

// frr is the daemons of FRR, in their order of start: the others talk to zebra. The template NAME.conf configures a daemon.
var frr = []string{"zebra", "bfdd", "ospfd"}

// frrState is the folder of FRR's sockets, below a name of ours.
const frrState = "/var/run/frr"

// frrPath finds a daemon in Debian and elsewhere, off the PATH. Empty: it is not installed.
func frrPath(daemon string) string {
	for _, place := range []string{"/usr/lib/frr", "/usr/libexec/frr", "/usr/sbin"} {
		if path, err := exec.LookPath(filepath.Join(place, daemon)); err == nil {
			return path
		}
	}
	return ""
}

// speak starts FRR. A daemon is ready when it can be reached. The daemons change from root to their own user, so their files must
// be that user's.
func (s station) speak(ctx context.Context) error {
	room, state := filepath.Join(dir, s.Name), filepath.Join(frrState, string(s.Place))
	err := errors.Join(os.RemoveAll(state), mkdir(state), mkdir(room)) // a machine that died left its state
	for _, daemon := range frr {
		err = errors.Join(err, write(filepath.Join(room, daemon+".conf"), conf(daemon+".conf", s)))
	}
	if err == nil {
		_, err = rig.Run(ctx, "", "chown", "-R", "frr:frr", room, state)
	}
	if err != nil {
		return fmt.Errorf("frr: %w", err)
	}
	for _, daemon := range frr {
		file := filepath.Join(room, daemon)
		there := func(context.Context) error { _, err := os.Stat(filepath.Join(state, daemon+".vty")); return err }
		p := rig.Process{Spec: rig.Spec{Name: daemon, Path: frrPath(daemon), Dir: room, Place: s.Place, Probe: there,
			Args: []string{"-N", string(s.Place), "-f", file + ".conf", "-i", file + ".pid", "-A", "127.0.0.1", "-P", "0",
				"--log", "stdout"}}}
		if err = p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startStore starts a Redis: first the primary, then the others. Each waits until all of them follow.
func (l *lab) startStore(ctx context.Context, h host) error {
	o := rig.RedisOptions{Name: h.Name, Dir: dir, Addr: h.Edge + ":" + redisPort, Place: h.Place,
		Args: []string{"--protected-mode", "no"}}
	if h != l.stores[0] {
		o.Of = l.primary
	}
	r, err := rig.NewRedis(o)
	if err == nil {
		err = r.Start(ctx)
	}
	if err != nil {
		return err
	}
	if o.Of == nil {
		l.primary = r
		return nil
	}
	followed := l.primary.Followed(l.Replicas)
	return eventually(ctx, upLimit, "every replica follows", func() bool { return followed(ctx) == nil })
}

// openStore connects the lab itself to the primary. A ledger that met its replicas later would refuse its first call.
func (l *lab) openStore(ctx context.Context, _ host) (err error) {
	l.store, err = luascripts.Dial(ctx, l.primary.Client(), ledger.DefaultBounds())
	return err
}

// startEdge starts an edge, or restarts it on its ring.
func (l *lab) startEdge(ctx context.Context, h host) error {
	_, err := rig.StartServer(ctx, rig.Edge, rig.Options{Name: h.Name, Binary: l.o.Binary, Dir: dir, Place: h.Place,
		Addr: h.Edge + ":" + edgePort, Admin: adminAddr, Redis: l.redis(), Args: []string{"--node", h.Name, "--grace", "2s"}})
	return err
}

// The files of an nginx, below its folder.
const (
	flagsDir  = "flags"
	accessLog = "access.log" // has a line for each request
)

// topologyOf is the topology of one nginx, which `spike nginx` and `spike gate` read elsewhere.
func (p plan) topologyOf(flags string) rig.Topology {
	t := rig.Topology{Listen: ":" + buyersPort, GateDir: flags, Workers: 1, Weights: p.Edges,
		More: []string{"access_log: " + accessLog}}
	for _, e := range p.edges {
		t.Edges = append(t.Edges, e.Edge+":"+edgePort)
	}
	return t
}

// startFront starts an nginx and its gate, as `spike nginx` and `spike gate` do from the same topology.
func (l *lab) startFront(ctx context.Context, h host) error {
	room := filepath.Join(dir, h.Name)
	flags := filepath.Join(room, flagsDir)
	if err := mkdir(flags); err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	file, err := l.topologyOf(flags).Save(room)
	if err != nil {
		return err
	}
	text, err := rig.Conf(ctx, l.o.Binary, file)
	if err != nil {
		return err
	}
	n, err := rig.NewNginx(rig.NginxOptions{Name: h.Name, Dir: dir, Addr: h.Lan + ":" + buyersPort, Conf: text, Place: h.Place})
	if err != nil {
		return err
	}
	n.Probe = healthy(h, h.Place)
	if err = n.Start(ctx); err != nil {
		return err
	}
	_, err = rig.StartServer(ctx, rig.Gate, rig.Options{Binary: l.o.Binary, Dir: room, Place: h.Place, Admin: adminAddr,
		Redis: l.redis(), Args: []string{"--topology", file}})
	return err
}

// healthy is a probe of an nginx. It asks for a path above the root, which nginx itself refuses. So an edge that hangs does not
// take out an nginx.
func healthy(f host, from rig.Place) func(context.Context) error {
	return from.Answers("http://"+f.Lan+":"+buyersPort+"/..", http.StatusBadRequest)
}

// answersAlone says that every nginx itself says "sold out".
func (l *lab) answersAlone(sale string) bool {
	return !slices.ContainsFunc(l.fronts, func(h host) bool {
		flag := nginx.FlagName(sale, nginx.SoldOut, nginx.Slot(time.Now()))
		_, err := os.Stat(filepath.Join(dir, h.Name, flagsDir, flag))
		return err != nil
	})
}

// startDirector starts the machine's OSPF and its director.
func (l *lab) startDirector(ctx context.Context, d host) error {
	if err := (station{l.plan, d}).speak(ctx); err != nil {
		return err
	}
	room := filepath.Join(dir, d.Name)
	file := filepath.Join(room, "lab.yaml")
	if err := write(file, l.String()); err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	p := rig.Process{Spec: rig.Spec{Name: "director", Path: l.o.Binary, Dir: room, Place: d.Place,
		Args: []string{"lab-director", "--topology", file, "--balancer", l.kind}}}
	return p.Launch()
}

// hops are the directors on the router's way to the buyers' address, in order.
func (p plan) hops(ctx context.Context) (names []string) {
	text, err := rig.Run(ctx, "", "ip", "-n", string(p.router.Place), "-j", "route", "show", p.Address.String())
	if err != nil {
		return nil // the route is gone, or not there yet
	}
	return hopsOf(text)
}

// hopsOf reads ip's output about one route. A single hop is in the route itself, several are in a list.
func hopsOf(text string) (names []string) {
	type hop struct {
		Dev   string   `json:"dev"`
		Flags []string `json:"flags"`
	}
	var routes []struct {
		hop
		Nexthops []hop `json:"nexthops"`
	}
	_ = json.Unmarshal([]byte(text), &routes) // unreadable output has no route
	for _, r := range routes {
		for _, h := range append(r.Nexthops, r.hop) {
			if h.Dev != "" && !slices.Contains(h.Flags, "linkdown") && !slices.Contains(h.Flags, "dead") {
				names = append(names, h.Dev)
			}
		}
	}
	slices.Sort(names)
	return names
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o755) }

func write(file, text string) error { return os.WriteFile(file, []byte(text), 0o644) }
