package lab

import (
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"

	"spike/bench/rig"
	"spike/nginx"
	"spike/nginx/strictyaml"
)

// ErrTopology is wrapped by every error in a topology.
var ErrTopology = fmt.Errorf("lab: %w", nginx.ErrTopology)

//go:embed topology.yaml
var standard []byte

// Topology is the lab as data.
type Topology struct {
	Address   netip.Addr `yaml:"address"`   // the address that buyers call
	Directors int        `yaml:"directors"` // 2 to 8
	Fronts    int        `yaml:"fronts"`    // nginx, 2 to 8
	Edges     []int      `yaml:"edges"`     // their weights, 1 to 1000; 2 to 16 of them
	Replicas  int        `yaml:"replicas"`  // of Redis, 0 to 3
	BFD       BFD        `yaml:"bfd"`
	Check     Check      `yaml:"check"`
	Crowd     Crowd      `yaml:"crowd"`
	Trials    []string   `yaml:"trials"` // in this order
}

// BFD is how the router and the directors notice each other's silence.
type BFD struct {
	EveryMS int `yaml:"every_ms"` // 50 to 1000. With 100 it flaps on a machine that may stall for half a second
	Misses  int `yaml:"misses"`   // 2 to 10
}

// Check is how a director watches an nginx.
type Check struct {
	EveryMS int `yaml:"every_ms"` // 50 to 5000
	Fall    int `yaml:"fall"`     // bad answers in a row after which it is out, 1 to 10
	Rise    int `yaml:"rise"`     // good answers in a row after which it is back, 1 to 10
}

// Crowd is the buyers. Each waits for its answer, and then for the pause.
type Crowd struct {
	Kept    int `yaml:"kept"`     // buyers on a connection that stays open, 1 to 256
	Fresh   int `yaml:"fresh"`    // buyers with a connection for each buy, 1 to 256
	PauseMS int `yaml:"pause_ms"` // 5 to 1000
}

