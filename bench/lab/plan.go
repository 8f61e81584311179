package lab

import (
	"fmt"
	"net/netip"

	"spike/bench/rig"
)

// prefix begins the names of our namespaces, and of no other. A namespace with it may be removed.
const prefix = "spikelab-"

// The ports of the servers.
const (
	buyersPort = 80
	edgePort   = 3005
	adminPort  = 3006
	redisPort  = 6379
)

// The networks: buyers and router; router and each director; the bridge of directors and nginx; the bridge of nginx and edges.
var nets = netip.MustParsePrefix("10.0.0.0/14")

const (
	buyersAddr = "10.0.0.2"
	routerAddr = "10.0.0.1"
	routerLan  = "10.2.0.254"
)

func inside(a netip.Addr) bool { return nets.Contains(a) }

// host is a machine of the lab.
type host struct {
	rig.Place
	name string
	up   string // a director's address towards the router
	gate string // the router's address towards the director
	lan  string // on the bridge between directors and nginx
	edge string // on the bridge between nginx and edges
	n    int    // counts from 1 within its kind
}

// plan is the names and addresses of everything.
type plan struct {
	Topology
	buyers, router, bridges host
	directors, fronts       []host
	edges, stores           []host // the first store is the primary
}

func newPlan(t Topology) plan {
	p := plan{Topology: t, buyers: newHost("c", 0), router: newHost("r", 0), bridges: newHost("sw", 0)}
	p.router.lan = routerLan
	for i := range t.Directors {
		h := newHost("d", i+1)
		h.up, h.gate = fmt.Sprintf("10.1.%d.2", h.n), fmt.Sprintf("10.1.%d.1", h.n)
		h.lan = fmt.Sprintf("10.2.0.%d", h.n)
		p.directors = append(p.directors, h)
	}
	for i := range t.Fronts {
		h := newHost("n", i+1)
		h.lan, h.edge = fmt.Sprintf("10.2.0.%d", 10+h.n), fmt.Sprintf("10.3.0.%d", 10+h.n)
		p.fronts = append(p.fronts, h)
	}
	for i := range t.Edges {
		h := newHost("e", i+1)
		h.edge = fmt.Sprintf("10.3.0.%d", 20+h.n)
		p.edges = append(p.edges, h)
	}
	for i := range t.Replicas + 1 {
		h := newHost("s", i+1)
		h.edge = fmt.Sprintf("10.3.0.%d", 40+h.n)
		p.stores = append(p.stores, h)
	}
	return p
}

// newHost is the nth of its kind; 0: the only one.
func newHost(kind string, n int) host {
	name := kind
	if n > 0 {
		name = fmt.Sprint(kind, n)
	}
	return host{Place: rig.Place(prefix + name), name: name, n: n}
}

// all is every machine, the bridges first.
func (p plan) all() []host {
	all := []host{p.bridges, p.buyers, p.router}
	for _, some := range [][]host{p.directors, p.fronts, p.edges, p.stores} {
		all = append(all, some...)
	}
	return all
}

// reals is the nginx as the directors know them.
func (p plan) reals() (reals []Real) {
	for _, f := range p.fronts {
		reals = append(reals, Real{Name: f.name, Addr: f.lan})
	}
	return reals
}

// redis is the primary's address.
func (p plan) redis() string { return p.stores[0].redisAddr() }

func (h host) redisAddr() string { return fmt.Sprintf("%s:%d", h.edge, redisPort) }
