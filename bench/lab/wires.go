package lab

import (
	"fmt"
	"strings"

	"spike/bench/rig"
)

// batch is lines for `ip -n NAMESPACE -batch -`.
type batch struct {
	in    rig.Place
	lines []string
}

func (b *batch) add(format string, args ...any) {
	b.lines = append(b.lines, fmt.Sprintf(format, args...))
}

func (b batch) String() string { return strings.Join(b.lines, "\n") + "\n" }

// wires is the network. First comes every link, made in a namespace with both its ends, and then the addresses. The host never
// has any of them, not even for a moment.
func (p plan) wires() []batch {
	all := []batch{p.links(), p.routerLinks()}
	for _, h := range p.all() {
		all = append(all, p.addresses(h))
	}
	return all
}

// links are the bridges and their links.
func (p plan) links() batch {
	b := batch{in: p.bridges.Place}
	for _, bridge := range []string{"lan", "edge"} {
		b.add("link add %s type bridge", bridge)
		b.add("link set %s up", bridge)
		for _, h := range p.all() {
			if h.on(bridge) != "" {
				b.add("link add %s-%s type veth peer name %s netns %s", bridge, h.name, bridge, h.Place)
				b.add("link set %s-%s master %s up", bridge, h.name, bridge)
			}
		}
	}
	return b
}

// routerLinks are the router's links to the buyers and to each director.
func (p plan) routerLinks() batch {
	b := batch{in: p.router.Place}
	b.add("link add c type veth peer name up netns %s", p.buyers.Place)
	for _, d := range p.directors {
		b.add("link add %s type veth peer name up netns %s", d.name, d.Place)
	}
	return b
}

// on is the machine's address on a bridge.
func (h host) on(bridge string) string {
	if bridge == "lan" {
		return h.lan
	}
	return h.edge
}

// addresses gives a machine its addresses and routes. The buyers' address is not among them. A director takes it when an nginx
// lives. nginx has it from the start, and announces it to no machine (see settings).
func (p plan) addresses(h host) batch {
	b := batch{in: h.Place}
	b.add("link set lo up")
	for _, bridge := range []string{"lan", "edge"} {
		if h.on(bridge) != "" {
			b.add("address add %s/24 dev %s", h.on(bridge), bridge)
			b.add("link set %s up", bridge)
		}
	}
	switch h.name[0] {
	case 'c':
		b.add("address add %s/24 dev up", buyersAddr)
		b.add("link set dev up up")
		b.add("route add default via %s", routerAddr)
	case 'r':
		b.add("address add %s/24 dev c", routerAddr)
		b.add("link set c up")
		for _, d := range p.directors {
			b.add("address add %s/30 dev %s", d.gate, d.name)
			b.add("link set %s up", d.name)
		}
	case 'd':
		b.add("address add %s/30 dev up", h.up)
		b.add("link set dev up up")
	case 'n':
		b.add("address add %s/32 dev lo", p.Address)
		b.add("route add default via %s", routerLan)
	}
	return b
}

// settings are kernel settings of a machine, by file below /proc/sys/net/ipv4. They are written before the links are made,
// because a new link takes them over.
func (h host) settings() map[string]string {
	s := map[string]string{"conf/all/rp_filter": "0", "conf/default/rp_filter": "0"}
	forward := func() {
		s["ip_forward"], s["conf/all/send_redirects"], s["conf/default/send_redirects"] = "1", "0", "0"
	}
	switch h.name[0] {
	case 'r':
		forward()
		// The hash is over addresses, protocol and ports. Policy 1 would follow the sender's socket over veth, and flatter every
		// fail-over.
		s["fib_multipath_hash_policy"], s["fib_multipath_hash_fields"] = "3", "55"
	case 'd':
		forward()
		s["conf/all/arp_ignore"], s["conf/all/arp_announce"] = "1", "2"
	case 'n':
		s["conf/all/arp_ignore"], s["conf/all/arp_announce"] = "1", "2"
	}
	return s
}