// Load reads and checks the topology in a file. Without a name it is the default of `spike lab`.
func Load(file string) (Topology, error) {
	data, err := standard, error(nil)
	if file != "" {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return Topology{}, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	t, err := parse(data)
	if err != nil {
		return Topology{}, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

func parse(data []byte) (t Topology, err error) {
	if err = strictyaml.Decode(data, &t); err != nil {
		return t, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	return t, t.check()
}

// String is the topology as Load reads it.
func (t Topology) String() string {
	text, err := yaml.Marshal(t)
	if err != nil {
		panic("topology: " + err.Error()) // plain fields: this cannot fail
	}
	return string(text)
}

// check reports the first field that cannot be used, by its name in the file.
func (t Topology) check() error {
	if !t.Address.Is4() || nets.Contains(t.Address) || !t.Address.IsGlobalUnicast() {
		return wrong("address", errors.New("is not an IPv4 address outside of 10.0.0.0/14"))
	}
	type number struct {
		field       string
		n, low, top int
	}
	all := []number{
		{"directors", t.Directors, 2, 8}, {"fronts", t.Fronts, 2, 8}, {"edges", len(t.Edges), 2, 16},
		{"replicas", t.Replicas, 0, 3},
		{"bfd.every_ms", t.BFD.EveryMS, 50, 1000}, {"bfd.misses", t.BFD.Misses, 2, 10},
		{"check.every_ms", t.Check.EveryMS, 50, 5000}, {"check.fall", t.Check.Fall, 1, 10}, {"check.rise", t.Check.Rise, 1, 10},
		{"crowd.kept", t.Crowd.Kept, 1, 256}, {"crowd.fresh", t.Crowd.Fresh, 1, 256},
		{"crowd.pause_ms", t.Crowd.PauseMS, 5, 1000},
		{"trials", len(t.Trials), 1, 64},
	}
	for i, weight := range t.Edges {
		all = append(all, number{fmt.Sprintf("edges[%d]", i), weight, 1, 1000})
	}
	for _, f := range all {
		if f.n < f.low || f.n > f.top {
			return wrong(f.field, fmt.Errorf("%d is not within %d..%d", f.n, f.low, f.top))
		}
	}
	for i, name := range t.Trials {
		field := fmt.Sprintf("trials[%d]", i)
		if !slices.Contains(trials, name) {
			return wrong(field, fmt.Errorf("%q is none of %v", name, trials))
		}
		if name == "replica" && t.Replicas == 0 {
			return wrong(field, errors.New("there is no replica to die"))
		}
	}
	return nil
}

func wrong(field string, err error) error { return fmt.Errorf("%w: %s: %w", ErrTopology, field, err) }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// prefix begins the names of our namespaces, and of no other. A namespace with it may be removed.
const prefix = "spikelab-"

// The ports of the servers.
const (
	buyersPort = "80"
	edgePort   = "3005"
	redisPort  = "6379"
)

// adminAddr is the operators' side, on the own loopback of each edge and each gate.
const adminAddr = "127.0.0.1:3006"

// nets has the networks: buyers and router; router and each director; the bridge of directors and nginx; the bridge of nginx and
// edges.
var nets = netip.MustParsePrefix("10.0.0.0/14")

// routerLan is the router's address on the bridge of directors and nginx.
const routerLan = "10.2.0.254"

// host is a machine of the lab. It has a link for each of its addresses, named up, lan or edge.
type host struct {
	rig.Place
	Name string
	Up   string // its address towards the router
	Gate string // the router's address on its link
	Lan  string // on the bridge between directors and nginx
	Edge string // on the bridge between nginx and edges
}

// Kind is the first letter of its name.
func (h host) Kind() string { return h.Name[:1] }

// plan is the names and addresses of everything.
type plan struct {
	Topology
	buyers, router, bridges host
	directors, fronts       []host
	edges, stores           []host // the first store is the primary
}

func newPlan(t Topology) plan {
	return plan{Topology: t,
		bridges:   host{}.named("sw"),
		buyers:    host{Up: "10.0.0.2", Gate: "10.0.0.1"}.named("c"),
		router:    host{Lan: routerLan}.named("r"),
		directors: host{Up: "10.1.N.2", Gate: "10.1.N.1", Lan: "10.2.0.N"}.times(t.Directors, "d", 0),
		fronts:    host{Gate: routerLan, Lan: "10.2.0.N", Edge: "10.3.0.N"}.times(t.Fronts, "n", 10),
		edges:     host{Edge: "10.3.0.N"}.times(len(t.Edges), "e", 20),
		stores:    host{Edge: "10.3.0.N"}.times(t.Replicas+1, "s", 40),
	}
}

func (h host) named(name string) host {
	h.Place, h.Name = rig.Place(prefix+name), name
	return h
}

// times is n machines of a kind. N in an address stands for the machine's number, counted from base + 1.
func (h host) times(n int, kind string, base int) (all []host) {
	for i := 1; i <= n; i++ {
		number := strings.NewReplacer("N", strconv.Itoa(base+i)).Replace
		one := host{Up: number(h.Up), Gate: number(h.Gate), Lan: number(h.Lan), Edge: number(h.Edge)}
		all = append(all, one.named(kind+strconv.Itoa(i)))
	}
	return all
}

func names(hosts []host) (all []string) {
	for _, h := range hosts {
		all = append(all, h.Name)
	}
	return all
}

// All is every machine, the bridges first.
func (p plan) All() []host {
	return slices.Concat([]host{p.bridges, p.buyers, p.router}, p.directors, p.fronts, p.edges, p.stores)
}

// redis is the primary's address.
func (p plan) redis() string { return p.stores[0].Edge + ":" + redisPort }

// Reals are the nginx, for the templates.
func (p plan) Reals() []host { return p.fronts }

// batch is lines for `ip -n NAMESPACE -batch -`.
type batch struct {
	in   rig.Place
	text string
}

// wires is the network. First comes every link, made in a namespace with both its ends, and then the addresses. The host never
// has any of them, not even for a moment.
func (p plan) wires() []batch {
	all := []batch{{p.bridges.Place, conf("bridges", p)}, {p.router.Place, conf("ways", p)}}
	for _, h := range p.All() {
		all = append(all, batch{h.Place, conf("addresses", station{p, h})})
	}
	return all
}

// settings are kernel settings of a machine, by file below /proc/sys/net/ipv4. They are written before the links are made,
// because a new link takes them over.
func (h host) settings() map[string]string {
	s := map[string]string{"conf/all/rp_filter": "0", "conf/default/rp_filter": "0"}
	kind := h.Kind()
	if kind == "r" || kind == "d" { // they forward
		s["ip_forward"], s["conf/all/send_redirects"], s["conf/default/send_redirects"] = "1", "0", "0"
	}
	if kind == "d" || kind == "n" { // they keep silent about the address on lo
		s["conf/all/arp_ignore"], s["conf/all/arp_announce"] = "1", "2"
	}
	if kind == "r" {
		// The hash is over addresses, protocol and ports. Policy 1 would follow the sender's socket over veth, and flatter every
		// fail-over.
		s["fib_multipath_hash_policy"], s["fib_multipath_hash_fields"] = "3", "55"
	}
	return s
}

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"port":    func() string { return buyersPort },
	"buckets": func() int { return buckets },
	"seconds": func(n int) string { return fmt.Sprintf("%.2f", ms(n).Seconds()) },
	"again":   func(n int) int { return n - 1 }, // the times after the first
}).ParseFS(files, "*.tmpl"))

// conf is what a template makes of its data.
func conf(name string, data any) string {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name+".tmpl", data); err != nil {
		panic(err) // the templates are constant, and tests run each
	}
	return b.String()
}

// Print is the configuration of a director or router, for a machine of its own. A director may run keepalived instead of ours. It
// has the same checks and the same balancing, and its address comes and goes with the nginx behind it.
func Print(t Topology, what string) (string, error) {
	p := newPlan(t)
	switch what {
	case "keepalived":
		return conf("keepalived.conf", p), nil
	case NFT, LVS:
		return conf(what+".begin", p) + conf(what+".change", p.change(nil, p.fronts)), nil
	case "topology":
		return t.String(), nil
	case "ospf":
		return conf("frr", station{p, p.router}) + conf("frr", station{p, p.directors[0]}), nil
	}
	return "", fmt.Errorf("%w: --print %q", ErrUsage, what)
}

// station is a machine among all.
type station struct {
	plan
	host
}

// Links are the interfaces towards others that speak OSPF.
func (s station) Links() []string {
	if s.host == s.router {
		return names(s.directors)
	}
	return []string{"up"}
}
